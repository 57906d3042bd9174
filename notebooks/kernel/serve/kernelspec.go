package serve

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// layout is the number of the clone's folder layout that a kernel's cells import from; a kernelspec records it below layoutKey.
// Layout 2 has session and resident below notebooks/kernel.
const (
	layout    = 2.
	layoutKey = "eqflow_layout"
)

// Installation says where and how the kernel is installed.
type Installation struct {
	Prefix  string // of a Python environment; empty for the user's own folder
	Binary  string // the eqflow program that Jupyter starts
	Root    string // the checkout, or the module's folder, that cells compile against
	Tools   gonb.Toolchain
	Backend string // for the cells, as in EQFLOW_BACKEND; empty for the best there is
}

// The variables by which a kernelspec tells its launcher what it was installed with.
const (
	EnvRoot  = "EQFLOW_ROOT"  // the code that cells compile against
	EnvTools = "EQFLOW_TOOLS" // the folder of gonb and goimports
	envGo    = "EQFLOW_GO"    // the go command's folder, for a Jupyter that was started without it in its PATH
)

// SpecFolder is where the kernelspec lies below a prefix, or in the user's own folder.
func SpecFolder(prefix string) (string, error) {
	if prefix != "" {
		return filepath.Join(prefix, "share", "jupyter", "kernels", ipynb.SpecName), nil
	}
	data, err := userData()
	return filepath.Join(data, "kernels", ipynb.SpecName), err
}

// userData is Jupyter's folder of the user's own data.
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

// Install writes the kernelspec and returns its folder. It replaces an earlier one.
func (i Installation) Install() (string, error) {
	folder, err := SpecFolder(i.Prefix)
	if err != nil {
		return "", err
	}
	env := map[string]string{EnvRoot: i.Root, EnvTools: i.Tools.Dir}
	if i.Backend != "" {
		env["EQFLOW_BACKEND"] = i.Backend
	}
	if command, err := exec.LookPath("go"); err == nil {
		env[envGo] = filepath.Dir(command)
	}
	text, err := json.MarshalIndent(spec{
		Argv: []string{i.Binary, "kernel", "run", "{connection_file}"}, Title: ipynb.SpecTitle, Language: "go", Interrupt: "message", Env: env,
		Metadata: map[string]any{"debugger": false, layoutKey: layout},
	}, "", " ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", fmt.Errorf("kernel: cannot make the kernelspec's folder: %w; choose another place with --user or --prefix", err)
	}
	part, err := os.MkdirTemp(filepath.Dir(folder), "."+ipynb.SpecName+"-")
	if err != nil {
		return "", fmt.Errorf("kernel: cannot write the kernelspec: %w; choose another place with --user or --prefix", err)
	}
	defer os.RemoveAll(part)
	pictures, err := fs.Sub(logos, "logo")
	if err != nil {
		return "", err
	}
	err = errors.Join(os.Chmod(part, 0o755), os.CopyFS(part, pictures), os.WriteFile(filepath.Join(part, "kernel.json"), append(text, '\n'), 0o644),
		os.RemoveAll(folder), os.Rename(part, folder))
	if err != nil {
		return "", fmt.Errorf("kernel: cannot write the kernelspec: %w", err)
	}
	return folder, nil
}

// Uninstall removes the kernelspec below a prefix, or from the user's own folder. It tells whether there was one.
func Uninstall(prefix string) (folder string, found bool, err error) {
	if folder, err = SpecFolder(prefix); err != nil {
		return "", false, err
	}
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		return folder, false, nil
	}
	if err := os.RemoveAll(folder); err != nil {
		return folder, true, fmt.Errorf("kernel: cannot remove the kernelspec: %w", err)
	}
	return folder, true, nil
}

// Installed is a kernelspec that was found, and what is broken about it.
type Installed struct {
	Folder   string   `json:"folder"`
	Binary   string   `json:"binary"`
	Root     string   `json:"root"`
	Tools    string   `json:"tools"`
	Version  string   `json:"gonb"`
	Backend  string   `json:"backend"`  // asked for; empty for the best there is
	Computes string   `json:"computes"` // what that opens here, and why; for the caller to fill in
	Gopls    string   `json:"gopls"`    // completes and explains Go in cells; empty without
	Broken   []string `json:"broken"`
}

// Find looks at the kernelspecs in the user's folder and below the prefixes.
func Find(prefixes ...string) ([]Installed, error) {
	found := []Installed{}
	for _, prefix := range append([]string{""}, prefixes...) {
		folder, err := SpecFolder(prefix)
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(filepath.Join(folder, "kernel.json"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		found = append(found, inspect(folder, text, err))
	}
	return found, nil
}

// inspect says what a kernelspec is, and what of it is not there any more.
func inspect(folder string, text []byte, err error) Installed {
	i := Installed{Folder: folder, Broken: []string{}}
	broken := func(format string, args ...any) { i.Broken = append(i.Broken, fmt.Sprintf(format, args...)) }
	var s spec
	if err := errors.Join(err, json.Unmarshal(text, &s)); err != nil || len(s.Argv) == 0 {
		broken("its kernel.json cannot be read (%v); install it again", err)
		return i
	}
	i.Binary, i.Root, i.Tools, i.Backend = s.Argv[0], s.Env[EnvRoot], s.Env[EnvTools], s.Env["EQFLOW_BACKEND"]
	i.Version, i.Gopls = gonb.ToolVersion(i.Tools), gonb.FindGopls()
	for _, part := range []struct{ what, path string }{
		{"the program", i.Binary}, {"the code", filepath.Join(i.Root, "go.mod")},
		{"GoNB", filepath.Join(i.Tools, "gonb")}, {"goimports", filepath.Join(i.Tools, "goimports")},
	} {
		if _, err := os.Stat(part.path); err != nil {
			broken("%s is not at %s any more; install the kernel again", part.what, part.path)
		}
	}
	if s.Metadata[layoutKey] != layout && !isThisProgram(i.Binary) {
		broken("the program at %s is of another version, which imports packages from other folders; install the kernel again", i.Binary)
	}
	if _, err := exec.LookPath("go"); err != nil {
		if _, err := os.Stat(filepath.Join(s.Env[envGo], "go")); err != nil {
			broken("the go command is neither in PATH nor in %q; install Go from https://go.dev/dl", s.Env[envGo])
		}
	}
	return i
}

// isThisProgram reports whether path is the program that runs.
func isThisProgram(path string) bool {
	self, err := os.Executable()
	if err != nil {
		return false
	}
	own, err := os.Stat(self)
	if err != nil {
		return false
	}
	other, err := os.Stat(path)
	return err == nil && os.SameFile(own, other)
}

// FromEnvironment fills in what the kernelspec told by variables, and puts go into the PATH if it is not there.
func FromEnvironment(connection, version string) (Launch, error) {
	l := Launch{Connection: connection, Root: os.Getenv(EnvRoot), Tools: gonb.Toolchain{Dir: os.Getenv(EnvTools)}, Version: version}
	if l.Root == "" || l.Tools.Dir == "" {
		return l, fmt.Errorf("kernel: %s and %s are not set: Jupyter starts this program, by the kernelspec that `eqflow kernel install` writes", EnvRoot, EnvTools)
	}
	if _, err := exec.LookPath("go"); err != nil {
		if err := os.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+os.Getenv(envGo)); err != nil {
			return l, err
		}
	}
	l.Tools.Version = gonb.ToolVersion(l.Tools.Dir)
	return l, nil
}

// Warm compiles what cells link, with the flags that they use, so that the first cell of the first notebook does not have
// to. It takes a minute or two on a fresh machine.
func Warm(ctx context.Context, tools gonb.Toolchain, root string) error {
	e, err := gonb.NewEngine()
	if err != nil {
		return err
	}
	defer e.Close()
	err = e.Start(gonb.Options{Tools: tools, Folder: root, Key: gonb.Signer(gonb.RandomToken()), Name: "connection.json", Args: []string{"-raw_error"}})
	if err != nil {
		return err
	}
	if err := prepare(ctx, e, root); err != nil {
		return err
	}
	s, err := e.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Channels.Close()
	out := ipynb.NewCollector()
	_, err = s.Execute(ctx, "%%\nopened, err := xla.Open(xla.Auto)\nif err != nil {\n\tpanic(err)\n}\nopened.Close()\n"+
		"_, _ = eqflow.Generator{Target: target.DW4(), Flow: flow.Continuous{}}, figure.Axes{}", gonb.Grace, out.Take)
	if err == nil && out.Failure != "" {
		err = errors.New(out.Failure)
	}
	return err
}

// CopyBinary puts a copy of the running program where it stays, and returns its path: `go run` removes its own at the end.
// A program that is installed already stays where it is.
func CopyBinary(cache string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("kernel: cannot find this program's own file: %w", err)
	}
	if !strings.Contains(self, string(filepath.Separator)+"go-build") {
		return self, nil
	}
	folder := filepath.Join(cache, "bin")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("kernel: cannot keep this program: %w; set XDG_CACHE_HOME to a folder that can be written", err)
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
	_, err = io.Copy(part, from)
	path := filepath.Join(folder, "eqflow")
	return path, errors.Join(err, part.Chmod(0o755), part.Close(), os.Rename(part.Name(), path))
}
