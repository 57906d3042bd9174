package radial

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// maxLanes is the number of configurations that are solved side by side: enough for the loops over
// them, and few enough for their stages to fit the first-level cache.
const maxLanes = 32

func blockCount(x particle.Batch) int { return (x.Len() + maxLanes - 1) / maxLanes }

// block is the solve of up to maxLanes configurations. Its arrays hold [..., lanes], the
// configurations innermost.
type block struct {
	*Flow
	table       *table
	n, first    int
	lanes, used int       // lanes is a multiple of four, of which the last may be idle
	solution    []float64 // y and logDet, side by side
	y, logDet   []float64 // views of solution: positions [n·D] and log|det| [1]
	penalty     []float64 // [1]

	// The states [n·D] of the stages and the rates [n·D + 1], velocities with divergences: of every
	// step [steps · stages] in a recorded solve, otherwise of one step [stages].
	states, rates           [][]float64
	stateMemory, rateMemory []float64
	recorded                bool
	square, phi, factor     []float64 // of one pair [1]
}

func (f *Flow) newBlock(t *table, x particle.Batch, index int, record bool) *block {
	first := index * maxLanes
	b := &block{Flow: f, table: t, n: x.N, first: first, used: min(maxLanes, x.Len()-first), recorded: record}
	b.lanes = (b.used + 3) &^ 3
	width := x.N * x.D * b.lanes
	b.solution = spareNumbers.Get(width + b.lanes)
	b.y, b.logDet = b.solution[:width], b.solution[width:]
	stages := f.Method.Stages()
	if record {
		stages *= f.Steps
	}
	b.stateMemory, b.states = rows(stages, width)
	b.rateMemory, b.rates = rows(stages, width+b.lanes)
	scratch := make([]float64, 4*b.lanes)
	for _, s := range []*[]float64{&b.penalty, &b.square, &b.phi, &b.factor} {
		*s, scratch = scratch[:b.lanes:b.lanes], scratch[b.lanes:]
	}
	b.load(b.y, x)
	clear(b.logDet)
	return b
}

// rows returns count arrays of one width in spare memory.
func rows(count, width int) (memory []float64, rows [][]float64) {
	memory, rows = spareNumbers.Get(count*width), make([][]float64, count)
	for i := range rows {
		rows[i] = memory[i*width : (i+1)*width]
	}
	return memory, rows
}

// load fills the lanes of y with the configurations of the block, and the idle lanes with zeros.
func (b *block) load(y []float64, from particle.Batch) {
	clear(y)
	for l := range b.used {
		for c, v := range from.At(b.first + l) {
			y[c*b.lanes+l] = v
		}
	}
}

// store copies the results to the configurations of the block.
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

// release makes the memory of the block available for another one.
func (b *block) release() {
	for _, a := range [][]float64{b.solution, b.stateMemory, b.rateMemory} {
		spareNumbers.Put(a)
	}
}

// stages returns the states and the rates of a step, one array per stage.
func (b *block) stages(step int) (states, rates [][]float64) {
	if !b.recorded {
		return b.states, b.rates
	}
	stages := b.Method.Stages()
	return b.states[step*stages : (step+1)*stages], b.rates[step*stages : (step+1)*stages]
}

// split returns the velocity [n·D] and the divergence [1] in a rate.
func (b *block) split(rate []float64) (velocity, divergence []float64) {
	return rate[:len(b.y)], rate[len(b.y):]
}

func (b *block) solve() {
	h := b.StepLength()
	for step := range b.Steps {
		states, rates := b.stages(step)
		b.Method.Step(h, b.solution, states, rates, func(stage int, state, rate []float64) {
			velocity, divergence := b.split(rate)
			b.field(b.row[step][stage], state, velocity, divergence)
		})
		if b.Method.HasTwins() {
			b.penalise(rates, math.Abs(h))
		}
	}
}

// tiny keeps the derivative of the norm finite where two stages agree exactly, as in package ode.
const tiny = 1e-12

// penalise adds |h|·(|Δl| + ‖Δk‖) between the twin stages.
func (b *block) penalise(rates [][]float64, h float64) {
	kp, lp := b.split(rates[b.Method.Twins[0]])
	kq, lq := b.split(rates[b.Method.Twins[1]])
	b.setSquares(kp, kq)
	for i, square := range b.square {
		b.penalty[i] += h * (math.Abs(lp[i]-lq[i]) + math.Sqrt(square+tiny))
	}
}

// setSquares sets square to |a − c|² over all coordinates.
func (b *block) setSquares(a, c []float64) {
	clear(b.square)
	for at := 0; at < len(a); at += b.lanes {
		addSquares(b.square, a[at:], c[at:])
	}
}

// coordinate returns coordinate c of particle i [lanes].
func (b *block) coordinate(y []float64, i, c int) []float64 {
	at := (i*b.table.D + c) * b.lanes
	return y[at : at+b.lanes]
}

// fieldInGo is field in plain Go.
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
				addOpposite(b.coordinate(v, i, c), b.coordinate(v, j, c),
					b.coordinate(y, i, c), b.coordinate(y, j, c), b.phi)
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

// addOpposite adds φ·(x − y) to v, and subtracts it from w.
func addOpposite(v, w, x, y, phi []float64) {
	v, w, x, y = v[:len(phi)], w[:len(phi)], x[:len(phi)], y[:len(phi)]
	for l, p := range phi {
		r := p * (x[l] - y[l])
		v[l] += r
		w[l] -= r
	}
}

// lookUp sets φ for the squared distances of a pair, and adds the pair's contribution to the
// divergence, 2 (r²/d φ' + D φ), to div.
func (t *table) lookUp(row int, square, phi, div []float64) {
	pieces, where, dim := t.rows[row], t.basis.pieces, float64(t.D)
	phi, div = phi[:len(square)], div[:len(square)]
	for l, s := range square {
		d := math.Sqrt(s + regulariser)
		piece, u, scale := where.locate(d)
		if piece >= where.near && where.far == 0 {
			t.incomplete.Store(true)
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
