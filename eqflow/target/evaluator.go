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

// evaluator evaluates the energy of a graph for callers that come one by one. It serves the callers
// that wait at the same time as one batch: a call of GoMLX's Go backend costs 0.2 ms, for one
// configuration as for 64.
type evaluator struct {
	target *Own
	forces bool
	exec   *graph.Exec // made on first use

	mu      sync.Mutex
	busy    bool
	waiting []*request
}

// request is one configuration to evaluate, and its answer.
type request struct {
	x, forces []float64
	u         float64
	err       error
	answered  bool
	turn      chan struct{} // closed when the request is answered, or when its caller must serve the next batch
}

// blocks are the batch sizes that graphs are compiled for. Smaller batches are padded. A
// configuration's energy is the same bytes in every batch.
var blocks = []int{1, 16, 64, largestBlock}

const largestBlock = 256

func newEvaluator(t *Own, forces bool) *evaluator { return &evaluator{target: t, forces: forces} }

// evaluate returns u of x and, if the evaluator has forces, fills in forces.
func (e *evaluator) evaluate(x, forces []float64) (float64, error) {
	r := &request{x: x, forces: forces, turn: make(chan struct{})}
	e.mu.Lock()
	e.waiting = append(e.waiting, r)
	if e.busy {
		e.mu.Unlock()
		<-r.turn
		if r.answered {
			return r.u, r.err
		}
		e.mu.Lock()
	}
	e.busy = true
	e.mu.Unlock()
	runtime.Gosched() // lets other callers join the batch
	batch := e.nextBatch(r)
	e.answer(batch)

	e.mu.Lock()
	defer e.mu.Unlock()
	for _, other := range batch[1:] {
		other.answered = true
		close(other.turn)
	}
	e.busy = len(e.waiting) > 0
	if e.busy { // the first waiting caller serves next; its request stays in the queue, not answered
		close(e.waiting[0].turn)
	}
	return r.u, r.err
}

// nextBatch takes r and as many other waiting requests as fit into a block.
func (e *evaluator) nextBatch(r *request) []*request {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting = slices.DeleteFunc(e.waiting, func(other *request) bool { return other == r })
	others := min(len(e.waiting), largestBlock-1)
	batch := append([]*request{r}, e.waiting[:others]...)
	e.waiting = slices.Clone(e.waiting[others:])
	return batch
}

// answer evaluates a batch. Only one goroutine at a time calls it.
func (e *evaluator) answer(batch []*request) {
	fail := func(err error) {
		for _, r := range batch {
			r.err = err
		}
	}
	if err := e.compile(); err != nil {
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
	for i, r := range batch {
		r.u = u[i]
	}
	if e.forces {
		forces := tensors.MustCopyFlatData[float64](results[1])
		for i, r := range batch {
			copy(r.forces, forces[i*width:(i+1)*width])
		}
	}
	for _, result := range results {
		result.MustFinalizeAll()
	}
}

// ownBackend computes the energies of all systems that FromGraph makes in a process. It is part of
// the program and needs no plugin.
var ownBackend = sync.OnceValues(func() (compute.Backend, error) { return gobackend.New("") })

// compile makes the executable graph, on first use.
func (e *evaluator) compile() error {
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
			panic(fmt.Errorf("is %s for %s; it must be one number of the same type for each configuration: "+
				"sum over pairs or particles with ReduceSum(…, -1)", u.Shape(), x.Shape()))
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
