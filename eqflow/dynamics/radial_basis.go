package dynamics

import (
	"fmt"
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// RadialBasis is the radial kernel field of the paper: v_i = Σ_{j≠i} (x_i − x_j) φ(d_ij, t), equivariant under rotation,
// reflection and relabelling, keeping the centre of mass.
//
//	φ(d, t) = Σ_m T_m(t) [ Σ_k W_km R_k(d) + Σ_k a_k² W_km + b_m ]
//
// R and T are normalised Gaussian radial basis functions, with fixed centres and trainable widths; W, a ("importance")
// and b are trainable. Where particles are not all alike, every role of a pair (two types, say) has a W and a b of its own.
// The divergence is closed: Σ_{i≠j} [ d φ'(d) + D φ(d) ]. Source: arXiv:1910.00753; settings of
// arXiv:2006.02425.
type RadialBasis struct {
	Centres     int     // distance RBFs, evenly from 0 to MaxDistance; default 50
	MaxDistance float64 // length unit of the target; default 8
	Width       float64 // first width of the distance RBFs; default 0.5
	TimeCentres int     // time RBFs, evenly over [0, 1]; default 10
	TimeWidth   float64 // first width of the time RBFs; default 0.3
	// PublishedSlope takes φ' and the divergence as bgflow computes them. They regularise the square of the RBFs' sum
	// where the derivative has the square of the regularised sum, and take d for r²/d: not the exact divergence beyond
	// the outermost centre. For comparing with programs that do the same.
	PublishedSlope bool
}

// WithDefaults fills the zero fields in.
func (k RadialBasis) WithDefaults() RadialBasis {
	k.Centres = orInt(k.Centres, 50)
	k.MaxDistance = orFloat(k.MaxDistance, 8)
	k.Width = orFloat(k.Width, 0.5)
	k.TimeCentres = orInt(k.TimeCentres, 10)
	k.TimeWidth = orFloat(k.TimeWidth, 0.3)
	return k
}

func orInt(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

func orFloat(v, otherwise float64) float64 {
	if v == 0 {
		return otherwise
	}
	return v
}

// Validate returns an error that names the first setting out of range.
func (k RadialBasis) Validate() error {
	k = k.WithDefaults()
	switch {
	case k.Centres < 2 || k.TimeCentres < 2:
		return fmt.Errorf("dynamics: kernel field has %d distance and %d time centres; give at least 2 of each", k.Centres, k.TimeCentres)
	case k.MaxDistance <= 0 || k.Width <= 0 || k.TimeWidth <= 0:
		return fmt.Errorf("dynamics: kernel field's distance %g and widths %g, %g must be positive", k.MaxDistance, k.Width, k.TimeWidth)
	}
	return nil
}

// regulariser keeps normalised RBFs finite far from all centres, and softens d = √(r² + ε).
const regulariser = 1e-6

// radialBasisField is a bound RadialBasis: nodes of one graph.
type radialBasisField struct {
	config  RadialBasis
	system  System
	pairs   int
	order   [][2]int // the pairs, those of one role together
	sizes   []int    // how many pairs there are of each role
	weights *Node    // [roles*K, T]
	bias    *Node    // [roles, T]
	gate    *Node    // [K], squared before use
	inverse *Node    // [K], 1/width of the distance RBFs
	inverT  *Node    // [T], 1/width of the time RBFs
}

// Bind implements Config.
func (k RadialBasis) Bind(scope *model.Scope, g *Graph, system System) Field {
	k = k.WithDefaults()
	rng := rand.New(rand.NewPCG(system.Seed, 0x6b65726e))
	variable := func(name string, draw func() float64, dims ...int) *Node {
		return system.variable(scope, g, name, draw, dims...)
	}
	constant := func(v float64) func() float64 { return func() float64 { return v } }
	order, sizes := system.pairsByRole()
	return &radialBasisField{
		config: k, system: system, pairs: len(order), order: order, sizes: sizes,
		weights: variable("weights", func() float64 { return 1e-3 * rng.NormFloat64() }, len(sizes)*k.Centres, k.TimeCentres),
		bias:    variable("bias", constant(0), len(sizes), k.TimeCentres),
		gate:    variable("importance", constant(0), k.Centres),
		inverse: Exp(variable("neg_log_gammas", constant(-math.Log(k.Width)), k.Centres)),
		inverT:  Exp(variable("neg_log_gammas_time", constant(-math.Log(k.TimeWidth)), k.TimeCentres)),
	}
}

// timeRBFs returns the normalised time RBFs [T, len] at times t [1, len].
func (f *radialBasisField) timeRBFs(t *Node) *Node {
	g, dtype := t.Graph(), t.DType()
	u := Mul(Sub(t, column(g, dtype, evenly(0, 1, f.config.TimeCentres))), ExpandAxes(f.inverT, -1))
	r := Exp(Neg(Mul(u, u)))
	return Div(r, AddScalar(ReduceAndKeep(r, ReduceSum, 0), regulariser))
}

// folded returns the time-folded distance weights [roles*K, len] and the constants [roles, len] at times t [1, len].
func (f *radialBasisField) folded(t *Node) (weights, constants *Node) {
	rbfs := f.timeRBFs(t)
	perRole := Reshape(f.weights, len(f.sizes), f.config.Centres, f.config.TimeCentres)
	gated := Add(Einsum("k,rkt->rt", Mul(f.gate, f.gate), perRole), f.bias)
	return DotProduct(f.weights, rbfs), DotProduct(gated, rbfs)
}

// moments stacks, for weights w [K, len], the six rows that one Dot with R turns into sums: Σ R, Σ w R, and the two
// halves of the derivative of each, Σ c(d−μ) R with c = −2/width². Distances and centres are taken from the middle of
// the range, which halves what float32 loses in the difference. It returns [len, 6, K].
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

// Tables implements Tabulated: the moments of every role [times, roles*6, K], the constants [times, roles] and the inverse
// widths [times, K].
func (f *radialBasisField) Tables(times []float64) []*Node {
	g, dtype, k := f.weights.Graph(), f.weights.DType(), f.config.Centres
	w, constants := f.folded(Transpose(column(g, dtype, times), 0, 1))
	moments := make([]*Node, len(f.sizes))
	for r := range moments {
		moments[r] = f.moments(SliceAxis(w, 0, AxisRange(r*k, (r+1)*k)))
	}
	widths := BroadcastToDims(ExpandAxes(f.inverse, 0), len(times), k)
	return []*Node{Concatenate(moments, 1), Transpose(constants, 0, 1), widths}
}

// At implements Field: every configuration at its own time.
func (f *radialBasisField) At(t, x *Node) (v, div *Node) {
	y := TransposeAllDims(x, 1, 2, 0)
	pairs := f.pairsOf(y)
	w, constants := f.folded(Reshape(t, 1, -1)) // [roles*K, B], [roles, B]
	k, batch := f.config.Centres, x.Shape().Dimensions[0]
	u := Sub(ExpandAxes(pairs.distance, 0), Reshape(column(x.Graph(), x.DType(), f.centres()), k, 1, 1))
	inverse := Reshape(f.inverse, k, 1, 1)
	r := Exp(Neg(Mul(Mul(u, inverse), Mul(u, inverse)))) // [K, P, B]
	dr := MulScalar(Mul(Mul(u, Mul(inverse, inverse)), r), -2)
	weighted := f.onPairs(Reshape(w, len(f.sizes), k, batch))
	total := func(a *Node) *Node { return ReduceSum(a, 0) }
	phi := f.ratio(total(r), total(Mul(weighted, r)), total(dr), total(Mul(weighted, dr)))
	constant := Reshape(f.onPairs(Reshape(constants, len(f.sizes), 1, batch)), f.pairs, batch)
	v, div = f.assemble(pairs, Add(phi.value, constant), phi.slope)
	return TransposeAllDims(v, 2, 0, 1), div
}

// onPairs gives every pair what its role has: [roles, k, batch] becomes [k, pairs, batch].
func (f *radialBasisField) onPairs(a *Node) *Node {
	k, batch := a.Shape().Dimensions[1], a.Shape().Dimensions[2]
	parts := make([]*Node, len(f.sizes))
	for r, size := range f.sizes {
		one := Reshape(SliceAxis(a, 0, AxisElem(r)), k, 1, batch)
		parts[r] = BroadcastToDims(one, k, size, batch)
	}
	return Concatenate(parts, 1)
}

// column is a constant [len(values), 1].
func column(g *Graph, dtype dtype, values []float64) *Node {
	return Reshape(ConstAsDType(g, dtype, values), len(values), 1)
}

func evenly(from, to float64, count int) []float64 {
	out := make([]float64, count)
	for i := range out {
		out[i] = from + (to-from)*float64(i)/float64(count-1)
	}
	return out
}
