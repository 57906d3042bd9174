package atomic

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// renameNew renames a file to a name that does not exist.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS): // NFS, among others
		return linkNew(from, to)
	case err != nil:
		return &fs.PathError{Op: "create", Path: to, Err: err}
	}
	return nil
}
