package flow

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
)

// Internal is a flow of a molecule in internal coordinates. Its density is
//
//	q(x) = 1/(8π²) · Π q(tⱼ | t₁ … tⱼ₋₁) · q(s | t) / |det ∂x/∂(α, cos β, γ, t, s)|
//
// on the mean-free subspace. The orientation is uniform over rotations. The soft angles t are on
// the circle, each by a circular spline whose network sees those before. The stiff coordinates s
// are normal, with a full triangular matrix and with means and spreads by a network of t, on top of
// spline couplings that see t. The labels of equivalent atoms at the end of a rotor are uniform
// over their turns.
//
// The density is invariant under rotation and under those turns, and not under reflection: mirror
// images are other molecules, to which the flow gives no weight. It covers the hands and the basins
// of stiff angles, such as cis or trans, that its Chart's centres name; beyond them its tails are
// those of a normal distribution. Networks of the soft angles see cos kt and sin kt, k ≤ 3.
type Internal struct {
	Chart   zmatrix.Chart `json:"chart"`
	Blocks  int           `json:"blocks"`  // coupling layers of the stiff coordinates; default 6
	Hidden  int           `json:"hidden"`  // width of the networks' two hidden layers; default 96
	Circles int           `json:"circles"` // bins of the circular splines; default 16
	Bins    int           `json:"bins"`    // bins of the couplings' splines; default 8
	// Kept lists the stiff coordinates that each coupling layer keeps. Default: random halves,
	// every second the complement of the one before.
	Kept [][]int `json:"kept"`
}

// The highest multiple of a soft angle that networks see, the range of the couplings' splines, and
// the bounds of the logarithms of their scales and of the conditional spreads.
const (
	harmonics    = 3
	splineBound  = 6
	couplingStep = 1
	spreadStep   = 3
)

// mostBlocks, mostHidden and mostBins bound the sizes of a flow, which a file may name.
const (
	mostBlocks = 1000
	mostHidden = 100_000
	mostBins   = 1000
)

// WithDefaults fills the zero fields in.
func (c Internal) WithDefaults() Internal {
	c.Blocks, c.Hidden = cmp.Or(c.Blocks, 6), cmp.Or(c.Hidden, 96)
	c.Circles, c.Bins = cmp.Or(c.Circles, 16), cmp.Or(c.Bins, 8)
	if c.Kept != nil || c.Blocks > mostBlocks || c.Chart.Validate() != nil {
		return c
	}
	size := c.stiff()
	for k := range c.Blocks {
		order := rand.New(rand.NewPCG(uint64(k/2), 0x6d61736b)).Perm(size)
		half := order[:size/2]
		if k%2 == 1 {
			half = order[size/2:]
		}
		half = slices.Clone(half)
		slices.Sort(half)
		c.Kept = append(c.Kept, half)
	}
	return c
}

// stiff is the number of stiff coordinates.
func (c Internal) stiff() int { return c.Chart.ZMatrix.Shapes() - len(c.Chart.Circles) }

// Validate implements Config.
func (c Internal) Validate() error {
	if len(c.Chart.ZMatrix) == 0 {
		return fmt.Errorf("flow: the internal flow has no coordinates; it is for a molecule, whose data it must " +
			"see: eqflow train --openmm FILE.xml --data FILE --flow internal")
	}
	if err := c.Chart.Validate(); err != nil {
		return err
	}
	c = c.WithDefaults()
	if c.Blocks < 1 || c.Hidden < 1 || c.Circles < 2 || c.Bins < 2 || len(c.Kept) != c.Blocks ||
		c.Hidden > mostHidden || max(c.Circles, c.Bins) > mostBins {
		return fmt.Errorf("flow: the internal flow has %d blocks with %d halves, width %d, and splines of %d and "+
			"%d bins; give 1 to %d blocks, a half for each, a width up to %d, and 2 to %d bins",
			c.Blocks, len(c.Kept), c.Hidden, c.Circles, c.Bins, mostBlocks, mostHidden, mostBins)
	}
	size := c.stiff()
	for _, kept := range c.Kept {
		if len(kept) == 0 || len(kept) >= size || kept[0] < 0 || kept[len(kept)-1] >= size ||
			!slices.IsSorted(kept) || len(slices.Compact(slices.Clone(kept))) != len(kept) {
			return fmt.Errorf("flow: a coupling layer keeps %v of %d coordinates; give some, but not all, ascending",
				kept, size)
		}
	}
	return nil
}

// internal is a bound Internal.
type internal struct {
	Internal
	space    chart
	system   System
	basis    *Node                 // [3n, 3n−3]
	circles  []dynamics.Perceptron // of each soft angle
	means    dynamics.Perceptron   // means and logarithms of the spreads
	triangle *Node                 // strictly lower, [stiff, stiff]
	nets     []dynamics.Perceptron // of each coupling layer
	picks    [][2]*Node            // the kept and moved columns of each layer, [stiff, ·]
}

// Bind implements Config.
func (c Internal) Bind(scope *model.Scope, g *Graph, system System) Bijection {
	c = c.WithDefaults()
	if n := c.Chart.ZMatrix.Atoms(); system.N != n || system.D != 3 {
		panic(fmt.Errorf("flow: the internal flow is of %d atoms in space, not of %d particles in %d dimensions",
			n, system.N, system.D))
	}
	b := &internal{Internal: c, space: newChart(c.Chart), system: system}
	b.basis = ConstAsDType(g, system.FloatType(), particle.MeanFreeBasis(system.N, system.D))
	net := func(name string, k, in, out int) dynamics.Perceptron {
		own := system
		own.Seed = system.Seed*1000 + uint64(k)
		widths := []int{in, c.Hidden, c.Hidden, out}
		return dynamics.BindPerceptron(scope.In("%s", name), g, own, widths, 0.05)
	}
	soft, size := len(c.Chart.Circles), c.stiff()
	for k := range soft {
		b.circles = append(b.circles, net(fmt.Sprintf("circle_%d", k), k, max(1, 2*harmonics*k), 3*c.Circles+1))
	}
	seen := max(1, 2*harmonics*soft)
	b.means = net("normal", soft, seen, 2*size)
	b.triangle = system.Variable(scope.In("triangle"), g, "weights", func() float64 { return 0 }, size, size)
	b.triangle = Mul(b.triangle, ConstAsDType(g, system.FloatType(), lowerTriangle(size)))
	for k, kept := range c.Kept {
		moved := size - len(kept)
		b.nets = append(b.nets, net(fmt.Sprintf("coupling_%d", k), soft+1+k, len(kept)+seen, moved*(3*c.Bins+1)))
		b.picks = append(b.picks, picks(g, system, kept, size))
	}
	return b
}

// lowerTriangle is 1 below the diagonal.
func lowerTriangle(size int) [][]float64 {
	out := make([][]float64, size)
	for i := range out {
		out[i] = make([]float64, size)
		for k := range i {
			out[i][k] = 1
		}
	}
	return out
}

// picks returns the matrices that select the kept and the moved of size columns.
func picks(g *Graph, system System, kept []int, size int) (out [2]*Node) {
	var columns [2][]int
	for i := range size {
		which := 1
		if slices.Contains(kept, i) {
			which = 0
		}
		columns[which] = append(columns[which], i)
	}
	for which, list := range columns {
		matrix := make([][]float64, size)
		for i := range matrix {
			matrix[i] = make([]float64, len(list))
		}
		for k, i := range list {
			matrix[i][k] = 1
		}
		out[which] = ConstAsDType(g, system.FloatType(), matrix)
	}
	return out
}

// features returns what networks see of soft angles [batch] each: a constant if there are none.
func features(like *Node, soft []*Node) *Node {
	if len(soft) == 0 {
		return OnesLike(SliceAxis(like, 1, AxisRange(0, 1)))
	}
	var out []*Node
	for _, t := range soft {
		for k := 1; k <= harmonics; k++ {
			multiple := MulScalar(t, float64(k))
			out = append(out, Cos(multiple), Sin(multiple))
		}
	}
	return Stack(out, 1)
}

// Forward implements Bijection.
func (b *internal) Forward(z *Node) Image {
	image, _ := b.forward(z, 0)
	return image
}

// forward is Forward with uniform soft angles of the first configurations, and returns all
// coordinates.
func (b *internal) forward(z *Node, uniform int) (Image, charted) {
	y, c, logDet := b.softForward(z, uniform)
	var change *Node
	c.stiff, change = b.stiffForward(y, features(y, c.soft))
	x, decoded := b.space.decode(c)
	logDet = Add(Add(logDet, change), decoded)
	return Image{X: x, LogDet: logDet, Penalty: ZerosLike(logDet)}, c
}

// softForward maps z to the orientation and the soft angles, which are uniform in the first
// configurations, and returns the normal numbers y [batch, stiff] of the stiff coordinates.
func (b *internal) softForward(z *Node, uniform int) (y *Node, c charted, logDet *Node) {
	soft := len(b.circles)
	y = DotProduct(Reshape(z, z.Shape().Dimensions[0], -1), b.basis)
	column := func(k int) *Node { return Squeeze(SliceAxis(y, 1, AxisRange(k, k+1)), 1) }
	logDet = AddScalar(ZerosLike(column(0)), math.Log(8*math.Pi*math.Pi))
	for k, width := range []float64{2 * math.Pi, 2, 2 * math.Pi} {
		c.orientation[k] = MulScalar(AddScalar(normalCDF(column(k)), -0.5), width)
		logDet = Add(logDet, logNormal(column(k)))
	}
	for k := range soft {
		fold := float64(b.Chart.Circles[k].Fold())
		share := MulScalar(normalCDF(column(3+k)), fold)
		turns := StopGradient(Min(Floor(share), Scalar(z.Graph(), z.DType(), fold-1)))
		t := MulScalar(AddScalar(Sub(share, turns), -0.5), 2*math.Pi)
		logDet = Add(logDet, AddScalar(logNormal(column(3+k)), math.Log(2*math.Pi*fold)))
		raw, shift := b.circle(k, features(y, c.soft))
		own, logSlope := circular(raw, b.Circles).invert(t)
		own = wrapped(Add(own, shift))
		if uniform > 0 {
			first := make([]bool, z.Shape().Dimensions[0])
			for i := range uniform {
				first[i] = true
			}
			flat := Const(z.Graph(), first)
			own, logSlope = Where(flat, t, own), Where(flat, ZerosLike(logSlope), logSlope)
		}
		c.soft, c.turns, logDet = append(c.soft, own), append(c.turns, turns), Add(logDet, logSlope)
	}
	return SliceAxis(y, 1, AxisRange(3+soft)), c, logDet
}

// PathGiven implements Conditional: the soft angles and the orientation are held.
func (b *internal) PathGiven(x, slopes *Node) *Node {
	c, _ := b.space.encode(x)
	seen := features(c.stiff, c.soft)
	c.stiff = Identity(c.stiff) // by which the gradient is taken
	base, logDet := b.stiffInverse(c.stiff, seen)
	again, decoded := b.space.decode(c)
	logQ := Sub(Add(ReduceSum(logNormal(base), 1), logDet), decoded)
	ratio := Add(ReduceSum(Mul(again, slopes), 1, 2), logQ)
	slope := StopGradient(Gradient(ReduceAllSum(ratio), c.stiff)[0])
	moved, _ := b.stiffForward(StopGradient(base), seen)
	return ReduceSum(Mul(moved, slope), 1)
}

// LogProbHeld implements Conditional.
func (b *internal) LogProbHeld(x *Node) *Node {
	c, _ := b.space.encode(x)
	return b.heldAboveUniform(c)
}

// Explore implements Conditional.
func (b *internal) Explore(z *Node, uniform int) (image Image, held *Node) {
	image, c := b.forward(z, uniform)
	return image, b.heldAboveUniform(c)
}

// heldAboveUniform is ln q(t) [batch] less that of uniform angles.
func (b *internal) heldAboveUniform(c charted) *Node {
	if len(c.soft) == 0 {
		return ReduceSum(ZerosLike(c.stiff), 1)
	}
	_, logSlope := b.straightened(c)
	return ReduceSum(logSlope, 1)
}

// Inverse implements Bijection.
func (b *internal) Inverse(x *Node) Image {
	batch := x.Shape().Dimensions[0]
	c, logDet := b.space.encode(x)
	logDet = AddScalar(logDet, -math.Log(8*math.Pi*math.Pi))
	var columns []*Node
	for k, width := range []float64{2 * math.Pi, 2, 2 * math.Pi} {
		y := normalQuantile(AddScalar(MulScalar(c.orientation[k], 1/width), 0.5))
		columns = append(columns, y)
		logDet = Sub(logDet, logNormal(y))
	}
	columns, change := b.softInverse(c, columns)
	logDet = Add(logDet, change)
	stiff, ofStiff := b.stiffInverse(c.stiff, features(c.stiff, c.soft))
	y := Concatenate([]*Node{Stack(columns, 1), stiff}, 1)
	logDet = Add(logDet, ofStiff)
	z := Reshape(DotProduct(y, Transpose(b.basis, 0, 1)), batch, b.system.N, b.system.D)
	return Image{X: z, LogDet: logDet, Penalty: ZerosLike(logDet)}
}

// softInverse appends the normal numbers of the soft angles to columns. logDet [batch] is of this
// map. One spline maps all angles, which compiles in a fraction of the time of several.
func (b *internal) softInverse(c charted, columns []*Node) (all []*Node, logDet *Node) {
	logDet = ReduceSum(ZerosLike(c.stiff), 1)
	if len(c.soft) == 0 {
		return columns, logDet
	}
	base, logSlope := b.straightened(c)
	var shares []*Node
	for k := range c.soft {
		fold := float64(b.Chart.Circles[k].Fold())
		share := AddScalar(MulScalar(Squeeze(SliceAxis(base, 1, AxisRange(k, k+1)), 1), 1/(2*math.Pi)), 0.5)
		shares = append(shares, MulScalar(Add(share, c.turns[k]), 1/fold))
		logDet = AddScalar(logDet, -math.Log(2*math.Pi*fold))
	}
	y := normalQuantile(Stack(shares, 1))
	for k := range c.soft {
		columns = append(columns, Squeeze(SliceAxis(y, 1, AxisRange(k, k+1)), 1))
	}
	return columns, Add(logDet, ReduceSum(Sub(logSlope, logNormal(y)), 1))
}

// straightened maps soft angles to angles [batch, soft] that are uniform if the soft ones follow
// q(t). logSlope [batch, soft] is of this map.
func (b *internal) straightened(c charted) (base, logSlope *Node) {
	var raw, off []*Node
	for k, t := range c.soft {
		own, shift := b.circle(k, features(c.stiff, c.soft[:k]))
		raw, off = append(raw, own), append(off, wrapped(Sub(t, shift)))
	}
	return circular(Stack(raw, 1), b.Circles).apply(Stack(off, 1))
}

// circle returns the raw numbers of the spline of a soft angle, towards the prior, and the shift
// [batch] before it.
func (b *internal) circle(k int, seen *Node) (raw, shift *Node) {
	out := b.circles[k].Apply(seen)
	shift = Squeeze(SliceAxis(out, 1, AxisRange(3*b.Circles)), 1)
	return SliceAxis(out, 1, AxisRange(0, 3*b.Circles)), shift
}
