package radial

import (
	"math"
	"sync"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Flow is the flow of a field over a span of flow time. It tabulates the field on first use. Many
// goroutines may use it.
type Flow struct {
	ode.Span
	field Field
	plan  plan
	at    []float64 // the flow times that the solve visits
	row   [][]int   // of the table, for each step and stage

	making sync.Mutex
	table  *table // with pieces beyond split once some distance has needed them
}

// NewFlow prepares a field for a solve. It returns an error where the RBFs of the field are too
// narrow for a table.
func NewFlow(f Field, s ode.Span) (*Flow, error) {
	f.RadialBasis = f.RadialBasis.WithDefaults()
	p, err := f.plan()
	flow := &Flow{Span: s, field: f, plan: p}
	flow.at, flow.row = stageRows(s)
	return flow, err
}

// stageRows returns the distinct flow times of a solve, and the index of each stage's time.
func stageRows(s ode.Span) (at []float64, row [][]int) {
	known := map[int64]int{}
	row = make([][]int, s.Steps)
	for stage := range s.Method.Stages() {
		for step := range s.Steps {
			t := s.Time(step, stage)
			key := int64(math.Round(t * 1e12))
			if _, ok := known[key]; !ok {
				known[key] = len(at)
				at = append(at, t)
			}
			row[step] = append(row[step], known[key])
		}
	}
	return at, row
}

// withTable calls solve, which starts from x, with a table. The table covers all distances where x
// has some beyond split; otherwise solve is called again with all distances if it has met some.
func (f *Flow) withTable(x particle.Batch, solve func(t *table)) {
	t := f.tableFor(someBeyond(x, f.plan.split))
	if solve(t); t.incomplete.Load() {
		solve(f.tableFor(true))
	}
}

func (f *Flow) tableFor(beyond bool) *table {
	f.making.Lock()
	defer f.making.Unlock()
	if f.table == nil || beyond && f.table.far == 0 {
		f.table = f.field.newTable(f.plan, f.at, beyond)
	}
	return f.table
}

// Release makes the memory of the flow available for the next one. The flow must not be used any
// more. A flow that is not released is left to the garbage collector.
func (f *Flow) Release() {
	if f.table != nil {
		f.table.release()
	}
}

// someBeyond reports whether some distance within a configuration is not below d.
func someBeyond(x particle.Batch, d float64) bool {
	for b := range x.Len() {
		at := x.At(b)
		for i := 0; i < len(at); i += x.D {
			for j := 0; j < i; j += x.D {
				square := 0.0
				for c := range x.D {
					square += (at[i+c] - at[j+c]) * (at[i+c] - at[j+c])
				}
				if !(square+regulariser < d*d) {
					return true
				}
			}
		}
	}
	return false
}

// Images holds mapped configurations with their log-determinants and penalties.
type Images struct {
	X       particle.Batch
	LogDet  []float64 // log|det ∂X/∂input| on the mean-free subspace [B]
	Penalty []float64 // disagreement of the method's twin stages [B], as ode.Solution defines it
}

func newImages(like particle.Batch) Images {
	size := like.Len()
	return Images{particle.NewBatch(size, like.N, like.D), make([]float64, size), make([]float64, size)}
}

// Apply maps configurations from T0 to T1.
func (f *Flow) Apply(x particle.Batch) Images {
	out := newImages(x)
	f.withTable(x, func(t *table) {
		parallel.Each(blockCount(x), func(i int) {
			b := f.newBlock(t, x, i, false)
			b.solve()
			b.store(out)
			b.release()
		})
	})
	return out
}
