package radial

import (
	"math"
	"sync"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Solve is a flow between two times by equal steps of a Runge–Kutta method.
type Solve struct {
	Method ode.Tableau
	Steps  int
	T0, T1 float64
}

func (s Solve) h() float64 { return (s.T1 - s.T0) / float64(s.Steps) }

// rows returns the times that the solve visits, each once, and where each stage of each step finds its own.
func (s Solve) rows() (at []float64, row [][]int) {
	known := map[int64]int{}
	row = make([][]int, s.Steps)
	for j := range s.Method.Stages() {
		for i, t := range s.Method.StageTimes(j, s.T0, s.T1, s.Steps) {
			key := int64(math.Round(t * 1e12))
			if _, ok := known[key]; !ok {
				known[key] = len(at)
				at = append(at, t)
			}
			row[i] = append(row[i], known[key])
		}
	}
	return at, row
}

// Flow is a field's flow, tabulated when it is first used. It may be used by many goroutines.
type Flow struct {
	Solve
	field Field
	plan  plan
	at    []float64 // the times that the solve visits
	row   [][]int   // of the table, for each step and stage

	making sync.Mutex
	table  *table // with pieces beyond the last centre once some distance has lain there
}

// NewFlow prepares a field for a solve. It returns an error where the field's RBFs are too narrow for a table.
func NewFlow(f Field, s Solve) (*Flow, error) {
	f.RadialBasis = f.RadialBasis.WithDefaults()
	p, err := f.plan()
	flow := &Flow{Solve: s, field: f, plan: p}
	flow.at, flow.row = s.rows()
	return flow, err
}

// withTable calls solve, which starts from x, with a table: one of all distances where x has some beyond the last centre, or
// where it turns out on the way that they are needed.
func (f *Flow) withTable(x particle.Batch, solve func(t *table)) {
	t := f.tableFor(reaches(x, f.plan.split))
	if solve(t); t.missed.Load() {
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

// Release hands the flow's memory to those that are made next. It ends the flow's use, and may be left out.
func (f *Flow) Release() {
	if t := f.table; t != nil {
		t.basis.leave()
		t.leave(t.perCentre)
		t.leave(t.rows)
	}
}

// reaches tells whether some distance is not under d.
func reaches(x particle.Batch, d float64) bool {
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

// Images are mapped configurations with what a flow tells of the map.
type Images struct {
	X       particle.Batch
	LogDet  []float64 // log|det ∂X/∂input| on the mean-free subspace
	Penalty []float64 // disagreement of the method's twin stages, as ode.Solution has it
}

func newImages(like particle.Batch) Images {
	size := like.Len()
	return Images{particle.NewBatch(size, like.N, like.D), make([]float64, size), make([]float64, size)}
}

// lanes is how many configurations are solved side by side: as many as let the loops over them run, and their stages fit the
// first-level cache.
const lanes = 32

// Apply maps configurations.
func (f *Flow) Apply(x particle.Batch) Images {
	out := newImages(x)
	f.withTable(x, func(t *table) {
		parallel.Each(blocks(x), func(i int) {
			b := f.newBlock(t, x, i, false)
			b.solve()
			b.store(out)
			b.leave()
		})
	})
	return out
}

func blocks(x particle.Batch) int { return (x.Len() + lanes - 1) / lanes }

// block is the solve of up to lanes configurations. Its arrays hold [..., lanes], the configurations innermost.
type block struct {
	*Flow
	table               *table
	n, first            int
	lanes, used         int       // a multiple of four, of which the last may be idle
	y                   []float64 // [n·D]
	logDet, penalty     []float64 // [1]
	ys, ks              []float64 // the stages' states and velocities, of every step or of the last [steps, stages, n·D]
	ls                  []float64 // and divergences [steps, stages]
	kept                bool
	square, phi, factor []float64 // of the pair at hand [1]
}

func (f *Flow) newBlock(t *table, x particle.Batch, index int, keep bool) *block {
	first := index * lanes
	b := &block{Flow: f, table: t, n: x.N, first: first, used: min(lanes, x.Len()-first), kept: keep}
	b.lanes = (b.used + 3) &^ 3
	width, steps := x.N*x.D*b.lanes, 1
	if keep {
		steps = f.Steps
	}
	stages := f.Method.Stages()
	b.y, b.ys, b.ks = spareNumbers.Take(width), spareNumbers.Take(steps*stages*width), spareNumbers.Take(steps*stages*width)
	b.ls = spareNumbers.Take(steps * stages * b.lanes)
	scratch := make([]float64, 5*b.lanes)
	for _, s := range []*[]float64{&b.logDet, &b.penalty, &b.square, &b.phi, &b.factor} {
		*s, scratch = scratch[:b.lanes:b.lanes], scratch[b.lanes:]
	}
	b.load(b.y, x)
	return b
}

// load fills the lanes of y with the block's configurations, and the idle ones with zeros.
func (b *block) load(y []float64, from particle.Batch) {
	clear(y)
	for l := range b.used {
		for c, v := range from.At(b.first + l) {
			y[c*b.lanes+l] = v
		}
	}
}

// leave ends the block's use.
func (b *block) leave() {
	for _, a := range [][]float64{b.y, b.ys, b.ks, b.ls} {
		spareNumbers.Leave(a)
	}
}

// store writes the results where they belong.
func (b *block) store(out Images) {
	for l := range b.used {
		x := out.X.At(b.first + l)
		for c := range x {
			x[c] = b.y[c*b.lanes+l]
		}
	}
	copy(out.LogDet[b.first:], b.logDet[:b.used])
	copy(out.Penalty[b.first:], b.penalty[:b.used])
}

// stage returns the state, velocity and divergence of a stage.
func (b *block) stage(step, stage int) (y, k, l []float64) {
	at := stage
	if b.kept {
		at += step * b.Method.Stages()
	}
	width := len(b.y)
	return b.ys[at*width : (at+1)*width], b.ks[at*width : (at+1)*width], b.ls[at*b.lanes : (at+1)*b.lanes]
}

func (b *block) solve() {
	h := b.h()
	for step := range b.Steps {
		for j, a := range b.Method.A {
			y, k, l := b.stage(step, j)
			copy(y, b.y)
			for m, weight := range a {
				if weight != 0 {
					_, earlier, _ := b.stage(step, m)
					addScaled(y, h*weight, earlier)
				}
			}
			b.field(b.row[step][j], y, k, l)
		}
		for j, weight := range b.Method.B {
			if weight != 0 {
				_, k, l := b.stage(step, j)
				addScaled(b.y, h*weight, k)
				addScaled(b.logDet, h*weight, l)
			}
		}
		if b.Method.HasTwins() {
			b.penalise(step, math.Abs(h))
		}
	}
}

// tiny keeps the norm's derivative finite where two stages agree exactly, as in ode.
const tiny = 1e-12

// penalise adds |h|·(|Δl| + ‖Δk‖) between the twin stages.
func (b *block) penalise(step int, h float64) {
	_, kp, lp := b.stage(step, b.Method.Twins[0])
	_, kq, lq := b.stage(step, b.Method.Twins[1])
	b.distances(kp, kq)
	for i, square := range b.square {
		b.penalty[i] += h * (math.Abs(lp[i]-lq[i]) + math.Sqrt(square+tiny))
	}
}

// distances fills square with |a − c|² over all coordinates.
func (b *block) distances(a, c []float64) {
	clear(b.square)
	for at := 0; at < len(a); at += b.lanes {
		addSquares(b.square, a[at:], c[at:])
	}
}

// particle returns the coordinate c of particle i [lanes].
func (b *block) coordinate(y []float64, i, c int) []float64 {
	at := (i*b.table.D + c) * b.lanes
	return y[at : at+b.lanes]
}

// fieldInGo is field, which sets the velocity v and its divergence of states y, at the time of a table's row.
func (b *block) fieldInGo(row int, y, v, div []float64) {
	clear(v)
	clear(div)
	for i := range b.n {
		for j := i + 1; j < b.n; j++ {
			clear(b.square)
			for c := range b.table.D {
				addSquares(b.square, b.coordinate(y, i, c), b.coordinate(y, j, c))
			}
			b.table.lookUp(row, b.square, b.phi, div)
			for c := range b.table.D {
				push(b.coordinate(v, i, c), b.coordinate(v, j, c), b.coordinate(y, i, c), b.coordinate(y, j, c), b.phi)
			}
		}
	}
}

// addSquares adds (x − y)² to sum.
func addSquares(sum, x, y []float64) {
	x, y = x[:len(sum)], y[:len(sum)]
	for l := range sum {
		r := x[l] - y[l]
		sum[l] += r * r
	}
}

// push adds φ·(x − y) to v, and takes it from w.
func push(v, w, x, y, phi []float64) {
	v, w, x, y = v[:len(phi)], w[:len(phi)], x[:len(phi)], y[:len(phi)]
	for l, p := range phi {
		r := p * (x[l] - y[l])
		v[l] += r
		w[l] -= r
	}
}

// lookUp sets φ for squared distances and adds a pair's share of the divergence, 2 (r²/d φ' + D φ), to div.
func (t *table) lookUp(row int, square, phi, div []float64) {
	pieces, where, dim := t.rows[row], t.basis.pieces, float64(t.D)
	phi, div = phi[:len(square)], div[:len(square)]
	for l, s := range square {
		d := math.Sqrt(s + regulariser)
		piece, u, scale := where.locate(d)
		if piece >= where.near && where.far == 0 {
			t.missed.Store(true)
		}
		c := &pieces[piece]
		p, slope := math.FMA(c[7], u, c[6]), c[7]
		slope, p = math.FMA(slope, u, p), math.FMA(p, u, c[5])
		slope, p = math.FMA(slope, u, p), math.FMA(p, u, c[4])
		slope, p = math.FMA(slope, u, p), math.FMA(p, u, c[3])
		slope, p = math.FMA(slope, u, p), math.FMA(p, u, c[2])
		slope, p = math.FMA(slope, u, p), math.FMA(p, u, c[1])
		slope, p = math.FMA(slope, u, p), math.FMA(p, u, c[0])
		phi[l] = p
		div[l] += 2 * (s/d*slope*scale + dim*p)
	}
}
