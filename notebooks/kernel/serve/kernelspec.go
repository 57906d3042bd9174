package serve

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
)

//go:embed logo/*
var logos embed.FS

// spec is a kernel.json. Jupyter replaces {connection_file} in Argv.
type spec struct {
	Argv      []string          `json:"argv"`
	Title     string            `json:"display_name"`
	Language  string            `json:"language"`
	Interrupt string            `json:"interrupt_mode"`
	Env       map[string]string `json:"env,omitempty"`
	Metadata  map[string]any    `json:"metadata"`
}

// layout is the number of the clone's folder layout that a kernel's cells import from. A kernelspec
// records it in its metadata, at layoutKey. Layout 2 has session and resident below
// notebooks/kernel.
const (
	layout    = 2.
	layoutKey = "eqflow_layout"
)

// Installation says where and how the kernel is installed.
type Installation struct {
	Prefix  string // of a Python environment; empty for the user's own folder
	Binary  string // the eqflow program that Jupyter starts
	Root    string // the clone, or the module's folder, that cells compile against
	Tools   gonb.Toolchain
	Backend string // for the cells, as in EQFLOW_BACKEND; empty for the best available
	Modules string // the folder of Go modules, for a shell that names another one
	Share   *Share // the folder that Binary, Root and Tools lie in, if the kernel is for every user
}

// The environment variables by which a kernelspec hands its installation's settings to the kernel.
const (
	EnvRoot  = "EQFLOW_ROOT"  // the code that cells compile against
	EnvTools = "EQFLOW_TOOLS" // the folder of gonb and goimports
	envGo    = "EQFLOW_GO"    // the go command's folder, for a Jupyter without go in its PATH
)

// SpecFolder returns the kernelspec's folder below a prefix or, for the empty prefix, in the user's
// own folder.
func SpecFolder(prefix string) (string, error) {
	if prefix != "" {
		return filepath.Join(prefix, "share", "jupyter", "kernels", ipynb.SpecName), nil
	}
	data, err := userData()
	return filepath.Join(data, "kernels", ipynb.SpecName), err
}

// userData returns Jupyter's folder for the user's own data.
func userData() (string, error) {
	if data := os.Getenv("JUPYTER_DATA_DIR"); data != "" {
		return data, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("kernel: no home folder: %w; set JUPYTER_DATA_DIR, or give a --prefix", err)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Jupyter"), nil
	}
	if data := os.Getenv("XDG_DATA_HOME"); data != "" {
		return filepath.Join(data, "jupyter"), nil
	}
	return filepath.Join(home, ".local", "share", "jupyter"), nil
}

// ErrPlace is the error for a place that cannot be written. What to do depends on the command: not
// every command lets its user choose the place.
var ErrPlace = errors.New("cannot write the kernelspec")

// Install writes the kernelspec and JupyterLab's extension, in the place of earlier ones, and
// returns the folder of the kernelspec.
func (i Installation) Install() (string, error) {
	folder, err := SpecFolder(i.Prefix)
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(i.spec(), "", " ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", fmt.Errorf("kernel: %w: %w", ErrPlace, err)
	}
	pictures, err := fs.Sub(logos, "logo")
	if err != nil {
		return "", err
	}
	err = replace(folder, func(part string) error {
		return errors.Join(os.CopyFS(part, pictures),
			os.WriteFile(filepath.Join(part, "kernel.json"), append(text, '\n'), 0o644))
	})
	if err == nil {
		err = installExtension(extensionFolder(folder))
	}
	if err != nil {
		return "", fmt.Errorf("kernel: %w: %w", ErrPlace, err)
	}
	return folder, nil
}

// spec returns the contents of kernel.json.
func (i Installation) spec() spec {
	env := map[string]string{EnvRoot: i.Root, EnvTools: i.Tools.Dir}
	if i.Backend != "" {
		env["EQFLOW_BACKEND"] = i.Backend
	}
	if i.Modules != "" {
		env["GOMODCACHE"] = i.Modules
	}
	if i.Share != nil {
		maps.Copy(env, i.Share.variables())
	}
	if command, err := exec.LookPath("go"); err == nil {
		env[envGo] = filepath.Dir(command)
	}
	return spec{
		Argv: []string{i.Binary, "kernel", "run", "{connection_file}"}, Title: ipynb.SpecTitle, Language: "go",
		Interrupt: "message", Env: env, Metadata: map[string]any{"debugger": false, layoutKey: layout},
	}
}

// Uninstall removes the kernelspec, JupyterLab's extension and the shared parts below a prefix, or
// the former two from the user's own folder, also if some are gone. found reports whether there was
// one.
func Uninstall(prefix string) (folder string, found bool, err error) {
	if folder, err = SpecFolder(prefix); err != nil {
		return "", false, err
	}
	parts := []string{folder, extensionFolder(folder)}
	if prefix != "" {
		parts = append(parts, shareFolder(prefix))
	}
	for _, part := range parts {
		if _, missing := os.Lstat(part); errors.Is(missing, fs.ErrNotExist) {
			continue
		}
		found = true
		err = errors.Join(err, os.RemoveAll(part))
	}
	if err != nil {
		err = fmt.Errorf("kernel: cannot remove the kernel: %w", err)
	}
	return folder, found, err
}

// FromEnvironment reads the kernelspec's settings from the environment, and adds go to the PATH if
// it is missing there.
func FromEnvironment(connection, version string) (Launch, error) {
	l := Launch{
		Connection: connection, Root: os.Getenv(EnvRoot), Version: version,
		Tools: gonb.Toolchain{Dir: os.Getenv(EnvTools)},
	}
	if l.Root == "" || l.Tools.Dir == "" {
		return l, fmt.Errorf("kernel: %s and %s are not set: Jupyter starts this program, "+
			"by the kernelspec that `eqflow kernel install` writes", EnvRoot, EnvTools)
	}
	if _, err := exec.LookPath("go"); err != nil {
		path := os.Getenv("PATH") + string(os.PathListSeparator) + os.Getenv(envGo)
		if err := os.Setenv("PATH", path); err != nil {
			return l, err
		}
	}
	l.Tools.Version = gonb.ToolVersion(l.Tools.Dir)
	return l, nil
}

// CopyBinary copies the running program to the cache and returns the copy's path, since `go run`
// removes its program at the end. An installed program is not copied: CopyBinary returns its own
// path.
func CopyBinary(cache string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("kernel: cannot find this program's own file: %w", err)
	}
	if !strings.Contains(self, string(filepath.Separator)+"go-build") {
		return self, nil
	}
	return copyProgram(self, cache)
}

// CopyBinary copies the running program to the shared parts and returns the copy's path.
func (s Share) CopyBinary() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("kernel: cannot find this program's own file: %w", err)
	}
	return copyProgram(self, s.Folder)
}

// copyProgram copies a program to bin/eqflow below a folder.
func copyProgram(self, cache string) (string, error) {
	folder := filepath.Join(cache, "bin")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("kernel: cannot keep this program: %w; set XDG_CACHE_HOME to a writable folder", err)
	}
	from, err := os.Open(self)
	if err != nil {
		return "", err
	}
	defer from.Close()
	part, err := os.CreateTemp(folder, "eqflow-*")
	if err != nil {
		return "", fmt.Errorf("kernel: cannot keep this program: %w", err)
	}
	defer os.Remove(part.Name())
	_, err = io.Copy(part, from)
	if err := errors.Join(err, part.Chmod(0o755), part.Close()); err != nil {
		return "", fmt.Errorf("kernel: cannot keep this program: %w", err)
	}
	path := filepath.Join(folder, "eqflow")
	return path, os.Rename(part.Name(), path)
}
