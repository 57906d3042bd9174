package radial

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Tape is a recorded solve: the images, and the states of all stages, from which Pull computes the
// gradient.
type Tape struct {
	Images
	table  *table
	blocks []*block
}

// Record maps configurations like Apply, and records the solve for Pull.
func (f *Flow) Record(x particle.Batch) *Tape {
	tape := &Tape{Images: newImages(x), blocks: make([]*block, blockCount(x))}
	f.withTable(x, func(t *table) {
		tape.table = t
		parallel.Each(len(tape.blocks), func(i int) {
			tape.blocks[i] = f.newBlock(t, x, i, true)
			tape.blocks[i].solve()
			tape.blocks[i].store(tape.Images)
		})
	})
	return tape
}

// The gradient of a solve is summed in parts, each in arrays of its own. Their number depends on
// the size of the problem alone, so that the sum is the same on any number of cores.
const (
	pairsPerPart = 384
	maxParts     = 16
)

func (tape *Tape) parts() int {
	n := tape.X.N
	return max(1, min(maxParts, len(tape.blocks), tape.X.Len()*n*(n-1)/2/pairsPerPart))
}

// Pull turns the cotangents of the images, X, LogDet and Penalty, into the gradient by the
// parameters. It releases the memory of the tape, which must not be used any more.
func (tape *Tape) Pull(cotangents Images) Parameters {
	t := tape.table
	parts := make([][][]polynomial, tape.parts())
	parallel.Each(len(parts), func(i int) {
		parts[i] = t.newRows(len(t.rows))
		for b := len(tape.blocks) * i / len(parts); b < len(tape.blocks)*(i+1)/len(parts); b++ {
			tape.blocks[b].pull(cotangents, parts[i])
			tape.blocks[b].release()
		}
	})
	g := t.pull(parts)
	for _, part := range parts {
		t.releaseRows(part)
	}
	return g
}

// pull adds the contribution of a block to the cotangents of the table's rows. It runs the adjoint
// of every step, the last step first.
func (b *block) pull(cotangents Images, gRows [][]polynomial) {
	p := b.newPull(gRows)
	b.load(p.gy, cotangents.X)
	copy(p.gLogDet, cotangents.LogDet[b.first:b.first+b.used])
	copy(p.gPenalty, cotangents.Penalty[b.first:b.first+b.used])
	for step := b.Steps - 1; step >= 0; step-- {
		p.step(step)
	}
}

// blockPull is the adjoint of a block's solve in progress.
type blockPull struct {
	*block
	gRows             [][]polynomial
	gLogDet, gPenalty []float64   // cotangents of the results [lanes]
	gy, gState        []float64   // of the state between steps and of a stage's state [n·D, lanes]
	gk                [][]float64 // of the stages' velocities [stages][n·D, lanes]
	gl                [][]float64 // of the stages' divergences [stages][lanes]
	along             []float64   // (x_i − x_j)·(gv_i − gv_j) of one pair [lanes]
}

func (b *block) newPull(gRows [][]polynomial) *blockPull {
	width, stages := len(b.y), b.Method.Stages()
	p := &blockPull{
		block: b, gRows: gRows,
		gLogDet: make([]float64, b.lanes), gPenalty: make([]float64, b.lanes),
		gy: make([]float64, width), gState: make([]float64, width),
		gk: make([][]float64, stages), gl: make([][]float64, stages),
		along: make([]float64, b.lanes),
	}
	for j := range stages {
		p.gk[j], p.gl[j] = make([]float64, width), make([]float64, b.lanes)
	}
	return p
}

// step takes gy from the end of a step to its start.
func (p *blockPull) step(step int) {
	h := p.StepLength()
	for j, weight := range p.Method.B {
		setScaled(p.gk[j], h*weight, p.gy)
		setScaled(p.gl[j], h*weight, p.gLogDet)
	}
	states, rates := p.stages(step)
	if p.Method.HasTwins() {
		p.pullPenalty(rates, math.Abs(h))
	}
	for j := p.Method.Stages() - 1; j >= 0; j-- {
		p.pullField(p.row[step][j], states[j], p.gk[j], p.gl[j])
		addScaled(p.gy, 1, p.gState)
		for m, weight := range p.Method.A[j] {
			if weight != 0 {
				addScaled(p.gk[m], h*weight, p.gState)
			}
		}
	}
}

func setScaled(to []float64, a float64, from []float64) {
	from = from[:len(to)]
	for i := range to {
		to[i] = a * from[i]
	}
}

// pullPenalty adds the contribution of the penalty to the cotangents of the twin stages.
func (p *blockPull) pullPenalty(rates [][]float64, h float64) {
	one, other := p.Method.Twins[0], p.Method.Twins[1]
	kp, lp := p.split(rates[one])
	kq, lq := p.split(rates[other])
	p.setSquares(kp, kq)
	for l, weight := range p.gPenalty {
		change := h * weight * float64(sign(lp[l]-lq[l]))
		p.gl[one][l] += change
		p.gl[other][l] -= change
		p.factor[l] = h * weight / math.Sqrt(p.square[l]+tiny)
	}
	for at := 0; at < len(kp); at += p.lanes {
		addOpposite(p.gk[one][at:], p.gk[other][at:], kp[at:], kq[at:], p.factor)
	}
}

func sign(v float64) int {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// pullFieldInGo is pullField in plain Go.
func (p *blockPull) pullFieldInGo(row int, y, gv, gdiv []float64) {
	clear(p.gState)
	for i := range p.n {
		for j := i + 1; j < p.n; j++ {
			clear(p.square)
			clear(p.along)
			for c := range p.table.D {
				addProducts(p.square, p.along,
					p.coordinate(y, i, c), p.coordinate(y, j, c), p.coordinate(gv, i, c), p.coordinate(gv, j, c))
			}
			p.table.pullLookUp(row, p.square, p.along, gdiv, p.phi, p.factor, p.gRows[row])
			for c := range p.table.D {
				pullOpposite(p.coordinate(p.gState, i, c), p.coordinate(p.gState, j, c),
					p.coordinate(gv, i, c), p.coordinate(gv, j, c), p.phi,
					p.coordinate(y, i, c), p.coordinate(y, j, c), p.factor)
			}
		}
	}
}

// addProducts adds (x − y)² to square and (x − y)·(v − w) to along.
func addProducts(square, along, x, y, v, w []float64) {
	along, x, y, v, w = along[:len(square)], x[:len(square)], y[:len(square)], v[:len(square)], w[:len(square)]
	for l := range square {
		r := x[l] - y[l]
		square[l] += r * r
		along[l] += r * (v[l] - w[l])
	}
}

// pullOpposite adds a·(v − w) + b·(x − y) to g, and subtracts it from h.
func pullOpposite(g, h, v, w, a, x, y, b []float64) {
	g, h, v, w, x, y, b = g[:len(a)], h[:len(a)], v[:len(a)], w[:len(a)], x[:len(a)], y[:len(a)], b[:len(a)]
	for l := range a {
		r := a[l]*(v[l]-w[l]) + b[l]*(x[l]-y[l])
		g[l] += r
		h[l] -= r
	}
}

// pullLookUp is the adjoint of lookUp. From the cotangents of a pair's force along the pair and of
// the divergence, it adds to the cotangents of the row, and sets φ and factor, the cotangent of the
// distance divided by the distance.
func (t *table) pullLookUp(row int, square, along, gdiv, phi, factor []float64, gRow []polynomial) {
	pieces, where, dim := t.rows[row], t.basis.pieces, float64(t.D)
	along, gdiv, phi, factor = along[:len(square)], gdiv[:len(square)], phi[:len(square)], factor[:len(square)]
	for l, s := range square {
		d := math.Sqrt(s + regulariser)
		piece, u, scale := where.locate(d)
		c := &pieces[piece]
		p, slope, curve := math.FMA(c[7], u, c[6]), c[7], c[7]
		slope, p = math.FMA(slope, u, p), math.FMA(p, u, c[5])
		curve, slope, p = math.FMA(curve, u, slope), math.FMA(slope, u, p), math.FMA(p, u, c[4])
		curve, slope, p = math.FMA(curve, u, slope), math.FMA(slope, u, p), math.FMA(p, u, c[3])
		curve, slope, p = math.FMA(curve, u, slope), math.FMA(slope, u, p), math.FMA(p, u, c[2])
		curve, slope, p = math.FMA(curve, u, slope), math.FMA(slope, u, p), math.FMA(p, u, c[1])
		curve, slope, p = math.FMA(curve, u, slope), math.FMA(slope, u, p), math.FMA(p, u, c[0])
		slope *= scale
		curve *= 2 * scale * scale
		twice, inverse := 2*gdiv[l], 1/d
		gPhi, gSlope := along[l]+twice*dim, twice*s*inverse
		gd := gPhi*slope + gSlope*curve + twice*slope*(1+regulariser*inverse*inverse)
		phi[l], factor[l] = p, gd*inverse

		// ∂φ/∂c_i = u^i and ∂φ'/∂c_i = i u^(i−1) du/dd
		g, a, b := &gRow[piece], gPhi*u, gSlope*scale
		u2 := u * u
		u4 := u2 * u2
		g[0] += gPhi
		g[1] += a + b
		g[2] += u * (a + 2*b)
		g[3] += u2 * (a + 3*b)
		g[4] += u2 * u * (a + 4*b)
		g[5] += u4 * (a + 5*b)
		g[6] += u4 * u * (a + 6*b)
		g[7] += u4 * u2 * (a + 7*b)
	}
}
