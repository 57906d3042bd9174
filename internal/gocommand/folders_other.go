//go:build !unix

package gocommand

import (
	"os"
	"path/filepath"
)

// writable reports whether a path is one that files may be written below.
func writable(folder string) bool { return filepath.IsAbs(folder) }

// spareFolder returns a folder for the caches of a user without a home folder.
func spareFolder() string { return filepath.Join(os.TempDir(), "eqflow-cache") }
