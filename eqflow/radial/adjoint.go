package radial

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Kept is a solve that remembers its stages, so that it can be differentiated.
type Kept struct {
	Images
	table  *table
	blocks []*block
}

// Keep maps configurations like Apply, and keeps what Pull needs.
func (f *Flow) Keep(x particle.Batch) *Kept {
	k := &Kept{Images: newImages(x), blocks: make([]*block, blocks(x))}
	f.withTable(x, func(t *table) {
		k.table = t
		parallel.Each(len(k.blocks), func(i int) {
			k.blocks[i] = f.newBlock(t, x, i, true)
			k.blocks[i].solve()
			k.blocks[i].store(k.Images)
		})
	})
	return k
}

// A solve's gradient is summed in parts, each in its own arrays: by the problem's size alone, so that the sum is the same on
// any number of cores.
const (
	pairsPerPart = 384
	maxParts     = 16
)

func (k *Kept) parts() int {
	n := k.X.N
	return max(1, min(maxParts, len(k.blocks), k.X.Len()*n*(n-1)/2/pairsPerPart))
}

// Pull turns the cotangents of the images, X, LogDet and Penalty, into those of the parameters. It ends k's use.
func (k *Kept) Pull(cotangents Images) Parameters {
	t := k.table
	parts := make([][][]polynomial, k.parts())
	parallel.Each(len(parts), func(i int) {
		parts[i] = t.zeros(len(t.rows))
		for b := len(k.blocks) * i / len(parts); b < len(k.blocks)*(i+1)/len(parts); b++ {
			k.blocks[b].pull(cotangents, parts[i])
			k.blocks[b].leave()
		}
	})
	g := t.pull(parts)
	for _, part := range parts {
		t.leave(part)
	}
	return g
}

// pull adds a block's share to the cotangents of the table's rows: the adjoint of every step, the last one first.
func (b *block) pull(cotangents Images, gRows [][]polynomial) {
	p := &blockPull{block: b, gRows: gRows, gy: make([]float64, len(b.y)), gk: make([][]float64, b.Method.Stages()), gl: make([][]float64, b.Method.Stages())}
	for j := range p.gk {
		p.gk[j], p.gl[j] = make([]float64, len(b.y)), make([]float64, b.lanes)
	}
	p.gStage, p.along, p.gDistance = make([]float64, len(b.y)), make([]float64, b.lanes), make([]float64, b.lanes)
	b.load(p.gy, cotangents.X)
	p.gLogDet, p.gPenalty = make([]float64, b.lanes), make([]float64, b.lanes)
	copy(p.gLogDet, cotangents.LogDet[b.first:b.first+b.used])
	copy(p.gPenalty, cotangents.Penalty[b.first:b.first+b.used])
	for step := b.Steps - 1; step >= 0; step-- {
		p.step(step)
	}
}

// blockPull is the adjoint of a block's solve, under way.
type blockPull struct {
	*block
	gRows             [][]polynomial
	gLogDet, gPenalty []float64   // of the results [lanes]
	gy, gStage        []float64   // of the state between steps and of a stage's state [n·D, lanes]
	gk                [][]float64 // of the stages' velocities [stages][n·D, lanes]
	gl                [][]float64 // and divergences [stages][lanes]
	along, gDistance  []float64   // scratch of a pair [lanes]
}

// step takes gy from the end of a step to its start.
func (p *blockPull) step(step int) {
	h := p.h()
	for j, weight := range p.Method.B {
		setScaled(p.gk[j], h*weight, p.gy)
		setScaled(p.gl[j], h*weight, p.gLogDet)
	}
	if p.Method.HasTwins() {
		p.pullPenalty(step, math.Abs(h))
	}
	for j := p.Method.Stages() - 1; j >= 0; j-- {
		y, _, _ := p.stage(step, j)
		p.pullField(p.row[step][j], y, p.gk[j], p.gl[j])
		addScaled(p.gy, 1, p.gStage)
		for m, weight := range p.Method.A[j] {
			if weight != 0 {
				addScaled(p.gk[m], h*weight, p.gStage)
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

// pullPenalty adds the penalty's share to the cotangents of the twin stages.
func (p *blockPull) pullPenalty(step int, h float64) {
	one, other := p.Method.Twins[0], p.Method.Twins[1]
	_, kp, lp := p.stage(step, one)
	_, kq, lq := p.stage(step, other)
	p.distances(kp, kq)
	for l, weight := range p.gPenalty {
		change := h * weight * float64(sign(lp[l]-lq[l]))
		p.gl[one][l] += change
		p.gl[other][l] -= change
		p.factor[l] = h * weight / math.Sqrt(p.square[l]+tiny)
	}
	for at := 0; at < len(kp); at += p.lanes {
		push(p.gk[one][at:], p.gk[other][at:], kp[at:], kq[at:], p.factor)
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

// pullFieldInGo is pullField, which sets gStage to what the cotangents gv and gdiv of the field at y make of y, and adds to the row's.
func (p *blockPull) pullFieldInGo(row int, y, gv, gdiv []float64) {
	clear(p.gStage)
	for i := range p.n {
		for j := i + 1; j < p.n; j++ {
			clear(p.square)
			clear(p.along)
			for c := range p.table.D {
				addProducts(p.square, p.along, p.coordinate(y, i, c), p.coordinate(y, j, c), p.coordinate(gv, i, c), p.coordinate(gv, j, c))
			}
			p.table.pullLookUp(row, p.square, p.along, gdiv, p.phi, p.factor, p.gRows[row])
			for c := range p.table.D {
				g, h := p.coordinate(p.gStage, i, c), p.coordinate(p.gStage, j, c)
				pushTwice(g, h, p.coordinate(gv, i, c), p.coordinate(gv, j, c), p.phi, p.coordinate(y, i, c), p.coordinate(y, j, c), p.factor)
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

// pushTwice adds a·(v − w) + b·(x − y) to g, and takes it from h.
func pushTwice(g, h, v, w, a, x, y, b []float64) {
	g, h, v, w, x, y, b = g[:len(a)], h[:len(a)], v[:len(a)], w[:len(a)], x[:len(a)], y[:len(a)], b[:len(a)]
	for l := range a {
		r := a[l]*(v[l]-w[l]) + b[l]*(x[l]-y[l])
		g[l] += r
		h[l] -= r
	}
}

// pullLookUp takes the cotangents of a pair's force along itself, and of the divergence, to those of the row, and sets φ and
// factor, the cotangent of the distance over the distance.
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
