//go:build unix

package gocommand

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/eqflow/gonb-eqflow/internal/scratch"
)

// writable reports whether files can be written below a folder, which may not exist yet.
func writable(folder string) bool {
	if !filepath.IsAbs(folder) {
		return false
	}
	for at := folder; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err == nil {
			return info.IsDir() && unix.Access(at, unix.W_OK|unix.X_OK) == nil
		}
		if !os.IsNotExist(err) || at == filepath.Dir(at) {
			return false
		}
	}
}

// spareFolder returns a folder for the caches of a user without a home folder. It stays, so that
// the next kernel need not build everything again. It must belong to this user alone, since
// everybody can make folders beside it.
func spareFolder() string {
	for _, base := range scratch.Bases() {
		folder := filepath.Join(base, fmt.Sprintf("eqflow-cache-%d", os.Getuid()))
		_ = os.Mkdir(folder, 0o700)
		info, err := os.Lstat(folder)
		if err != nil || !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !writable(folder) {
			continue
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) == os.Getuid() {
			return folder
		}
	}
	return filepath.Join(os.TempDir(), "eqflow-cache")
}
