package dynamics

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// RadialBasis is the field of the paper, v_i = Σ_{j≠i} (x_i − x_j) φ(d_ij, t). It is equivariant
// under rotation, reflection and relabelling, and keeps the centre of mass. Model folders and the
// command line call it kernel.
//
//	φ(d, t) = Σ_m T_m(t) [ Σ_k W_km R_k(d) + Σ_k a_k² W_km + b_m ]
//
// R and T are normalised Gaussian radial basis functions (RBFs) with fixed centres and trainable
// widths. W, a ("importance") and b are trainable. Where particles are not all alike, each role of
// a pair (for example, each combination of types) has a W and a b of its own. The divergence has a
// closed form, Σ_{i≠j} [ d φ'(d) + D φ(d) ].
//
// Source: arXiv:1910.00753; settings of arXiv:2006.02425.
type RadialBasis struct {
	Centres     int     // distance RBFs, evenly from 0 to MaxDistance; default 50
	MaxDistance float64 // length unit of the target; default 8
	Width       float64 // initial width of the distance RBFs; default 0.5
	TimeCentres int     // time RBFs, evenly over [0, 1]; default 10
	TimeWidth   float64 // initial width of the time RBFs; default 0.3
	// PublishedSlope computes φ' and the divergence as bgflow does, for comparison with such
	// programs. With s the sum of the RBFs, bgflow divides by s² + ε where the derivative has (s +
	// ε)², and multiplies φ' by d where the derivative has r²/d. The result is not the exact
	// divergence beyond the outermost centre.
	PublishedSlope bool
}

// WithDefaults fills the zero fields in.
func (r RadialBasis) WithDefaults() RadialBasis {
	r.Centres = cmp.Or(r.Centres, 50)
	r.MaxDistance = cmp.Or(r.MaxDistance, 8)
	r.Width = cmp.Or(r.Width, 0.5)
	r.TimeCentres = cmp.Or(r.TimeCentres, 10)
	r.TimeWidth = cmp.Or(r.TimeWidth, 0.3)
	return r
}

// Validate returns an error that names the first setting out of range.
func (r RadialBasis) Validate() error {
	r = r.WithDefaults()
	switch {
	case r.Centres < 2 || r.TimeCentres < 2:
		return fmt.Errorf("dynamics: the kernel field has %d distance and %d time centres; give at least 2 of each",
			r.Centres, r.TimeCentres)
	case r.MaxDistance <= 0 || r.Width <= 0 || r.TimeWidth <= 0:
		return fmt.Errorf("dynamics: the kernel field's distance %g and widths %g, %g must be positive",
			r.MaxDistance, r.Width, r.TimeWidth)
	}
	return nil
}

// regulariser is ε: it keeps normalised RBFs finite far from all centres, and softens the distance
// d = √(r² + ε).
const regulariser = 1e-6

// radialBasisField is a bound RadialBasis: nodes of one graph. K and T are the numbers of distance
// and of time RBFs.
type radialBasisField struct {
	config      RadialBasis
	system      System
	pairs       int
	order       [][2]int // the pairs, sorted by role
	sizes       []int    // pairs of each role
	weights     *Node    // [roles*K, T]
	bias        *Node    // [roles, T]
	importance  *Node    // [K], squared before use
	inverse     *Node    // 1/width of the distance RBFs [K]
	inverseTime *Node    // 1/width of the time RBFs [T]
}

// Bind implements Config.
func (r RadialBasis) Bind(scope *model.Scope, g *Graph, system System) Field {
	r = r.WithDefaults()
	rng := rand.New(rand.NewPCG(system.Seed, 0x6b65726e))
	variable := func(name string, draw func() float64, dims ...int) *Node {
		return system.Variable(scope, g, name, draw, dims...)
	}
	normal := func() float64 { return 1e-3 * rng.NormFloat64() }
	always := func(v float64) func() float64 { return func() float64 { return v } }
	order, sizes := system.pairsByRole()
	return &radialBasisField{
		config: r, system: system, pairs: len(order), order: order, sizes: sizes,
		weights:     variable("weights", normal, len(sizes)*r.Centres, r.TimeCentres),
		bias:        variable("bias", always(0), len(sizes), r.TimeCentres),
		importance:  variable("importance", always(0), r.Centres),
		inverse:     Exp(variable("neg_log_gammas", always(-math.Log(r.Width)), r.Centres)),
		inverseTime: Exp(variable("neg_log_gammas_time", always(-math.Log(r.TimeWidth)), r.TimeCentres)),
	}
}

// timeRBFs returns the normalised time RBFs [T, len] at times t [1, len].
func (f *radialBasisField) timeRBFs(t *Node) *Node {
	g, dtype := t.Graph(), t.DType()
	u := Mul(Sub(t, column(g, dtype, evenly(0, 1, f.config.TimeCentres))), ExpandAxes(f.inverseTime, -1))
	r := Exp(Neg(Mul(u, u)))
	return Div(r, AddScalar(ReduceAndKeep(r, ReduceSum, 0), regulariser))
}

// foldTime sums over the time RBFs at times t [1, len]. It returns the weights of the distance RBFs
// [roles*K, len] and the constant terms of φ [roles, len].
func (f *radialBasisField) foldTime(t *Node) (weights, constants *Node) {
	rbfs := f.timeRBFs(t)
	perRole := Reshape(f.weights, len(f.sizes), f.config.Centres, f.config.TimeCentres)
	shift := Add(Einsum("k,rkt->rt", Mul(f.importance, f.importance), perRole), f.bias)
	return DotProduct(f.weights, rbfs), DotProduct(shift, rbfs)
}

// moments returns [len, 6, K] for weights w [K, len]: six rows, each of which one Dot with R turns
// into a sum. The rows are those of Σ R and Σ w R, and of the two halves of the derivative of each,
// Σ c(d−μ) R with c = −2/width². Distances and centres are measured from the middle of the range,
// which halves float32's error in their difference.
func (f *radialBasisField) moments(w *Node) *Node {
	g, dtype := w.Graph(), w.DType()
	c := ExpandAxes(MulScalar(Mul(f.inverse, f.inverse), -2), -1)
	half := f.config.MaxDistance / 2
	cmu := Mul(c, column(g, dtype, evenly(-half, half, f.config.Centres)))
	one := OnesLike(w)
	return TransposeAllDims(Stack([]*Node{one, w, Mul(c, one), Mul(cmu, one), Mul(w, c), Mul(w, cmu)}, 0), 2, 0, 1)
}

func (f *radialBasisField) centres() []float64 {
	return evenly(0, f.config.MaxDistance, f.config.Centres)
}

// Tables implements Tabulated. The tables are the moments of every role [times, roles*6, K], the
// constant terms [times, roles] and the inverse widths [times, K].
func (f *radialBasisField) Tables(times []float64) []*Node {
	g, dtype, k := f.weights.Graph(), f.weights.DType(), f.config.Centres
	w, constants := f.foldTime(Transpose(column(g, dtype, times), 0, 1))
	moments := make([]*Node, len(f.sizes))
	for r := range moments {
		moments[r] = f.moments(SliceAxis(w, 0, AxisRange(r*k, (r+1)*k)))
	}
	widths := BroadcastToDims(ExpandAxes(f.inverse, 0), len(times), k)
	return []*Node{Concatenate(moments, 1), Transpose(constants, 0, 1), widths}
}

// At implements Field. Every configuration has its own time, so there are no tables.
func (f *radialBasisField) At(t, x *Node) (v, div *Node) {
	y := TransposeAllDims(x, 1, 2, 0)
	pairs := f.pairsOf(y)
	w, constants := f.foldTime(Reshape(t, 1, -1)) // [roles*K, batch], [roles, batch]
	k, batch := f.config.Centres, x.Shape().Dimensions[0]
	u := Sub(ExpandAxes(pairs.distance, 0), Reshape(column(x.Graph(), x.DType(), f.centres()), k, 1, 1))
	inverse := Reshape(f.inverse, k, 1, 1)
	r := Exp(Neg(Mul(Mul(u, inverse), Mul(u, inverse)))) // [K, pairs, batch]
	dr := MulScalar(Mul(Mul(u, Mul(inverse, inverse)), r), -2)
	weighted := f.onPairs(Reshape(w, len(f.sizes), k, batch))
	total := func(a *Node) *Node { return ReduceSum(a, 0) }
	phi := f.ratio(total(r), total(Mul(weighted, r)), total(dr), total(Mul(weighted, dr)))
	shift := Reshape(f.onPairs(Reshape(constants, len(f.sizes), 1, batch)), f.pairs, batch)
	v, div = f.velocity(pairs, Add(phi.value, shift), phi.slope)
	return TransposeAllDims(v, 2, 0, 1), div
}

// onPairs gives every pair the values of its role: [roles, k, batch] becomes [k, pairs, batch].
func (f *radialBasisField) onPairs(a *Node) *Node {
	k, batch := a.Shape().Dimensions[1], a.Shape().Dimensions[2]
	parts := make([]*Node, len(f.sizes))
	for r, size := range f.sizes {
		one := Reshape(SliceAxis(a, 0, AxisElem(r)), k, 1, batch)
		parts[r] = BroadcastToDims(one, k, size, batch)
	}
	return Concatenate(parts, 1)
}

// column returns a constant [len(values), 1].
func column(g *Graph, dtype dtypes.DType, values []float64) *Node {
	return Reshape(ConstAsDType(g, dtype, values), len(values), 1)
}

// evenly returns count numbers evenly spaced over [from, to].
func evenly(from, to float64, count int) []float64 {
	out := make([]float64, count)
	for i := range out {
		out[i] = from + (to-from)*float64(i)/float64(count-1)
	}
	return out
}
