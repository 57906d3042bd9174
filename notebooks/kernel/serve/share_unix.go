//go:build unix

package serve

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// IsShared reports whether a kernel below a prefix is for every user: root installs it, and others
// can enter the prefix.
func IsShared(prefix string) bool {
	return prefix != "" && os.Geteuid() == 0 && closedAt(prefix) == ""
}

// LetOthersRead makes the files that this process and its children write from now on readable for
// every user, whatever the umask. restore sets the user's umask again.
func LetOthersRead() (restore func()) {
	mask := syscall.Umask(0o022)
	return func() { syscall.Umask(mask) }
}

// open lets every user read the parts, also those that were written with another umask.
func (s Share) open() error {
	return filepath.WalkDir(s.Folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o044
		if entry.IsDir() || mode&0o100 != 0 {
			mode |= 0o011
		}
		if entry.Type()&fs.ModeSymlink != 0 || mode == info.Mode().Perm() {
			return nil
		}
		return os.Chmod(path, mode)
	})
}
