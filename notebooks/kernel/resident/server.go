package resident

import (
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/gomlx/compute"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// maxModels is the number of models in memory. The least recently used model makes room.
const maxModels = 8

// progressInterval is the time between two reports of progress.
const progressInterval = 200 * time.Millisecond

// acceptPause is the time after a failed accept until the next one.
const acceptPause = 50 * time.Millisecond

// queryLimit is the time in which a connection must send its query.
const queryLimit = time.Minute

// server answers one query at a time.
type server struct {
	open     func(spec string) (compute.Backend, error)
	turn     chan struct{}
	backends map[string]compute.Backend // by spec
	models   map[modelKey]*loadedModel
}

// modelKey identifies a loaded model.
type modelKey struct{ folder, backend string }

// loadedModel is a model in memory, with the state of its file when it was loaded.
type loadedModel struct {
	model *eqflow.Model
	file  os.FileInfo
	used  time.Time
}

// serve answers queries at a listener until the listener closes.
func serve(listener net.Listener, open func(spec string) (compute.Backend, error)) {
	_ = os.Unsetenv(envBackend) // each query names its backend
	s := &server{
		open: open, turn: make(chan struct{}, 1),
		backends: map[string]compute.Backend{}, models: map[modelKey]*loadedModel{},
	}
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			go s.handle(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default: // such as too many open files, which passes
			time.Sleep(acceptPause)
		}
	}
}

// handle answers the query of a connection, unless the client closes the connection first.
func (s *server) handle(conn net.Conn) {
	defer conn.Close()
	to, from := gob.NewEncoder(conn), gob.NewDecoder(conn)
	if to.Encode(reply{}) != nil {
		return
	}
	var q query
	_ = conn.SetReadDeadline(time.Now().Add(queryLimit))
	if err := from.Decode(&q); err != nil {
		_ = to.Encode(reply{Failure: fmt.Sprintf("resident: the helper does not understand the query (%v); "+
			"is the helper of another version? Renew it with `eqflow kernel install`", err)})
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	ctx, closed := context.WithCancel(context.Background())
	go func() {
		_, _ = conn.Read(make([]byte, 1)) // the client sends nothing more: this returns when it closes
		closed()
	}()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return
	}
	reported := time.Now()
	answer, err := s.answer(ctx, q, func(done, total int) {
		if time.Since(reported) > progressInterval {
			reported = time.Now()
			_ = to.Encode(reply{Done: done, Total: total})
		}
	})
	if err != nil {
		_ = to.Encode(reply{Failure: cmp.Or(err.Error(), "resident: an error without a text")})
		return
	}
	_ = to.Encode(reply{Answer: answer})
}

// answer computes the answer to a query. GoMLX reports errors inside graphs by panics, which answer
// returns as errors.
func (s *server) answer(ctx context.Context, q query, report func(done, total int)) (answer any, err error) {
	defer func() {
		if r := recover(); r != nil {
			answer, err = nil, fmt.Errorf("resident: %v", r)
			fmt.Fprintf(os.Stderr, "%v\n%s\n", r, debug.Stack())
		}
	}()
	m, err := s.model(modelKey{q.Folder, q.Backend})
	if err != nil {
		return nil, err
	}
	m.Watch(ctx, report)
	switch w := q.What.(type) {
	case sample:
		return m.Sample(w.N, w.Seed)
	case toPrior:
		z, logProb, err := m.ToPrior(w.X, w.Steps)
		return mapped{z, logProb}, err
	case fromPrior:
		x, logProb, err := m.FromPrior(w.Z, w.Steps)
		return mapped{x, logProb}, err
	case path:
		return m.Path(w.Z, w.Frames)
	case pathToPrior:
		return m.PathToPrior(w.X, w.Frames)
	case pace:
		return expected(m, w.N)
	case evaluation:
		if _, own := m.Target.(*target.Own); own {
			return nil, errors.New("resident: the helper does not have the energy of a system of your own; " +
				"evaluate its models by a session")
		}
		return m.Evaluate(w.Data, w.Settings)
	}
	return nil, fmt.Errorf("resident: unknown query of type %T", q.What)
}

// model returns a loaded model. It loads the model if it is not in memory or if its file has
// changed.
func (s *server) model(key modelKey) (*eqflow.Model, error) {
	file, err := os.Stat(train.FileOf(key.folder))
	loaded := s.models[key]
	if loaded == nil || err != nil || !sameFile(file, loaded.file) {
		delete(s.models, key)
		backend, err := s.backend(key.backend)
		if err != nil {
			return nil, err
		}
		m, err := load(backend, key.folder)
		if err != nil {
			return nil, err
		}
		s.makeRoom()
		loaded = &loadedModel{model: m, file: file}
		s.models[key] = loaded
	}
	loaded.used = time.Now()
	return loaded.model, nil
}

// sameFile reports whether a file has not changed between two states.
func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func load(backend compute.Backend, folder string) (*eqflow.Model, error) {
	card, err := eqflow.Describe(folder)
	if err == nil && card.Target.Kind == target.KindOwn {
		err = target.RegisterPlaceholder(card.Target)
	}
	if err != nil {
		return nil, err
	}
	m, _, err := eqflow.Load(backend, folder)
	return m, err
}

// makeRoom drops the least recently used models until there is room for one more.
func (s *server) makeRoom() {
	for len(s.models) >= maxModels {
		var oldest modelKey
		for key, m := range s.models {
			if o := s.models[oldest]; o == nil || m.used.Before(o.used) {
				oldest = key
			}
		}
		delete(s.models, oldest)
	}
}

func (s *server) backend(spec string) (compute.Backend, error) {
	if b := s.backends[spec]; b != nil {
		return b, nil
	}
	b, err := s.open(spec)
	if err == nil {
		s.backends[spec] = b
	}
	return b, err
}
