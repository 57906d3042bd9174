package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// Put keeps a result, any value that JSON can hold, under a name.
func (s *Session) Put(name string, v any) {
	path := s.resultPath(name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), atomic.WriteJSON(path, v)); err != nil {
		panic(fmt.Errorf("session: cannot keep %q: %w; choose another folder with %s", name, err, EnvOut))
	}
}

func (s *Session) resultPath(name string) string {
	return filepath.Join(s.folder, resultsPart, checked(name)+".json")
}

// Get returns the result that Put has kept: session.Get[[]float64](s, "energies").
func Get[T any](s *Session, name string) T {
	var v T
	path := s.resultPath(name)
	err := atomic.ReadJSON(path, &v)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		panic(fmt.Errorf("session: no result %q; there are %s", name, s.listed(resultsPart)))
	case errors.Is(err, atomic.ErrEdited):
		panic(fmt.Errorf("session: %s %w", path, err))
	case err != nil:
		panic(fmt.Errorf("session: the result %q is not %T: %w", name, v, err))
	}
	return v
}
