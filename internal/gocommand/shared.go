package gocommand

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The variables by which a kernel that is installed for every user brings its caches along. Both
// folders are read-only for the user.
const (
	EnvModules = "EQFLOW_MODULES" // Go modules, in the layout of GOMODCACHE
	EnvBuild   = "EQFLOW_BUILD"   // compiled packages, in the layout of GOCACHE
)

// seedFolder is the build cache of a user of a shared kernel, in the user's cache folder. It is not
// the user's own GOCACHE, since its links dangle once the shared kernel is gone.
var seedFolder = filepath.Join("eqflow", "build")

// Seed fills the build cache of this user with links to the shared one, so that the first cell does
// not compile everything. It does nothing without a shared build cache.
func Seed() error {
	shared := os.Getenv(EnvBuild)
	if shared == "" {
		return nil
	}
	cache := seeded()
	folders, err := os.ReadDir(shared)
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if folder.IsDir() {
			err = errors.Join(err, link(filepath.Join(shared, folder.Name()), filepath.Join(cache, folder.Name())))
		}
	}
	return err
}

// link links the entries of a folder of the shared cache, and removes links that dangle.
func link(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	own, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, entry := range own {
		path := filepath.Join(to, entry.Name())
		if entry.Type()&fs.ModeSymlink != 0 {
			if _, err := os.Stat(path); err != nil {
				_ = os.Remove(path)
				continue
			}
		}
		there[entry.Name()] = true
	}
	entries, err := os.ReadDir(from)
	for _, entry := range entries {
		name := entry.Name()
		if there[name] || !strings.HasSuffix(name, "-a") && !strings.HasSuffix(name, "-d") {
			continue
		}
		if failed := os.Symlink(filepath.Join(from, name), filepath.Join(to, name)); !errors.Is(failed, fs.ErrExist) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// seeded returns the build cache that Seed fills.
func seeded() string {
	if user, err := os.UserCacheDir(); err == nil && writable(filepath.Join(user, seedFolder)) {
		return filepath.Join(user, seedFolder)
	}
	return filepath.Join(spareFolder(), "build")
}
