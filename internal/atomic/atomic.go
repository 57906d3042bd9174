// Package atomic writes files in one step: readers see the old file or the complete new one, never
// a part, whatever kills the writer.
package atomic

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// writing counts the files that are being written.
var writing atomic.Int64

// Writing reports whether a file is being written. A program that ends in a hurry waits for it.
func Writing() bool { return writing.Load() > 0 }

// WriteFile writes data to path in one step.
func WriteFile(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write writes to path, in one step, the bytes that write produces. It writes a new file of an
// unpredictable name in the same folder, flushes it to the disk, and renames it. The new file has
// the mode of the file that it replaces; otherwise the user's umask decides. A symbolic link is
// followed to its target. Temporary files that dead processes left behind are removed.
func Write(path string, write func(io.Writer) error) error {
	writing.Add(1)
	defer writing.Add(-1)
	path, info, err := resolve(path)
	if err != nil {
		return err
	}
	if info != nil && !info.Mode().IsRegular() { // a pipe or a device takes the bytes as they come
		return writeDirectly(path, write)
	}
	folder, base := filepath.Split(path)
	if folder == "" {
		folder = "."
	}
	removeStale(folder, base)
	f, err := create(folder, base)
	if err != nil {
		return err
	}
	temp := f.Name()
	if err = fill(f, info, write); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return err
	}
	syncFolder(folder)
	return nil
}

// resolve follows symbolic links, and returns what is there already, nil for nothing.
func resolve(path string) (target string, info fs.FileInfo, err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	} else if link, err := os.Readlink(path); err == nil { // to a file that does not exist yet
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
	info, err = os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return path, nil, nil
	case err != nil:
		return path, nil, err
	case info.IsDir():
		return path, nil, fmt.Errorf("%s is a folder; name a file", path)
	}
	return path, info, nil
}

func writeDirectly(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// The name of a temporary file is .BASE.PID.NUMBER.tmp.
const suffix = ".tmp"

func create(folder, base string) (*os.File, error) {
	// A name of up to 255 bytes leaves no room for the numbers.
	if most := 200; len(base) > most {
		base = base[:most]
	}
	for try := 0; ; try++ {
		name := fmt.Sprintf(".%s.%d.%s%s", base, os.Getpid(), strconv.FormatUint(rand.Uint64(), 36), suffix)
		f, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil || !os.IsExist(err) || try == 10 {
			return f, err
		}
	}
}

// fill writes and closes the file, with the mode of the file that it is to replace.
func fill(f *os.File, replaced fs.FileInfo, write func(io.Writer) error) error {
	err := write(f)
	if err == nil && replaced != nil {
		err = f.Chmod(replaced.Mode().Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder makes the rename last. Some file systems cannot; the file itself is safe by then.
func syncFolder(folder string) {
	if f, err := os.Open(folder); err == nil {
		_ = f.Sync()
		f.Close()
	}
}

// staleAfter is the age beyond which the temporary file of a dead process is removed. Another
// machine that shares the folder has other processes, and none writes for so long.
const staleAfter = time.Hour

// removeStale removes temporary files for a name that dead processes of this machine left behind.
func removeStale(folder, base string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		pid, ok := writerOf(e.Name(), base)
		if !ok || pid == os.Getpid() || alive(pid) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
			os.Remove(filepath.Join(folder, e.Name()))
		}
	}
}

// writerOf is the process that a temporary file's name names.
func writerOf(name, base string) (pid int, ok bool) {
	rest, ok := strings.CutPrefix(name, "."+base+".")
	if !ok || !strings.HasSuffix(rest, suffix) {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, ".")
	pid, err := strconv.Atoi(number)
	return pid, err == nil && pid > 0
}
