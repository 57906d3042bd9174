package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/gocommand"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/xla"
)

// Share is the folder of the parts of a kernel that root installs below a prefix for every user:
// the program, GoNB, the code that cells compile against, the Go modules that this code needs, and
// all of them compiled. Nothing in it refers to the folder of the user who installs.
type Share struct{ Folder string }

// shareFolder returns the folder of the parts below a prefix.
func shareFolder(prefix string) string { return filepath.Join(prefix, "lib", "eqflow") }

// Root returns the folder of the code that cells compile against.
func (s Share) Root() string { return filepath.Join(s.Folder, "code") }

func (s Share) modules() string { return filepath.Join(s.Folder, "modules") }

func (s Share) build() string { return filepath.Join(s.Folder, "build") }

// plugins is the folder of XLA's plugin.
func (s Share) plugins() string { return filepath.Join(s.Folder, "pjrt") }

// variables returns what the kernelspec tells the kernel about the parts.
func (s Share) variables() map[string]string {
	return map[string]string{
		gocommand.EnvModules: s.modules(), gocommand.EnvBuild: s.build(), xla.EnvPluginFolders: s.plugins(),
	}
}

// Warm compiles what cells usually link into the shared build cache.
func (s Share) Warm(ctx context.Context, tools gonb.Toolchain) error {
	err := errors.Join(os.RemoveAll(s.build()), os.Setenv("GOCACHE", s.build()), os.Unsetenv(gocommand.EnvBuild),
		os.Setenv(gocommand.EnvModules, s.modules()))
	if err == nil {
		err = Warm(ctx, tools, s.Root())
	}
	return errors.Join(err, s.open())
}

// AddPlugin copies a plugin of XLA to the parts. A plugin with libraries beside it cannot be copied
// alone, so each user installs it.
func (s Share) AddPlugin(plugin string) error {
	return replace(s.plugins(), func(part string) error {
		text, err := os.ReadFile(plugin)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(part, filepath.Base(plugin)), text, 0o755)
	})
}

// environmentParts are what one finds in a Python environment, or where else Jupyter looks for
// kernels: an environment of venv, of conda, a Python, and a folder with Jupyter's data.
var environmentParts = []string{"pyvenv.cfg", "conda-meta", "bin/python3", "bin/python", "share/jupyter"}

// systemPrefixes are where every Jupyter of a machine looks for kernels.
var systemPrefixes = []string{"/usr/local", "/usr"}

// CheckPrefix refuses a prefix that is no folder of a Python environment, since a wrong one would
// receive a kernel that no Jupyter finds.
func CheckPrefix(prefix string) error {
	const advice = "give the folder of a Python environment, such as /usr/local or the environment's own"
	if info, err := os.Stat(prefix); err != nil || !info.IsDir() {
		return fmt.Errorf("kernel: there is no folder %s; %s", prefix, advice)
	}
	if slices.Contains(systemPrefixes, filepath.Clean(prefix)) {
		return nil
	}
	for _, part := range environmentParts {
		if _, err := os.Stat(filepath.Join(prefix, filepath.FromSlash(part))); err == nil {
			return nil
		}
	}
	return fmt.Errorf("kernel: %s is no Python environment: it has none of %s; %s",
		prefix, strings.Join(environmentParts, ", "), advice)
}

// NewShare makes the parts below a prefix that do not depend on the machine: the code of root and
// its modules. It refuses where other users could not read the parts. The umask must let others
// read.
func NewShare(ctx context.Context, prefix, root string) (Share, error) {
	s := Share{shareFolder(prefix)}
	specs, err := SpecFolder(prefix)
	if err != nil {
		return s, err
	}
	for _, err := range []error{
		checkReadable(s.Folder), checkReadable(specs), checkReadable(extensionFolder(specs)), checkGoIsShared(ctx),
	} {
		if err != nil {
			return s, err
		}
	}
	if err := os.MkdirAll(s.Folder, 0o755); err != nil {
		return s, fmt.Errorf("kernel: cannot write below the prefix: %w; run this as root, or without --prefix", err)
	}
	if root != s.Root() {
		if err := replace(s.Root(), func(part string) error { return copyCode(part, root) }); err != nil {
			return s, fmt.Errorf("kernel: cannot copy the code: %w", err)
		}
	}
	err = replace(s.modules(), func(part string) error { return copyModules(ctx, part, s.Root()) })
	if err != nil {
		return s, fmt.Errorf("kernel: cannot copy the Go modules: %w", err)
	}
	return s, nil
}

// replace makes a folder's new contents in a part beside it, and then puts the part in its place.
// If a step fails, the old contents stay.
func replace(folder string, fill func(part string) error) error {
	part, err := os.MkdirTemp(filepath.Dir(folder), "."+filepath.Base(folder)+"-")
	if err != nil {
		return err
	}
	old := part + "-old"
	defer os.RemoveAll(part)
	if err := os.Chmod(part, 0o755); err != nil {
		return err
	}
	if err := fill(part); err != nil {
		return err
	}
	if os.Rename(folder, old) != nil { // there is none, or a container's image holds it
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	if err := os.Rename(part, folder); err != nil {
		_ = os.Rename(old, folder)
		return err
	}
	return os.RemoveAll(old)
}

// checkReadable refuses a folder, or the nearest existing folder above it, that others cannot
// enter.
func checkReadable(path string) error {
	if closed := closedAt(path); closed != "" {
		return fmt.Errorf("kernel: other users cannot read %s, so that a kernel there would not serve them; "+
			"run `chmod o+rx %s`, or install with --user", closed, closed)
	}
	return nil
}

// closedAt returns the first part of a path that others cannot read or enter, or "". What does not
// exist yet is not closed.
func closedAt(path string) string {
	at := string(filepath.Separator)
	for _, name := range append([]string{""}, strings.Split(path, string(filepath.Separator))...) {
		at = filepath.Join(at, name)
		info, err := os.Stat(at)
		if err != nil {
			return ""
		}
		if real, err := filepath.EvalSymlinks(at); err == nil && real != at {
			if closed := closedAt(real); closed != "" {
				return closed
			}
			at = real
		}
		const enter, read = 0o001, 0o004
		if info.IsDir() && info.Mode()&enter == 0 || !info.IsDir() && info.Mode()&read == 0 {
			return at
		}
	}
	return ""
}

// checkGoIsShared refuses a go command that only this user can run.
func checkGoIsShared(ctx context.Context) error {
	command, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("kernel: %w: there is no go in PATH; install Go from https://go.dev/dl", gonb.ErrGo)
	}
	root, err := gonb.GoCommand(ctx, string(filepath.Separator), "env", "GOROOT")
	if err != nil {
		return err
	}
	for _, path := range []string{command, filepath.Join(root, "bin", "go"), filepath.Join(root, "src")} {
		if closed := closedAt(path); closed != "" {
			return fmt.Errorf("kernel: other users cannot read %s, where the go command of this installation is; "+
				"install Go for every user, such as in /usr/local/go", closed)
		}
	}
	return nil
}

// notCode are folders without code that cells import.
var notCode = []string{"testdata", "out", "bin", "work"}

// copyCode copies what cells compile against: all of the module except tests, notebooks and hidden
// files.
func copyCode(to, root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		below, err := filepath.Rel(root, path)
		if err != nil || below == "." {
			return err
		}
		target := filepath.Join(to, below)
		switch {
		case entry.IsDir():
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if nested == nil || strings.HasPrefix(name, ".") || slices.Contains(notCode, name) {
				return fs.SkipDir
			}
			return os.Mkdir(target, 0o755)
		case !entry.Type().IsRegular(), strings.HasPrefix(name, "."), strings.HasSuffix(name, "_test.go"),
			strings.HasSuffix(name, ".ipynb"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
}

// copyModules fills a GOMODCACHE with the modules that the packages of a module at root need. The
// go command itself selects them, as it would for a cell: it reads them from this user's cache, or
// from the network.
func copyModules(ctx context.Context, to, root string) error {
	cells, err := os.MkdirTemp(filepath.Dir(to), ".cells-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cells)
	cache, err := gonb.GoCommand(ctx, root, "env", "GOMODCACHE")
	if err != nil {
		return err
	}
	if err := writeModule(ctx, cells, root); err != nil {
		return err
	}
	main := fmt.Sprintf("package main\n\nimport _ %q\n\nfunc main() {}\n", gonb.Module+"/eqflow")
	if err := os.WriteFile(filepath.Join(cells, "main.go"), []byte(main), 0o644); err != nil {
		return err
	}
	env := gocommand.Environment(append(os.Environ(), gocommand.EnvModules+"="+cache), "-modcacherw", "-mod=mod")
	// -e, since some packages of GoNB, for the browser, need modules that eqflow does not.
	list := exec.CommandContext(ctx, "go", "list", "-e", "-deps", ".", gonb.Module+"/...",
		"github.com/janpfeifer/gonb/gonbui/...")
	list.Dir, list.Env = cells, append(env, "GOMODCACHE="+to, "GOWORK=off")
	if text, err := list.CombinedOutput(); err != nil {
		return fmt.Errorf("`go list` fails: %w: %s", err, text)
	}
	return nil
}
