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
)

// mostModels is how many models are held; the one that was asked longest ago makes room.
const mostModels = 8

// tellEvery is how often progress is sent.
const tellEvery = 200 * time.Millisecond

// server answers questions one after the other.
type server struct {
	open     func(spec string) (compute.Backend, error)
	turn     chan struct{}
	backends map[string]compute.Backend // by spec
	models   map[holding]*held
}

// holding names a model that is held.
type holding struct{ folder, backend string }

// held is a loaded model, and the file as it was then.
type held struct {
	model *eqflow.Model
	file  os.FileInfo
	asked time.Time
}

// serve answers at a listener until it closes.
func serve(listener net.Listener, open func(spec string) (compute.Backend, error)) {
	_ = os.Unsetenv(envBackend) // questions say it
	s := &server{open: open, turn: make(chan struct{}, 1), backends: map[string]compute.Backend{}, models: map[holding]*held{}}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go s.converse(conn)
	}
}

// converse answers the question of a connection, unless whoever asked hangs up before.
func (s *server) converse(conn net.Conn) {
	defer conn.Close()
	to, from := gob.NewEncoder(conn), gob.NewDecoder(conn)
	if to.Encode(message{}) != nil {
		return
	}
	var q question
	if err := from.Decode(&q); err != nil {
		_ = to.Encode(message{Failure: fmt.Sprintf("resident: the helper does not understand (%v); is it of another version? Renew it with `eqflow kernel install`", err)})
		return
	}
	ctx, hungUp := context.WithCancel(context.Background())
	go func() {
		_, _ = conn.Read(make([]byte, 1)) // nothing more is sent
		hungUp()
	}()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return
	}
	told := time.Now()
	answer, err := s.answer(ctx, q, func(done, total int) {
		if time.Since(told) > tellEvery {
			told = time.Now()
			_ = to.Encode(message{Done: done, Total: total})
		}
	})
	if err != nil {
		_ = to.Encode(message{Failure: cmp.Or(err.Error(), "resident: it failed without a reason")})
		return
	}
	_ = to.Encode(message{Answer: answer})
}

// answer computes. GoMLX reports errors inside graphs by panics.
func (s *server) answer(ctx context.Context, q question, report func(done, total int)) (answer any, err error) {
	defer func() {
		if r := recover(); r != nil {
			answer, err = nil, fmt.Errorf("resident: %v", r)
			fmt.Fprintf(os.Stderr, "%v\n%s\n", r, debug.Stack())
		}
	}()
	m, err := s.model(holding{q.Folder, q.Backend})
	if err != nil {
		return nil, err
	}
	m.Watch(ctx, report)
	switch w := q.What.(type) {
	case sample:
		return m.Sample(w.N, w.Seed)
	case toPrior:
		z, logProb, err := m.ToPrior(w.X, w.Steps)
		return scored{z, logProb}, err
	case fromPrior:
		x, logProb, err := m.FromPrior(w.Z, w.Steps)
		return scored{x, logProb}, err
	case path:
		return m.Path(w.Z, w.Frames)
	case pathToPrior:
		return m.PathToPrior(w.X, w.Frames)
	case evaluate:
		if _, own := m.Target.(*target.Own); own {
			return nil, errors.New("resident: the helper does not have the energy of a system of your own; evaluate its models by a session")
		}
		return m.Evaluate(w.Data, w.How)
	}
	return nil, fmt.Errorf("resident: a question of type %T", q.What)
}

// model is the one that is held, unless its file has changed.
func (s *server) model(of holding) (*eqflow.Model, error) {
	file, err := os.Stat(eqflow.FileOf(of.folder))
	h := s.models[of]
	if h == nil || err != nil || !os.SameFile(file, h.file) || !file.ModTime().Equal(h.file.ModTime()) || file.Size() != h.file.Size() {
		delete(s.models, of)
		backend, err := s.backend(of.backend)
		if err != nil {
			return nil, err
		}
		m, err := load(backend, of.folder)
		if err != nil {
			return nil, err
		}
		s.makeRoom()
		h = &held{model: m, file: file}
		s.models[of] = h
	}
	h.asked = time.Now()
	return h.model, nil
}

func load(backend compute.Backend, folder string) (*eqflow.Model, error) {
	card, err := eqflow.Describe(folder)
	if err == nil && card.Target.Kind == target.KindOwn {
		err = target.StandIn(card.Target)
	}
	if err != nil {
		return nil, err
	}
	m, _, err := eqflow.Load(backend, folder)
	return m, err
}

func (s *server) makeRoom() {
	for len(s.models) >= mostModels {
		var oldest holding
		for of, h := range s.models {
			if o := s.models[oldest]; o == nil || h.asked.Before(o.asked) {
				oldest = of
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
