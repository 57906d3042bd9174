package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// Put keeps a result, any value that JSON can hold, under a name.
func (s *Session) Put(name string, v any) {
	text := must(json.MarshalIndent(v, "", " "))
	path := filepath.Join(s.folder, resultsPart, checked(name)+".json")
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), atomic.WriteFile(path, append(text, '\n')))
	if err != nil {
		panic(fmt.Errorf("session: cannot keep %q: %w; choose another folder with %s", name, err, EnvOut))
	}
}

// Get returns the result that Put has kept: session.Get[[]float64](s, "energies").
func Get[T any](s *Session, name string) T {
	var v T
	text, err := os.ReadFile(filepath.Join(s.folder, resultsPart, checked(name)+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		panic(fmt.Errorf("session: no result %q; there are %s", name, s.listed(resultsPart)))
	}
	if err := errors.Join(err, json.Unmarshal(text, &v)); err != nil {
		panic(fmt.Errorf("session: the result %q is not %T: %w", name, v, err))
	}
	return v
}
