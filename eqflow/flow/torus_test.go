package flow_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/mat"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// This file is a worked example of a periodic box: soft discs in a square whose opposite edges are
// joined. The space is the torus with all its n·d coordinates. The prior is uniform, and no centre
// of mass is removed, since a torus has none. The flow is flow.Continuous, which takes any field;
// the field here has displacements that respect the box. The displacements, the prior, the sampler
// and the paths of flow matching belong to the space, and are in this file.

// box is a square with soft discs, u = Σ_{i<j} ½ stiffness (1 − r/diameter)² over pairs with r <
// diameter, where r is the distance of the nearest images.
type box struct {
	n                         int
	side, diameter, stiffness float64
}

const inPlane = 2

// nearest returns the shortest of the displacements to a point and its images.
func (b box) nearest(dx float64) float64 { return dx - b.side*math.Round(dx/b.side) }

func (b box) energy(x []float64) float64 {
	u := 0.0
	for i := range b.n {
		u += b.energyOf(x, i) / 2
	}
	return u
}

// energyOf returns the energy of the pairs of particle i.
func (b box) energyOf(x []float64, i int) float64 {
	u := 0.0
	for j := range b.n {
		if r := math.Hypot(b.nearest(x[2*i]-x[2*j]), b.nearest(x[2*i+1]-x[2*j+1])); j != i && r < b.diameter {
			u += b.stiffness / 2 * (1 - r/b.diameter) * (1 - r/b.diameter)
		}
	}
	return u
}

// uniform returns draws from the prior.
func (b box) uniform(rng *rand.Rand, count int) particle.Batch {
	x := particle.NewBatch(count, b.n, inPlane)
	for k := range x.X {
		x.X[k] = b.side * rng.Float64()
	}
	return x
}

// logPrior returns the log-density of the prior, in nats.
func (b box) logPrior() float64 { return -float64(b.n*inPlane) * math.Log(b.side) }

// chain samples the target by Metropolis moves of single particles. It returns one configuration
// after every `sweeps` sweeps.
func (b box) chain(rng *rand.Rand, count, sweeps int) particle.Batch {
	out, at := particle.NewBatch(count, b.n, inPlane), b.uniform(rng, 1).X
	for k := range count {
		for move := range sweeps * b.n {
			i := move % b.n
			before, x, y := b.energyOf(at, i), at[2*i], at[2*i+1]
			at[2*i], at[2*i+1] = x+rng.NormFloat64()/2, y+rng.NormFloat64()/2
			if b.energyOf(at, i) > before+rng.ExpFloat64() {
				at[2*i], at[2*i+1] = x, y
			}
		}
		copy(out.At(k), at)
	}
	return out
}

// torusField is v_i = Σ_j s_ij φ(ρ²_ij, t), equivariant under translations of the torus and
// relabelling. The displacements s = (L/2π) sin(2πΔ/L) and the squared chords ρ² = Σ (L/π)²
// sin²(πΔ/L) are smooth on the torus, and approach the plane's at short distances. φ is linear in
// the weights [times·chords], whose basis functions are products of a Gaussian of the time and a
// Gaussian of ρ².
//
// Since ∇ρ² = 2s, the divergence is Σ_{i≠j} [φ Σ_c cos(2πΔ_c/L) + 2 |s|² ∂φ/∂ρ²].
type torusField struct {
	box
	weights []float64
}

const chords, times, timeWidth = 12, 5, 0.25

// chordAt returns the centre and the width of the k-th Gaussian of ρ².
func (b box) chordAt(k int) (centre, width float64) {
	width = 0.6 * b.diameter * b.diameter / 4
	return float64(k) * width, width
}

// timeAt returns the centre of the m-th Gaussian of the time.
func timeAt(m int) float64 { return float64(m) / (times - 1) }

func (f torusField) Validate() error { return nil }

func (f torusField) Bind(*model.Scope, *Graph, dynamics.System) dynamics.Field { return f }

func (f torusField) At(t, x *Node) (v, div *Node) {
	delta := MulScalar(particle.Displacements(x), 2*math.Pi/f.side)
	s := MulScalar(Sin(delta), f.side/(2*math.Pi))
	// 2 sin²(α/2) = 1 − cos α
	chord := MulScalar(ReduceSum(OneMinus(Cos(delta)), -1), f.side*f.side/(2*math.Pi*math.Pi))
	phi, slope := f.phi(t, chord)
	v = ReduceSum(Mul(s, ExpandAxes(phi, -1)), 2)
	perPair := Add(Mul(phi, ReduceSum(Cos(delta), -1)), MulScalar(Mul(slope, ReduceSum(Mul(s, s), -1)), 2))
	others := OneMinus(DiagonalWithValue(Scalar(x.Graph(), x.DType(), 1), f.n))
	return v, ReduceSum(Mul(perPair, ExpandAxes(others, 0)), 1, 2)
}

// phi returns φ and ∂φ/∂ρ² [batch, n, n].
func (f torusField) phi(t, chord *Node) (phi, slope *Node) {
	phi, slope = ZerosLike(chord), ZerosLike(chord)
	for k := range chords {
		weight := ZerosLike(t)
		for m := range times {
			near := Exp(MulScalar(Square(AddScalar(t, -timeAt(m))), -1/(2*timeWidth*timeWidth)))
			weight = Add(weight, MulScalar(near, f.weights[m*chords+k]))
		}
		centre, width := f.chordAt(k)
		off := AddScalar(chord, -centre)
		term := Mul(Exp(MulScalar(Square(off), -1/(2*width*width))), ExpandAxes(weight, 1, 2))
		phi, slope = Add(phi, term), Add(slope, MulScalar(Mul(term, off), -1/(width*width)))
	}
	return phi, slope
}

// features returns ∂v/∂weights at one configuration [n·d][times·chords], in plain Go.
func (b box) features(t float64, x []float64) [][]float64 {
	out := make([][]float64, len(x))
	for i := range out {
		out[i] = make([]float64, times*chords)
	}
	for i := range b.n {
		for j := range b.n {
			ax, ay := 2*math.Pi/b.side*(x[2*i]-x[2*j]), 2*math.Pi/b.side*(x[2*i+1]-x[2*j+1])
			chord := b.side * b.side / (2 * math.Pi * math.Pi) * (2 - math.Cos(ax) - math.Cos(ay))
			for k := range chords {
				centre, width := b.chordAt(k)
				radial := math.Exp(-(chord-centre)*(chord-centre)/(2*width*width)) * b.side / (2 * math.Pi)
				for m := range times {
					r := radial * math.Exp(-(t-timeAt(m))*(t-timeAt(m))/(2*timeWidth*timeWidth))
					out[2*i][m*chords+k] += math.Sin(ax) * r
					out[2*i+1][m*chords+k] += math.Sin(ay) * r
				}
			}
		}
	}
	return out
}

// match trains the field by flow matching on the torus. Its paths are geodesics x_t = z + t u,
// where u are the displacements from prior draws to the nearest images of data, less their mean: a
// translation of all particles does not change the target's density. The field is linear in its
// weights, so the least squares have a closed form.
func (b box) match(rng *rand.Rand, data particle.Batch) torusField {
	size := times * chords
	normal, right := mat.NewSymDense(size, nil), mat.NewVecDense(size, nil)
	u := make([]float64, b.n*inPlane)
	for i := range data.Len() {
		z, t := b.uniform(rng, 1).X, rng.Float64()
		for c := range u {
			u[c] = b.nearest(data.At(i)[c] - z[c])
		}
		particle.RemoveMean(u, inPlane)
		for c := range z {
			z[c] += t * u[c]
		}
		for c, row := range b.features(t, z) {
			v := mat.NewVecDense(size, row)
			normal.SymRankOne(normal, 1, v)
			right.AddScaledVec(right, u[c], v)
		}
	}
	for k := range size {
		normal.SetSym(k, k, normal.At(k, k)+1e-4*float64(data.Len()))
	}
	var factors mat.Cholesky
	weights := mat.NewVecDense(size, nil)
	if !factors.Factorize(normal) || factors.SolveVecTo(weights, right) != nil {
		panic("the features are linearly dependent")
	}
	return torusField{b, weights.RawVector().Data}
}

// onTorus evaluates a graph at configurations, in float64.
func onTorus(t *testing.T, x particle.Batch, build func(x *Node) []*Node) (out [][]float64) {
	t.Helper()
	exec, err := NewExec(xlatest.OpenGo(t).Backend, build)
	if err != nil {
		t.Fatal(err)
	}
	results, err := exec.Call(tensors.FromFlatDataAndDimensions(x.X, x.Len(), x.N, x.D))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		out = append(out, tensors.MustCopyFlatData[float64](r))
	}
	return out
}

// The divergence is the Jacobian's trace, the velocity is linear in the features, and both are the
// same for all images of a configuration.
func TestTorusField(t *testing.T) {
	b, rng := box{n: 4, side: 3, diameter: 1, stiffness: 10}, rand.New(rand.NewPCG(1, 1))
	f := torusField{b, make([]float64, times*chords)}
	for k := range f.weights {
		f.weights[k] = rng.NormFloat64()
	}
	x := b.uniform(rng, 5)
	evaluate := func(x particle.Batch) [][]float64 {
		return onTorus(t, x, func(x *Node) []*Node {
			at := BroadcastToDims(ConstAsDType(x.Graph(), x.DType(), 0.3), x.Shape().Dimensions[0])
			v, div := f.At(at, x)
			exact := dynamics.ExactDivergence(func(x *Node) *Node { v, _ := f.At(at, x); return v }, x)
			return []*Node{v, div, exact}
		})
	}
	out := evaluate(x)
	alike(t, "divergence", out[1], out[2])
	for i := range x.Len() {
		want := make([]float64, len(x.At(i)))
		for c, row := range b.features(0.3, x.At(i)) {
			want[c] = mat.Dot(mat.NewVecDense(len(row), row), mat.NewVecDense(len(row), f.weights))
		}
		alike(t, "velocity", out[0][i*8:(i+1)*8], want)
	}
	image := x.Clone()
	for k := range image.X {
		image.X[k] += b.side * float64(rng.IntN(5)-2)
	}
	moved := evaluate(image)
	alike(t, "velocity of an image", moved[0], out[0])
	alike(t, "divergence of an image", moved[1], out[1])
}

// The weights of the trained flow's samples give the log Z of plain averaging over the box. Their
// ESS is several times the ESS of the plain average, as a fraction of the draws.
func TestFlowOnTheTorus(t *testing.T) {
	b, rng := box{n: 5, side: 3.2, diameter: 1.3, stiffness: 30}, rand.New(rand.NewPCG(2, 2))
	plain := make([]float64, 200_000)
	for i, x := 0, b.uniform(rng, len(plain)); i < len(plain); i++ {
		plain[i] = -b.energy(x.At(i)) - b.logPrior()
	}
	config := flow.Continuous{Field: b.match(rng, b.chain(rng, 4000, 20)), Steps: 10}
	z := b.uniform(rng, 2000)
	out := onTorus(t, z, func(z *Node) []*Node {
		system := flow.System{N: b.n, D: inPlane, DType: dtypes.Float64}
		image := config.Bind(model.NewStore().RootScope(), z.Graph(), system).Forward(z)
		return []*Node{image.X, image.LogDet}
	})
	x, logW := particle.Batch{X: out[0], N: b.n, D: inPlane}, make([]float64, z.Len())
	for i := range logW {
		logW[i] = -b.energy(x.At(i)) - (b.logPrior() - out[1][i])
	}
	resample := stats.Bootstrap{Resamples: 50}
	want, got := stats.LogZ(plain, resample), stats.LogZ(logW, resample)
	before, after := stats.KishESS(plain)/float64(len(plain)), stats.KishESS(logW)/float64(len(logW))
	t.Logf("log Z %.4f ± %.4f by the flow, %.4f ± %.4f over the box", got.Value, got.Error, want.Value, want.Error)
	t.Logf("ESS %.1f %% by the flow, %.1f %% over the box", 100*after, 100*before)
	if math.Abs(got.Value-want.Value) > 5*math.Hypot(got.Error, want.Error) {
		t.Errorf("log Z is %g ± %g, want %g ± %g", got.Value, got.Error, want.Value, want.Error)
	}
	if !(after > 3*before) {
		t.Errorf("the ESS is %.3f of the draws, and %.3f without the flow", after, before)
	}
}
