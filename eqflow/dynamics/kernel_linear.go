package dynamics

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
)

type dtype = dtypes.DType

// What follows runs inside the closures of XLA's While as well as in ordinary graphs. So it sums by Dot or by slices,
// never by a reduction, and makes its constants on the spot. The layout is [pairs, batch] and [K, pairs·batch], the batch
// innermost: the RBFs are one exponential and all six sums one matrix product.

// pairGeometry holds the pairs i<j of states y [n, d, batch], in the field's order.
type pairGeometry struct {
	difference *Node // r_i − r_j [pairs, d, batch]
	square     *Node // |r_i − r_j|² [pairs, batch]
	distance   *Node // √(square + ε) [pairs, batch]
}

func (f *kernelField) pairsOf(y *Node) pairGeometry {
	batch := y.Shape().Dimensions[2]
	r := f.toPairs(y)
	square := f.dot(r, r)
	distance := Sqrt(Add(square, scalar(y, regulariser)))
	return pairGeometry{r, square, Reshape(distance, f.pairs, batch)}
}

// incidence is the constant [pairs, n] with +1 at i and −1 at j.
func (f *kernelField) incidence(g *Graph, dtype dtypes.DType) *Node {
	rows := make([][]float64, f.pairs)
	for p, pair := range f.order {
		rows[p] = make([]float64, f.system.N)
		rows[p][pair[0]], rows[p][pair[1]] = 1, -1
	}
	return ConstAsDType(g, dtype, rows)
}

// toPairs maps particle vectors [n, d, batch] to pair differences [pairs, d, batch].
func (f *kernelField) toPairs(y *Node) *Node {
	d, batch := f.system.D, y.Shape().Dimensions[2]
	return Reshape(DotProduct(f.incidence(y.Graph(), y.DType()), Reshape(y, f.system.N, d*batch)), f.pairs, d, batch)
}

// toParticles is the transpose of toPairs: it adds a pair's vector to i and takes it from j.
func (f *kernelField) toParticles(r *Node) *Node {
	d, batch := f.system.D, r.Shape().Dimensions[2]
	a := Transpose(f.incidence(r.Graph(), r.DType()), 0, 1)
	return Reshape(DotProduct(a, Reshape(r, f.pairs, d*batch)), f.system.N, d, batch)
}

// dot returns a·b over the spatial axis: [pairs, d, batch] twice → [pairs, batch].
func (f *kernelField) dot(a, b *Node) *Node {
	product := Mul(a, b)
	batch := a.Shape().Dimensions[2]
	var sum *Node
	for k := range f.system.D {
		part := Reshape(SliceAxis(product, 1, AxisRange(k, k+1)), f.pairs, batch)
		if sum == nil {
			sum = part
		} else {
			sum = Add(sum, part)
		}
	}
	return sum
}

// spread repeats a [pairs, batch] along the spatial axis.
func (f *kernelField) spread(a *Node) *Node {
	batch := a.Shape().Dimensions[1]
	return BroadcastToDims(ExpandAxes(a, 1), f.pairs, f.system.D, batch)
}

// assemble makes the velocity [n, d, batch] and the divergence [batch] from φ and φ' [pairs, batch].
func (f *kernelField) assemble(p pairGeometry, phi, slope *Node) (v, div *Node) {
	v = f.toParticles(Mul(p.difference, f.spread(phi)))
	lever, _ := f.lever(p)
	// Each pair counts for both of its particles.
	perPair := Add(Mul(lever, slope), Mul(phi, scalar(phi, float64(f.system.D))))
	return v, Mul(sumRows(perPair), scalar(perPair, 2))
}

// lever is r·∂d/∂r = r²/d = d − ε/d [pairs, batch], with its derivative by d.
func (f *kernelField) lever(p pairGeometry) (lever, derivative *Node) {
	d := p.distance
	if f.config.PublishedSlope {
		return d, BroadcastToShape(scalar(d, 1), d.Shape())
	}
	return Div(p.square, d), Add(scalar(d, 1), Div(scalar(d, regulariser), Mul(d, d)))
}

// ratio is a normalised sum value = w/(ε+s) and its slope by the distance, dw/(ε+s) − w·ds·q with q = 1/(ε+s)².
type ratio struct {
	value, slope *Node
	w, dw, ds    *Node
	inverse      *Node // 1/(ε+s)
	q, dq        *Node // q and its derivative by s
}

func (f *kernelField) ratio(s, w, ds, dw *Node) ratio {
	inverse := Div(scalar(s, 1), Add(s, scalar(s, regulariser)))
	q := Mul(inverse, inverse)
	dq := Mul(Mul(q, inverse), scalar(s, -2))
	if f.config.PublishedSlope {
		q = Div(scalar(s, 1), Add(Mul(s, s), scalar(s, regulariser)))
		dq = Mul(Mul(Mul(q, q), s), scalar(s, -2))
	}
	slope := Sub(Mul(dw, inverse), Mul(Mul(w, ds), q))
	return ratio{Mul(w, inverse), slope, w, dw, ds, inverse, q, dq}
}

// pull returns the cotangents of s, w, ds and dw.
func (r ratio) pull(gValue, gSlope *Node) (gs, gw, gds, gdw *Node) {
	gdw = Mul(gSlope, r.inverse)
	gds = Neg(Mul(gSlope, Mul(r.w, r.q)))
	gw = Sub(Mul(gValue, r.inverse), Mul(gSlope, Mul(r.ds, r.q)))
	gInverse := Add(Mul(gValue, r.w), Mul(gSlope, r.dw))
	gs = Neg(Add(Mul(gInverse, Mul(r.inverse, r.inverse)), Mul(gSlope, Mul(Mul(r.w, r.ds), r.dq))))
	return gs, gw, gds, gdw
}

// Linear implements Tabulated.
func (f *kernelField) Linear() ode.Linear {
	return func(rows []*Node, y *Node) (v, div *Node, pullback func(gv, gdiv *Node) (*Node, []*Node)) {
		e := f.evaluate(rows[0], rows[1], rows[2], y)
		v, div = f.assemble(e.pairs, e.phi, e.ratio.slope)
		return v, div, e.pull
	}
}

// evaluation is the field at one time and state, with what its pullback reuses.
type evaluation struct {
	*kernelField
	moments, widths *Node // [roles*6, K], [K]
	pairs           pairGeometry
	flat            *Node // distances [1, pairs·batch]
	rbf             *Node // [K, pairs·batch]
	q               [6]*Node
	ratio           ratio // shadows the method that makes it
	phi             *Node // [pairs, batch]
}

func (f *kernelField) evaluate(moments, constants, widths, y *Node) *evaluation {
	e := &evaluation{kernelField: f, moments: moments, widths: widths, pairs: f.pairsOf(y)}
	batch := y.Shape().Dimensions[2]
	e.flat = Reshape(e.pairs.distance, 1, f.pairs*batch)
	u := Mul(e.offsets(), f.spreadK(widths, f.pairs*batch))
	e.rbf = Exp(Neg(Mul(u, u)))
	sums := e.perRole(func(r int, columns []SliceAxisSpec) *Node {
		return DotProduct(e.momentsOf(r), Slice(e.rbf, columns...))
	})
	for k := range e.q {
		e.q[k] = Reshape(SliceAxis(sums, 0, AxisRange(k, k+1)), f.pairs, batch)
	}
	d := e.fromMiddle()
	e.ratio = f.ratio(e.q[0], e.q[1], Sub(Mul(d, e.q[2]), e.q[3]), Sub(Mul(d, e.q[4]), e.q[5]))
	roles := DotProduct(e.roles(y), Reshape(constants, -1, 1)) // [pairs, 1]
	e.phi = Add(e.ratio.value, BroadcastToDims(roles, f.pairs, batch))
	return e
}

// perRole puts results for the columns of each role's pairs side by side.
func (e *evaluation) perRole(of func(r int, columns []SliceAxisSpec) *Node) *Node {
	parts, from := make([]*Node, len(e.sizes)), 0
	for r, size := range e.sizes {
		to := from + size*e.flat.Shape().Dimensions[1]/e.kernelField.pairs
		parts[r] = of(r, []SliceAxisSpec{AxisRange(), AxisRange(from, to)})
		from = to
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return Concatenate(parts, 1)
}

// momentsOf are a role's [6, K].
func (e *evaluation) momentsOf(r int) *Node { return SliceAxis(e.moments, 0, AxisRange(r*6, (r+1)*6)) }

// roles is the constant [pairs, roles] with a one at each pair's role.
func (f *kernelField) roles(like *Node) *Node {
	var roles []int
	for r, size := range f.sizes {
		roles = append(roles, slices.Repeat([]int{r}, size)...)
	}
	return ConstAsDType(like.Graph(), like.DType(), oneHot(roles, len(f.sizes)))
}

// fromMiddle returns the distances from the middle of the centres [pairs, batch], as moments has them.
func (e *evaluation) fromMiddle() *Node {
	d := e.pairs.distance
	return Sub(d, scalar(d, e.config.MaxDistance/2))
}

// offsets returns d − μ [K, pairs·batch].
func (e *evaluation) offsets() *Node {
	k, size := e.config.Centres, e.flat.Shape().Dimensions[1]
	mu := column(e.flat.Graph(), e.flat.DType(), e.centres())
	return Sub(BroadcastToDims(e.flat, k, size), BroadcastToDims(mu, k, size))
}

// spreadK repeats a [K] along the pairs.
func (f *kernelField) spreadK(a *Node, size int) *Node {
	return BroadcastToDims(ExpandAxes(a, 1), f.config.Centres, size)
}

// pull turns the cotangents of v [n, d, batch] and div [batch] into those of y and of the three table rows.
func (e *evaluation) pull(gv, gdiv *Node) (gy *Node, gRows []*Node) {
	p, d := e.pairs, e.pairs.distance
	batch := d.Shape().Dimensions[1]
	gpair := e.toPairs(gv)
	twice := BroadcastToDims(ExpandAxes(Mul(gdiv, scalar(gdiv, 2)), 0), e.kernelField.pairs, batch)
	lever, dlever := e.lever(p)
	gphi := Add(e.dot(gpair, p.difference), Mul(twice, scalar(twice, float64(e.system.D))))
	gslope := Mul(twice, lever)
	gd := Mul(Mul(twice, e.ratio.slope), dlever)

	gs, gw, gds, gdw := e.ratio.pull(gphi, gslope)
	gd = Add(gd, Add(Mul(gds, e.q[2]), Mul(gdw, e.q[4])))
	from := e.fromMiddle()
	gq := []*Node{gs, gw, Mul(from, gds), Neg(gds), Mul(from, gdw), Neg(gdw)}
	for k := range gq {
		gq[k] = Reshape(gq[k], 1, e.kernelField.pairs*batch)
	}
	gsums := Concatenate(gq, 0) // [6, pairs·batch]
	gdRBF, gwidths := e.pullRBF(e.perRole(func(r int, columns []SliceAxisSpec) *Node {
		return DotProduct(Transpose(e.momentsOf(r), 0, 1), Slice(gsums, columns...))
	}))
	gd = Add(gd, Reshape(gdRBF, e.kernelField.pairs, batch))
	gmoments := e.perRole(func(_ int, columns []SliceAxisSpec) *Node { // [6, roles*K]
		return Dot(Slice(gsums, columns...), Slice(e.rbf, columns...)).General([]int{1}, nil, []int{1}, nil)
	})

	gr := Add(Mul(gpair, e.spread(e.phi)), Mul(p.difference, e.spread(Div(gd, d))))
	perPair := DotProduct(gphi, BroadcastToDims(scalar(gphi, 1), batch, 1))
	gconstants := Reshape(DotProduct(Transpose(e.roles(gphi), 0, 1), perPair), len(e.sizes))
	return e.toParticles(gr), []*Node{e.stacked(gmoments), gconstants, gwidths}
}

// stacked turns [6, roles*K] into [roles*6, K].
func (e *evaluation) stacked(a *Node) *Node {
	roles, k := len(e.sizes), e.config.Centres
	return Reshape(TransposeAllDims(Reshape(a, 6, roles, k), 1, 0, 2), roles*6, k)
}

// pullRBF takes the cotangent of the RBFs [K, pairs·batch] to those of the distances [1, pairs·batch] and the inverse
// widths [K].
func (e *evaluation) pullRBF(grbf *Node) (gflat, gwidths *Node) {
	u := e.offsets()
	size := u.Shape().Dimensions[1]
	au := Mul(Mul(grbf, e.rbf), u)
	slope := Mul(Mul(e.widths, e.widths), scalar(e.widths, -2))
	gflat = DotProduct(ExpandAxes(slope, 0), au)
	ones := BroadcastToDims(scalar(u, 1), size, 1)
	second := Reshape(DotProduct(Mul(au, u), ones), e.config.Centres)
	return gflat, Mul(second, Mul(e.widths, scalar(e.widths, -2)))
}

// scalar is a constant of x's type and graph.
func scalar(x *Node, v float64) *Node { return ConstAsDType(x.Graph(), x.DType(), v) }

// sumRows returns Σ_i a[i, b] [batch].
func sumRows(a *Node) *Node {
	rows, batch := a.Shape().Dimensions[0], a.Shape().Dimensions[1]
	return Reshape(DotProduct(BroadcastToDims(scalar(a, 1), 1, rows), a), batch)
}
