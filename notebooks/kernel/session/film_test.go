package session_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
)

// The film of a chain depends on its seed only, in a plane and in space, and its chain can be
// stopped.
func TestFilm(t *testing.T) {
	var films [][]byte
	for i, system := range []target.Target{target.DW4(), target.DW4(), target.DW4(), target.LJ13()} {
		data, err := session.Film(system, 0, []uint64{1, 1, 2, 1}[i]).PNG()
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 600_000 {
			t.Errorf("the film of %s has %d bytes", system.Name(), len(data))
		}
		films = append(films, data)
	}
	if !bytes.Equal(films[0], films[1]) || bytes.Equal(films[0], films[2]) {
		t.Errorf("equal seeds give equal films: %v; other seeds others: %v",
			bytes.Equal(films[0], films[1]), !bytes.Equal(films[0], films[2]))
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if _, err := session.FilmContext(ended, target.DW4(), 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a stopped chain: %v", err)
	}
	if _, err := session.FilmContext(context.Background(), target.DW4(), -1, 1); err == nil {
		t.Error("frames every −1 steps")
	}
}
