// Package lock lets one process at a time work on a folder or on a file of it. The operating system
// holds a lock and frees it when its process ends, however that ends, so that no lock goes stale.
//
// On NFS the system passes a lock on to the server, which keeps other machines out too. A file
// system that has no locks, or whose locks hold on one machine alone, is told to the caller.
package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// ErrHeld marks what another process holds. The error names that process.
var ErrHeld = errors.New("is in use")

// ErrUnsupported marks a file system that has no locks.
var ErrUnsupported = errors.New("cannot be locked")

// FileName is the name of the file that is locked while a process works in its folder. The empty
// file stays, because removing it would let two later processes lock two files of one name.
const FileName = ".lock"

// Lock is a lock that this process holds.
type Lock struct {
	file *flock.Flock
	path string
}

// Folder locks a folder, which must exist. See File.
func Folder(folder string) (*Lock, error) { return File(filepath.Join(folder, FileName)) }

// File locks a file, which is made if it does not exist. Its error matches ErrHeld, with the words
// "is in use by process 7 (eqflow train) on host", or ErrUnsupported, or is that of a folder that
// cannot be written.
func File(path string) (*Lock, error) {
	const mode = os.FileMode(0o666)
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(mode)) // NFS wants writing
	locked, err := l.TryLock()
	if errors.Is(err, os.ErrPermission) { // the file of another user
		l = flock.New(path, flock.SetFlag(os.O_RDONLY), flock.SetPermissions(mode))
		locked, err = l.TryLock()
	}
	var cannotOpen *os.PathError
	switch {
	case errors.As(err, &cannotOpen):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	case !locked:
		return nil, fmt.Errorf("%w by %s", ErrHeld, Holder(path))
	}
	_ = os.WriteFile(path, []byte(self()), mode) // without these words the lock holds all the same
	return &Lock{l, path}, nil
}

// Wait is File for work that soon ends: it waits until the lock is free or ctx ends. If it has to
// wait, it first calls tell with the process that holds the lock.
func Wait(ctx context.Context, path string, tell func(holder string)) (*Lock, error) {
	for told := false; ; told = true {
		l, err := File(path)
		if !errors.Is(err, ErrHeld) {
			return l, err
		}
		if !told {
			tell(Holder(path))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Told handles what a file system's locks do not do, for a folder that was locked with the given
// result. A file system without locks is no obstacle, and the lock that Told returns then is nil.
// warn hears of it, and of locks that hold on one machine alone. what is the work that two
// processes must not do at once, such as "train into it".
func Told(l *Lock, err error, folder, what string, warn func(string)) (*Lock, error) {
	switch {
	case errors.Is(err, ErrUnsupported):
		warn(fmt.Sprintf("%s %v: do not %s twice at once", folder, err, what))
		return nil, nil
	case err != nil:
		return nil, err
	}
	if why := OneMachine(folder); why != "" {
		warn(fmt.Sprintf("%s lies on %s, whose locks hold on one machine alone: do not %s from two machines at once",
			folder, why, what))
	}
	return l, nil
}

// Release frees the lock.
func (l *Lock) Release() {
	if l == nil {
		return
	}
	_ = os.Truncate(l.path, 0)
	_ = l.file.Unlock()
}

// Holder names the process that holds the lock of a file.
func Holder(path string) string {
	text, err := os.ReadFile(path)
	if name := strings.TrimSpace(string(text)); err == nil && name != "" {
		return name
	}
	return "another process"
}

// Held returns the processes that hold locks of files in a folder or below it, each with the path
// of what it holds.
func Held(folder string) (holders []string) {
	_ = filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isLock(path) {
			return nil
		}
		l, err := File(path)
		if errors.Is(err, ErrHeld) {
			holders = append(holders, fmt.Sprintf("%s %v", path, err))
		}
		l.Release()
		return nil
	})
	return holders
}

// KeysFolder is the name of the folder that has a file for each key that was locked.
const KeysFolder = ".locks"

// Key returns the file that is locked for work on one name in a folder, such as a data set.
func Key(folder, name string) string { return filepath.Join(folder, KeysFolder, name) }

func isLock(path string) bool {
	return filepath.Base(path) == FileName || filepath.Base(filepath.Dir(path)) == KeysFolder
}

// self names this process as other processes will read it.
func self() string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown machine"
	}
	return fmt.Sprintf("process %d (%s) on %s", os.Getpid(), program(), host)
}

// program is the program with its subcommand, such as "eqflow train", or the notebook whose cell
// this process is.
func program() string {
	if os.Getenv("GONB_PIPE") != "" {
		if notebook := os.Getenv("JPY_SESSION_NAME"); notebook != "" {
			return "a cell of " + filepath.Base(notebook)
		}
		return "a cell of a notebook"
	}
	name := filepath.Base(os.Args[0])
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") && len(os.Args[1]) < 40 {
		name += " " + os.Args[1]
	}
	return name
}
