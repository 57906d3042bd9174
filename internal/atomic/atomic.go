// Package atomic writes files in one step: readers see the old file or the complete new one, never
// a part, whatever kills the writer.
package atomic

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
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
// followed to its target. Temporary files that dead processes left in the folder are removed.
func Write(path string, write func(io.Writer) error) error { return put(path, write, os.Rename) }

// Create is Write for a path at which nothing exists. If a file appears there in the meantime,
// Create leaves it as it is, and returns an error that matches fs.ErrExist.
func Create(path string, write func(io.Writer) error) error { return put(path, write, renameNew) }

// Open is Write, and leaves the file open for its owner, who goes on at its end. A reader may meet
// the beginning of what the owner appends. Another process that writes the path gets a file of its
// own, and the owner keeps this one, which has no name from then on. The path must not be that of a
// pipe or a device.
func Open(path string, write func(io.Writer) error) (f *os.File, err error) {
	path, info, err := resolve(path)
	if err != nil {
		return nil, err
	}
	if info != nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file; remove it", path)
	}
	f, err = place(path, info, write, func(f *os.File, to string) error { return os.Rename(f.Name(), to) })
	if err != nil && f != nil {
		f.Close()
	}
	return f, err
}

func put(path string, write func(io.Writer) error, rename func(from, to string) error) error {
	writing.Add(1)
	defer writing.Add(-1)
	path, info, err := resolve(path)
	if err != nil {
		return err
	}
	if info != nil && !info.Mode().IsRegular() { // a pipe or a device takes the bytes as they come
		return writeDirectly(path, write)
	}
	_, err = place(path, info, write, func(f *os.File, to string) error {
		if err := f.Close(); err != nil { // some systems rename no open file
			return err
		}
		return rename(f.Name(), to)
	})
	return err
}

// place writes a new file in the folder of path, and renames it to path.
func place(
	path string, info fs.FileInfo, write func(io.Writer) error, rename func(f *os.File, to string) error,
) (*os.File, error) {
	folder, base := split(path)
	removeStale(folder)
	f, err := create(folder, base)
	if err != nil {
		return nil, err
	}
	if err = fill(f, info, write); err == nil {
		err = rename(f, path)
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, err
	}
	return f, syncFolder(folder)
}

// Probe returns an error if no file can be made in the folder. It also removes the temporary files
// that dead processes left there.
func Probe(folder string) error {
	removeStale(folder)
	f, err := create(folder, "probe")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func split(path string) (folder, base string) {
	folder, base = filepath.Split(path)
	if folder == "" {
		folder = "."
	}
	return folder, base
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

// The name of a temporary file is .BASE.eqflow-MACHINE-PID-NUMBER.tmp.
var temporary = regexp.MustCompile(`^\..*\.eqflow-([0-9a-z]+)-([0-9]+)-[0-9a-z]+\.tmp$`)

func create(folder, base string) (*os.File, error) {
	// A name of up to 255 bytes leaves no room for the numbers.
	if most := 180; len(base) > most {
		base = base[:most]
	}
	for try := 0; ; try++ {
		number := strconv.FormatUint(rand.Uint64(), 36)
		name := fmt.Sprintf(".%s.eqflow-%s-%d-%s.tmp", base, machine(), os.Getpid(), number)
		f, err := os.OpenFile(filepath.Join(folder, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil || !os.IsExist(err) || try == 10 {
			return f, err
		}
	}
}

// fill writes the file, with the mode of the file that it is to replace.
func fill(f *os.File, replaced fs.FileInfo, write func(io.Writer) error) error {
	err := write(f)
	if err == nil && replaced != nil {
		err = f.Chmod(replaced.Mode().Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	return err
}

// linkNew is renameNew by a second name of the file, which is refused where the name exists. A file
// system without links has only the look beforehand.
func linkNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if _, missing := os.Lstat(to); errors.Is(err, fs.ErrExist) || missing == nil {
		return &fs.PathError{Op: "create", Path: to, Err: fs.ErrExist}
	}
	return os.Rename(from, to)
}

// syncFolder makes the rename last. Some file systems cannot, and the file itself is safe by then.
// A disk that fails is an error.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return nil // a folder that may be written and not read
	}
	err = f.Sync()
	f.Close()
	if errors.Is(err, syscall.EIO) {
		return err
	}
	return nil
}

// staleAfter is the age beyond which the temporary file of another machine is removed. That machine
// shares the folder, and its processes cannot be asked; none writes for so long.
const staleAfter = time.Hour

// removeStale removes the temporary files that dead processes left in the folder.
func removeStale(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := temporary.FindStringSubmatch(e.Name())
		if name == nil {
			continue
		}
		pid, err := strconv.Atoi(name[2])
		stale := err == nil && name[1] == machine() && !alive(pid)
		if info, err := e.Info(); err == nil && name[1] != machine() {
			stale = time.Since(info.ModTime()) > staleAfter
		}
		if stale {
			os.Remove(filepath.Join(folder, e.Name()))
		}
	}
}

// machine identifies the processes among which a process number is unique: those of one start of
// the machine and, in containers, of one container.
var machine = sync.OnceValue(func() string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, _ := os.Readlink("/proc/self/ns/pid")
	host, _ := os.Hostname()
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %s %s", boot, space, host)
	return strconv.FormatUint(h.Sum64(), 36)
})
