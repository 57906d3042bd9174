package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// CodeFolders returns the names of the folders in a folder that hold Go code, at any depth, and no
// notebook. Hidden folders are left out, since Jupyter does not show them.
func CodeFolders(folder string) (names []string) {
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && isCode(filepath.Join(folder, e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names
}

// isCode reports whether a folder holds Go code and no notebook.
func isCode(folder string) bool {
	code, notebooks := false, false
	_ = filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		switch filepath.Ext(path) {
		case ".go":
			code = code || err == nil
		case ".ipynb":
			notebooks = true
			return fs.SkipAll
		}
		return nil
	})
	return code && !notebooks
}

// CopyNotebooks copies the notebooks of one folder, and what they need beside them, to another
// folder, which it makes if it does not exist. Files that are there stay as they are. It returns
// the paths of the new notebooks.
func CopyNotebooks(from, to string) (written []string, err error) {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return nil, fmt.Errorf("lab: cannot make a folder for the notebooks: %w; name another one with --dir", err)
	}
	for _, pattern := range []string{"[0-9][0-9]-*.ipynb", "*.md", "setup.sh"} {
		paths, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			target := filepath.Join(to, filepath.Base(path))
			if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			text, err := os.ReadFile(path)
			if err == nil {
				err = atomic.WriteFile(target, text)
			}
			if err != nil {
				return nil, fmt.Errorf("lab: cannot copy the notebooks: %w; name another folder with --dir", err)
			}
			if filepath.Ext(target) == ".ipynb" {
				written = append(written, target)
			}
		}
	}
	return written, nil
}

// Committed returns the paths of the notebooks in a folder of a clone that are as they were
// committed. Without git, or outside a clone, there are none.
func Committed(ctx context.Context, folder string) (paths []string) {
	tracked, err := gitNames(ctx, folder, "ls-files", "-z", "--", "*.ipynb")
	if err != nil {
		return nil
	}
	changed, err := gitNames(ctx, folder, "diff", "--name-only", "--relative", "-z", "HEAD", "--", "*.ipynb")
	if err != nil {
		return nil
	}
	other := map[string]bool{}
	for _, name := range changed {
		other[name] = true
	}
	for _, name := range tracked {
		if !other[name] {
			paths = append(paths, filepath.Join(folder, name))
		}
	}
	return paths
}

// gitNames runs git in a folder and returns the names that it prints.
func gitNames(ctx context.Context, folder string, args ...string) ([]string, error) {
	text, err := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...).Output()
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range bytes.SplitSeq(bytes.TrimRight(text, "\x00"), []byte{0}) {
		if len(name) > 0 {
			names = append(names, string(name))
		}
	}
	return names, nil
}

// Trust signs notebooks for this user's Jupyter, which then runs the scripts in their outputs.
func (e Environment) Trust(ctx context.Context, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	command := exec.CommandContext(ctx, e.Jupyter(), append([]string{"trust"}, paths...)...)
	command.Env = append(os.Environ(), e.homes()...)
	text, err := command.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		return fmt.Errorf("lab: cannot sign the notebooks: %w: %s; films play after their cells have run",
			err, lines[len(lines)-1])
	}
	return nil
}
