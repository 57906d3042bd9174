package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// Installed is an installed kernelspec, with everything that is broken about it.
type Installed struct {
	Folder   string   `json:"folder"`
	Binary   string   `json:"binary"`
	Root     string   `json:"root"`
	Tools    string   `json:"tools"`
	Version  string   `json:"gonb"`
	Backend  string   `json:"backend"`  // as asked for; empty for the best available
	Computes string   `json:"computes"` // the backend that this opens here, and why; the caller fills it in
	Gopls    string   `json:"gopls"`    // completes and explains Go in cells; empty without gopls
	Broken   []string `json:"broken"`
}

// Find lists the kernelspecs below the prefixes. The empty prefix stands for the user's own folder.
func Find(prefixes ...string) ([]Installed, error) {
	found := []Installed{}
	for _, prefix := range prefixes {
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

// inspect describes a kernelspec, given the text of its kernel.json or the error of reading it, and
// checks its parts.
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
	for _, part := range []struct {
		name, path string
		run        bool
	}{
		{"the program", i.Binary, true}, {"the code", filepath.Join(i.Root, "go.mod"), false},
		{"GoNB", filepath.Join(i.Tools, "gonb"), true}, {"goimports", filepath.Join(i.Tools, "goimports"), true},
	} {
		switch err := usable(part.path, part.run); {
		case errors.Is(err, os.ErrNotExist):
			broken("%s is not at %s any more; install the kernel again", part.name, part.path)
		case err != nil:
			broken("%s at %s cannot be used (%v); install the kernel again, or correct its permissions",
				part.name, part.path, err)
		}
	}
	if s.Metadata[layoutKey] != layout && !isThisProgram(i.Binary) {
		broken("the program at %s is of another version, which imports packages from other folders; "+
			"install the kernel again", i.Binary)
	}
	if _, err := exec.LookPath("go"); err != nil {
		if _, err := os.Stat(filepath.Join(s.Env[envGo], "go")); err != nil {
			broken("the go command is neither in PATH nor in %q; install Go from https://go.dev/dl", s.Env[envGo])
		}
	}
	return i
}

// usable returns an error if this user cannot read a file or, if run is set, cannot run it.
func usable(path string, run bool) error {
	if run {
		_, err := exec.LookPath(path)
		var failed *exec.Error
		if errors.As(err, &failed) {
			return failed.Err
		}
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return file.Close()
}

// isThisProgram reports whether path is the running program.
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
