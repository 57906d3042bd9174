package gonb

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/gocommand"
)

// fastLinking is a part of GOFLAGS for cells: no symbol table, Go's own linker. These flags halve
// the time from a cell's start to its first line.
const fastLinking = `"-ldflags=-linkmode=internal -s -w"`

// environment returns the environment of GoNB, its compilers and its cells.
func (k *Kernel) environment(o Options) []string {
	var flags []string
	if runtime.GOOS == "linux" {
		flags = []string{fastLinking}
	}
	path := strings.Join([]string{k.programs(), o.Tools.Dir, os.Getenv("PATH")}, string(os.PathListSeparator))
	env := append(gocommand.Environment(os.Environ(), flags...), "PATH="+path, "TMPDIR="+k.dir,
		"GOMLX_NO_AUTO_INSTALL=1", "GONB_DIR="+o.Folder)
	if workspaceAbove(k.dir) { // a go.work beside the temporary files is not the cells'
		env = append(env, "GOWORK=off")
	}
	return append(env, o.Env...)
}

// workspaceAbove reports whether a folder above dir has a go.work.
func workspaceAbove(dir string) bool {
	for at := dir; at != filepath.Dir(at); {
		at = filepath.Dir(at)
		if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
			return true
		}
	}
	return false
}
