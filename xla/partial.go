package xla

import (
	"path/filepath"
	"strings"
)

// partialPrefix begins the names of folders that an installation has not finished.
const partialPrefix = ".partial-"

func isPartial(path string) bool {
	return strings.Contains(path, string(filepath.Separator)+partialPrefix)
}
