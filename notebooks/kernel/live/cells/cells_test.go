package cells

import (
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// exports lists the compiled packages that tests import.
var exports = sync.OnceValues(func() (map[string]string, error) {
	packages := []string{"fmt", "math", "strings", "sort", "time", "errors", "sync", "math/rand", "math/rand/v2", "os", valuesPath}
	out, err := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}"}, packages...)...).Output()
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		files[path] = file
	}
	return files, err
})

type library struct{ types.Importer }

func (l library) Named(name string) []string {
	switch name {
	case "rand":
		return []string{"math/rand/v2", "math/rand"}
	case "fmt", "math", "strings", "sort", "time", "errors", "sync", "os":
		return []string{name}
	}
	return nil
}

func newState(t *testing.T) *State {
	t.Helper()
	files, err := exports()
	if err != nil {
		t.Fatal(err)
	}
	return NewState(library{importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(files[path])
	})})
}

func TestShow(t *testing.T) {
	s := newState(t)
	for i, code := range strings.Split(os.Getenv("CELLS"), "---\n") {
		c, err := s.Compile(i+1, code)
		if err != nil {
			t.Errorf("%d: %v", i+1, err)
			continue
		}
		s.Commit(c)
		t.Log(c.Source)
	}
}
