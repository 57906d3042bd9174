package dynamics

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
)

// This file has RadialBasis at the rows of its tables for one time, with the derivative written by
// hand. It runs inside the closures of XLA's While as well as in ordinary graphs. Therefore it sums
// by Dot or by slices, never by a reduction, and creates its constants where it uses them.
//
// Arrays are [pairs, batch] and [K, pairs, batch], with the batch innermost: the RBFs are one
// exponential, and all six sums one matrix product. The batch keeps an axis of its own, along which
// several devices share the work. Folded into the pairs' axis, it would have to be gathered first.
//
// A prefix g marks the cotangent of a value: gphi is the derivative of the loss by phi.

// pairGeometry describes the pairs i<j of states y [n, d, batch], in the field's order.
type pairGeometry struct {
	difference *Node // r_i − r_j [pairs, d, batch]
	square     *Node // |r_i − r_j|² [pairs, batch]
	distance   *Node // √(square + ε) [pairs, batch]
}

func (f *radialBasisField) pairsOf(y *Node) pairGeometry {
	batch := y.Shape().Dimensions[2]
	r := f.toPairs(y)
	square := f.dot(r, r)
	distance := Sqrt(Add(square, scalar(y, regulariser)))
	return pairGeometry{r, square, Reshape(distance, f.pairs, batch)}
}

// incidence returns the constant [pairs, n] with +1 at i and −1 at j.
func (f *radialBasisField) incidence(g *Graph, dtype dtypes.DType) *Node {
	rows := make([][]float64, f.pairs)
	for p, pair := range f.order {
		rows[p] = make([]float64, f.system.N)
		rows[p][pair[0]], rows[p][pair[1]] = 1, -1
	}
	return ConstAsDType(g, dtype, rows)
}

// toPairs maps vectors of particles [n, d, batch] to differences of pairs [pairs, d, batch].
func (f *radialBasisField) toPairs(y *Node) *Node {
	return timesFirstAxis(f.incidence(y.Graph(), y.DType()), y)
}

// toParticles is the transpose of toPairs: it adds a pair's vector to particle i and subtracts it
// from particle j.
func (f *radialBasisField) toParticles(r *Node) *Node {
	return timesFirstAxis(Transpose(f.incidence(r.Graph(), r.DType()), 0, 1), r)
}

// timesFirstAxis multiplies a matrix [m, k] by the first axis of b [k, …].
func timesFirstAxis(a, b *Node) *Node { return Dot(a, b).General([]int{1}, nil, []int{0}, nil) }

// dot returns a·b over the axis of space, [pairs, batch] for a and b [pairs, d, batch].
func (f *radialBasisField) dot(a, b *Node) *Node {
	product := Mul(a, b)
	batch := a.Shape().Dimensions[2]
	var sum *Node
	for k := range f.system.D {
		sum = sumOf(sum, Reshape(SliceAxis(product, 1, AxisRange(k, k+1)), f.pairs, batch))
	}
	return sum
}

// repeatSpace repeats a [pairs, batch] along the axis of space.
func (f *radialBasisField) repeatSpace(a *Node) *Node {
	batch := a.Shape().Dimensions[1]
	return BroadcastToDims(ExpandAxes(a, 1), f.pairs, f.system.D, batch)
}

// velocity returns the velocity [n, d, batch] and the divergence [batch] for φ and φ'
// [pairs, batch].
func (f *radialBasisField) velocity(p pairGeometry, phi, slope *Node) (v, div *Node) {
	v = f.toParticles(Mul(p.difference, f.repeatSpace(phi)))
	dilation, _ := f.dilation(p)
	// Each pair counts for both of its particles.
	perPair := Add(Mul(dilation, slope), Mul(phi, scalar(phi, float64(f.system.D))))
	return v, Mul(sumRows(perPair), scalar(perPair, 2))
}

// dilation returns r·∂d/∂r = r²/d = d − ε/d [pairs, batch] and its derivative by d.
func (f *radialBasisField) dilation(p pairGeometry) (dilation, derivative *Node) {
	d := p.distance
	if f.config.PublishedSlope {
		return d, BroadcastToShape(scalar(d, 1), d.Shape())
	}
	return Div(p.square, d), Add(scalar(d, 1), Div(scalar(d, regulariser), Mul(d, d)))
}

// ratio is a normalised sum, value = w/(ε+s), and its slope by the distance, dw/(ε+s) −
// w·ds·q with q = 1/(ε+s)². s is the sum of the RBFs, w the weighted sum, and ds and dw are
// their derivatives by the distance.
type ratio struct {
	value, slope *Node
	w, dw, ds    *Node
	inverse      *Node // 1/(ε+s)
	q, dq        *Node // q, and its derivative by s
}

func (f *radialBasisField) ratio(s, w, ds, dw *Node) ratio {
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

// pullback returns the cotangents of s, w, ds and dw.
func (r ratio) pullback(gvalue, gslope *Node) (gs, gw, gds, gdw *Node) {
	gdw = Mul(gslope, r.inverse)
	gds = Neg(Mul(gslope, Mul(r.w, r.q)))
	gw = Sub(Mul(gvalue, r.inverse), Mul(gslope, Mul(r.ds, r.q)))
	ginverse := Add(Mul(gvalue, r.w), Mul(gslope, r.dw))
	gs = Neg(Add(Mul(ginverse, Mul(r.inverse, r.inverse)), Mul(gslope, Mul(Mul(r.w, r.ds), r.dq))))
	return gs, gw, gds, gdw
}

// Linear implements Tabulated.
func (f *radialBasisField) Linear() ode.PullbackRate {
	return func(rows []*Node, y *Node) (v, div *Node, pullback func(gv, gdiv *Node) (*Node, []*Node)) {
		e := f.evaluate(rows[0], rows[1], rows[2], y)
		v, div = f.velocity(e.pairs, e.phi, e.ratio.slope)
		return v, div, e.pullback
	}
}

// evaluation is the field at one time and state, with the values that the pullback uses again.
type evaluation struct {
	*radialBasisField
	moments, widths *Node // [roles*6, K], [K]
	pairs           pairGeometry
	rbf             *Node    // [K, pairs, batch]
	sums            [6]*Node // the moments' sums over the RBFs, each [pairs, batch]
	ratio           ratio    // shadows the method that makes it
	phi             *Node    // [pairs, batch]
}

func (f *radialBasisField) evaluate(moments, constants, widths, y *Node) *evaluation {
	e := &evaluation{radialBasisField: f, moments: moments, widths: widths, pairs: f.pairsOf(y)}
	batch := y.Shape().Dimensions[2]
	u := Mul(e.offsets(), f.repeatPairs(widths, batch))
	e.rbf = Exp(Neg(Mul(u, u)))
	sums := e.byRole(1, func(r int, pairs SliceAxisSpec) *Node {
		return timesFirstAxis(e.momentsOf(r), SliceAxis(e.rbf, 1, pairs))
	})
	for k := range e.sums {
		e.sums[k] = Reshape(SliceAxis(sums, 0, AxisRange(k, k+1)), f.pairs, batch)
	}
	d := e.fromMiddle()
	ds, dw := Sub(Mul(d, e.sums[2]), e.sums[3]), Sub(Mul(d, e.sums[4]), e.sums[5])
	e.ratio = f.ratio(e.sums[0], e.sums[1], ds, dw)
	perPair := DotProduct(e.roles(y), Reshape(constants, -1, 1)) // [pairs, 1]
	e.phi = Add(e.ratio.value, BroadcastToDims(perPair, f.pairs, batch))
	return e
}

// byRole concatenates the results for each role's pairs along an axis.
func (e *evaluation) byRole(axis int, of func(r int, pairs SliceAxisSpec) *Node) *Node {
	parts, from := make([]*Node, len(e.sizes)), 0
	for r, size := range e.sizes {
		parts[r] = of(r, AxisRange(from, from+size))
		from += size
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return Concatenate(parts, axis)
}

// momentsOf returns the moments of a role [6, K].
func (e *evaluation) momentsOf(r int) *Node { return SliceAxis(e.moments, 0, AxisRange(r*6, (r+1)*6)) }

// roles returns the constant [pairs, roles] with a one at each pair's role.
func (f *radialBasisField) roles(like *Node) *Node {
	var roles []int
	for r, size := range f.sizes {
		roles = append(roles, slices.Repeat([]int{r}, size)...)
	}
	return ConstAsDType(like.Graph(), like.DType(), oneHot(roles, len(f.sizes)))
}

// fromMiddle returns the distances measured from the middle of the centres [pairs, batch], as in
// moments.
func (e *evaluation) fromMiddle() *Node {
	d := e.pairs.distance
	return Sub(d, scalar(d, e.config.MaxDistance/2))
}

// offsets returns d − μ [K, pairs, batch].
func (e *evaluation) offsets() *Node {
	d := e.pairs.distance
	batch := d.Shape().Dimensions[1]
	mu := Reshape(column(d.Graph(), d.DType(), e.centres()), -1)
	wide := BroadcastToDims(ExpandAxes(d, 0), e.config.Centres, e.radialBasisField.pairs, batch)
	return Sub(wide, e.repeatPairs(mu, batch))
}

// repeatPairs repeats a [K] along the pairs and the batch.
func (f *radialBasisField) repeatPairs(a *Node, batch int) *Node {
	return BroadcastToDims(ExpandAxes(a, 1, 2), f.config.Centres, f.pairs, batch)
}

// pullback turns the cotangents of v [n, d, batch] and div [batch] into the cotangents of y and of
// the three rows.
func (e *evaluation) pullback(gv, gdiv *Node) (gy *Node, grows []*Node) {
	p, d := e.pairs, e.pairs.distance
	batch := d.Shape().Dimensions[1]
	gpair := e.toPairs(gv)
	twice := BroadcastToDims(ExpandAxes(Mul(gdiv, scalar(gdiv, 2)), 0), e.radialBasisField.pairs, batch)
	dilation, derivative := e.dilation(p)
	gphi := Add(e.dot(gpair, p.difference), Mul(twice, scalar(twice, float64(e.system.D))))
	gslope := Mul(twice, dilation)
	gd := Mul(Mul(twice, e.ratio.slope), derivative)

	gs, gw, gds, gdw := e.ratio.pullback(gphi, gslope)
	gd = Add(gd, Add(Mul(gds, e.sums[2]), Mul(gdw, e.sums[4])))
	from := e.fromMiddle()
	parts := []*Node{gs, gw, Mul(from, gds), Neg(gds), Mul(from, gdw), Neg(gdw)}
	for k := range parts {
		parts[k] = ExpandAxes(parts[k], 0)
	}
	gsums := Concatenate(parts, 0) // [6, pairs, batch]
	gdRBF, gwidths := e.pullbackRBF(e.byRole(1, func(r int, pairs SliceAxisSpec) *Node {
		return timesFirstAxis(Transpose(e.momentsOf(r), 0, 1), SliceAxis(gsums, 1, pairs))
	}))
	gd = Add(gd, gdRBF)
	gmoments := e.byRole(0, func(_ int, pairs SliceAxisSpec) *Node { // [roles*6, K]
		return Dot(SliceAxis(gsums, 1, pairs), SliceAxis(e.rbf, 1, pairs)).General([]int{1, 2}, nil, []int{1, 2}, nil)
	})

	gr := Add(Mul(gpair, e.repeatSpace(e.phi)), Mul(p.difference, e.repeatSpace(Div(gd, d))))
	perPair := DotProduct(gphi, BroadcastToDims(scalar(gphi, 1), batch, 1))
	gconstants := Reshape(DotProduct(Transpose(e.roles(gphi), 0, 1), perPair), len(e.sizes))
	return e.toParticles(gr), []*Node{gmoments, gconstants, gwidths}
}

// pullbackRBF turns the cotangent of the RBFs [K, pairs, batch] into the cotangents of the
// distances [pairs, batch] and of the inverse widths [K].
func (e *evaluation) pullbackRBF(grbf *Node) (gdistance, gwidths *Node) {
	u, d := e.offsets(), e.pairs.distance
	au := Mul(Mul(grbf, e.rbf), u)
	slope := Mul(Mul(e.widths, e.widths), scalar(e.widths, -2))
	gdistance = Reshape(timesFirstAxis(ExpandAxes(slope, 0), au), d.Shape().Dimensions...)
	ones := BroadcastToShape(scalar(d, 1), d.Shape())
	second := Dot(Mul(au, u), ones).General([]int{1, 2}, nil, []int{0, 1}, nil)
	return gdistance, Mul(second, Mul(e.widths, scalar(e.widths, -2)))
}

// scalar returns a constant of x's type in x's graph.
func scalar(x *Node, v float64) *Node { return ConstAsDType(x.Graph(), x.DType(), v) }

// sumRows returns Σ_i a[i, b] [batch].
func sumRows(a *Node) *Node {
	rows, batch := a.Shape().Dimensions[0], a.Shape().Dimensions[1]
	return Reshape(DotProduct(BroadcastToDims(scalar(a, 1), 1, rows), a), batch)
}
