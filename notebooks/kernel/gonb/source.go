package gonb

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Module is the import path of the code that the notebooks use.
const Module = "github.com/eqflow/gonb-eqflow"

// FindRoot walks up from dir to the clone's root, which is the folder whose go.mod declares Module.
func FindRoot(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("kernel: cannot resolve %s: %w; give an absolute path", dir, err)
	}
	for at := abs; ; at = filepath.Dir(at) {
		if declaresModule(filepath.Join(at, "go.mod")) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("kernel: %s is not inside a clone of %s; "+
				"run `git clone https://%s` and start again in its folder", abs, Module, Module)
		}
	}
}

// FindCode returns the folder of the code that cells compile against: the clone around dir, or else
// the code that this program was built from. For an installed program that code is another clone or
// the module's folder in Go's cache.
func FindCode(dir string) (string, error) {
	root, err := FindRoot(dir)
	if err == nil {
		return root, nil
	}
	if _, own, _, ok := runtime.Caller(0); ok && filepath.IsAbs(own) {
		if root, own := FindRoot(filepath.Dir(own)); own == nil {
			return root, nil
		}
	}
	return "", err
}

func declaresModule(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "module" {
			return strings.Trim(fields[1], `"`) == Module
		}
	}
	return false
}

// SourceHash identifies the code that a clone's notebooks compile against: go.mod and all files of
// Go and C except tests.
func SourceHash(root string) (string, error) {
	sum := sha256.New()
	for _, part := range []string{"go.mod", "eqflow", "internal", "xla", "notebooks"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !isSource(entry.Name()) {
				return err
			}
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			relative, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			fmt.Fprintln(sum, filepath.ToSlash(relative))
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
	switch filepath.Ext(name) {
	case ".go":
		return !strings.HasSuffix(name, "_test.go")
	case ".c", ".h":
		return true
	}
	return name == "go.mod"
}
