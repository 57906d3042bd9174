package target

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// evaluator evaluates a graph's energy for callers that come one by one: those who wait while others are being served go
// together. A call costs 0.2 ms on GoMLX's backend in plain Go, whether for one configuration or for sixty-four.
type evaluator struct {
	target *Own
	forces bool
	exec   *graph.Exec // made on first use

	mu      sync.Mutex
	busy    bool
	waiting []*question
}

// question is one configuration to be evaluated.
type question struct {
	x, forces []float64
	u         float64
	err       error
	answered  bool
	turn      chan struct{} // closed when it is answered, or its caller has to serve
}

// blocks are the batch sizes that graphs are compiled for; smaller batches are padded. A configuration's energy is the same
// bytes in every one of them.
var blocks = []int{1, 16, 64, largestBlock}

const largestBlock = 256

func newEvaluator(t *Own, forces bool) *evaluator { return &evaluator{target: t, forces: forces} }

// evaluate returns u of x and fills forces in, if this evaluator has any.
func (e *evaluator) evaluate(x, forces []float64) (float64, error) {
	q := &question{x: x, forces: forces, turn: make(chan struct{})}
	e.mu.Lock()
	e.waiting = append(e.waiting, q)
	if e.busy {
		e.mu.Unlock()
		<-q.turn
		if q.answered {
			return q.u, q.err
		}
		e.mu.Lock()
	}
	e.busy = true
	e.mu.Unlock()
	runtime.Gosched() // those who are about to ask come along
	e.mu.Lock()
	e.waiting = slices.DeleteFunc(e.waiting, func(o *question) bool { return o == q })
	others := min(len(e.waiting), largestBlock-1)
	batch := append([]*question{q}, e.waiting[:others]...)
	e.waiting = slices.Clone(e.waiting[others:])
	e.mu.Unlock()

	e.answer(batch)

	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range batch[1:] {
		o.answered = true
		close(o.turn)
	}
	e.busy = len(e.waiting) > 0
	if e.busy { // the first of them serves next; it is still among the waiting and not answered
		next := e.waiting[0]
		close(next.turn)
	}
	return q.u, q.err
}

// answer evaluates a batch. Only one goroutine at a time is here.
func (e *evaluator) answer(batch []*question) {
	fail := func(err error) {
		for _, q := range batch {
			q.err = err
		}
	}
	if err := e.prepare(); err != nil {
		fail(err)
		return
	}
	size := blocks[slices.IndexFunc(blocks, func(b int) bool { return b >= len(batch) })]
	width := e.target.n * e.target.d
	flat := make([]float64, 0, size*width)
	for i := range size {
		flat = append(flat, batch[min(i, len(batch)-1)].x...)
	}
	results, err := e.exec.Call(tensors.FromFlatDataAndDimensions(flat, size, e.target.n, e.target.d))
	if err != nil {
		fail(err)
		return
	}
	u := tensors.MustCopyFlatData[float64](results[0])
	for i, q := range batch {
		q.u = u[i]
	}
	if e.forces {
		forces := tensors.MustCopyFlatData[float64](results[1])
		for i, q := range batch {
			copy(q.forces, forces[i*width:(i+1)*width])
		}
	}
	for _, r := range results {
		r.MustFinalizeAll()
	}
}

// ownBackend computes the energies of all of a process's own systems. It is part of the program and needs no plugin.
var ownBackend = sync.OnceValues(func() (compute.Backend, error) { return gobackend.New("") })

// prepare makes the compiled graph, on first use.
func (e *evaluator) prepare() error {
	if e.exec != nil {
		return nil
	}
	backend, err := ownBackend()
	if err != nil {
		return fmt.Errorf("has no backend: %w", err)
	}
	e.exec, err = graph.NewExec(backend, func(x *graph.Node) []*graph.Node {
		u := e.target.energy(x)
		if want := x.Shape().Dimensions[:1]; u.DType() != x.DType() || !slices.Equal(u.Shape().Dimensions, want) {
			panic(fmt.Errorf("is %s for %s; it must be one number of the same type for each configuration: sum over pairs or particles with ReduceSum(…, -1)",
				u.Shape(), x.Shape()))
		}
		if !e.forces {
			return []*graph.Node{u}
		}
		return []*graph.Node{u, graph.Neg(graph.Gradient(graph.ReduceAllSum(u), x)[0])}
	})
	if err != nil {
		return err
	}
	e.exec.SetMaxCache(len(blocks))
	return nil
}
