package gonb

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// SourceHash identifies the code that a clone's notebooks compile against: its Go files but for tests, and go.mod.
func SourceHash(root string) (string, error) {
	sum := sha256.New()
	for _, part := range []string{"go.mod", "eqflow", "xla", "notebooks"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !isSource(entry.Name()) {
				return err
			}
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			fmt.Fprintln(sum, entry.Name())
			_, err = io.Copy(sum, file)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("kernel: cannot read the code of %s: %w; clone it again", root, err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func isSource(name string) bool {
	return name == "go.mod" || strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}
