package protocol

import (
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Transformed returns three images of one prior draw under the flow: of the draw itself, of the
// draw rotated by 90°, and of the draw relabelled.
func Transformed(m *eqflow.Model, seed uint64) particle.Batch {
	z := GaussianControl(unitBatch(m), 3, seed)
	copy(z.At(1), z.At(0))
	particle.Rotate(z.At(1), particle.Rotation2(math.Pi/2), z.D)
	copy(z.At(2), particle.Relabel(z.At(0), z.D, []int{2, 0, 3, 1}))
	x, _ := must2(m.FromPrior(z, 0))
	return x
}

// unitBatch returns a batch of variance one in the shape of the model's prior.
func unitBatch(m *eqflow.Model) particle.Batch {
	b := particle.NewBatch(1, m.Prior.N, m.Prior.D)
	for i := range b.X {
		b.X[i] = math.Sqrt(float64(m.Prior.DegreesOfFreedom()) / float64(len(b.X)))
		if i%(2*b.D) >= b.D {
			b.X[i] = -b.X[i]
		}
	}
	return b
}

// GaussianControl draws from a mean-free normal distribution with the data's variance. It is the
// control for finding basins without training.
func GaussianControl(data particle.Batch, n int, seed uint64) particle.Batch {
	square := 0.0
	for _, v := range data.Clone().RemoveMean().X {
		square += v * v
	}
	scale := math.Sqrt(square / float64(data.Len()*(data.N-1)*data.D))
	rng := rand.New(rand.NewPCG(seed, 7))
	b := particle.NewBatch(n, data.N, data.D)
	for i := range b.X {
		b.X[i] = scale * rng.NormFloat64()
	}
	return b.RemoveMean()
}

// Symmetry holds the errors of a flow and its density under one kind of transformation g, as
// fractions of the spread.
type Symmetry struct {
	Name    string
	Flow    float64 // largest |flow(g z) − g flow(z)| over the standard deviation of flow(z)
	LogProb float64 // largest |log q(g x) − log q(x)| over the standard deviation of log q
}

// transformation is a kind of transformation in the plane. draw returns a random one, which acts on
// a configuration in place.
type transformation struct {
	name string
	draw func() func(x []float64)
}

// transformations returns the kinds of transformations that eqBG is symmetric under, for n
// particles in d dimensions.
func transformations(rng *rand.Rand, n, d int) []transformation {
	rotation := func() []float64 { return particle.Rotation2(2 * math.Pi * rng.Float64()) }
	return []transformation{
		{"rotation", func() func([]float64) {
			r := rotation()
			return func(x []float64) { particle.Rotate(x, r, d) }
		}},
		{"reflection", func() func([]float64) {
			r := rotation()
			r[0], r[2] = -r[0], -r[2]
			return func(x []float64) { particle.Rotate(x, r, d) }
		}},
		{"relabelling", func() func([]float64) {
			p := rng.Perm(n)
			return func(x []float64) { copy(x, particle.Relabel(x, d, p)) }
		}},
		{"translation", func() func([]float64) {
			shift := []float64{3 * rng.NormFloat64(), 3 * rng.NormFloat64()}
			return func(x []float64) { particle.Translate(x, shift) }
		}},
	}
}

// SymmetryErrors tests a model under random rotations, reflections, relabellings and translations:
// the density on the configurations x of the system, and the flow on as many prior draws.
func SymmetryErrors(m *eqflow.Model, x particle.Batch, seed uint64) []Symmetry {
	rng := rand.New(rand.NewPCG(seed, 8))
	n := x.Len()
	z := m.Prior.Sample(rng, n)
	fz, _ := must2(m.FromPrior(z, 0))
	logQ := must(m.LogProb(x, 0))
	var out []Symmetry
	for _, g := range transformations(rng, z.N, z.D) {
		gz, gfz, gx := z.Clone(), fz.Clone(), x.Clone()
		for i := range n {
			transform := g.draw()
			transform(gz.At(i))
			transform(gfz.At(i))
			transform(gx.At(i))
		}
		fgz, _ := must2(m.FromPrior(gz, 0))
		logQgx, spread := must(m.LogProb(gx, 0)), deviation(logQ)
		out = append(out, Symmetry{
			g.name, largestDifference(fgz.X, gfz.RemoveMean().X) / deviation(fz.X),
			largestDifference(logQgx, logQ) / spread,
		})
	}
	return out
}

// WorstSymmetry returns the largest of SymmetryErrors over the transformations.
func WorstSymmetry(m *eqflow.Model, x particle.Batch, seed uint64) Symmetry {
	worst := Symmetry{Name: "any"}
	for _, s := range SymmetryErrors(m, x, seed) {
		worst.Flow, worst.LogProb = max(worst.Flow, s.Flow), max(worst.LogProb, s.LogProb)
	}
	return worst
}

// RoundingFloor returns the largest change of log q over the configurations x, as a fraction of its
// standard deviation, when every coordinate is rounded at random to one of its neighbours in
// float32. A float32 model of this density cannot have a smaller error after a rotation.
func RoundingFloor(m *eqflow.Model, x particle.Batch, seed uint64) float64 {
	rng := rand.New(rand.NewPCG(seed, 9))
	near := x.Clone().RemoveMean()
	for i, v := range near.X {
		single := float32(v)
		ulp := float64(math.Nextafter32(single, float32(math.Inf(1)))) - float64(single)
		near.X[i] = float64(single) + ulp*(2*rng.Float64()-1)/2
	}
	logQ := must(m.LogProb(x, 0))
	return largestDifference(must(m.LogProb(near, 0)), logQ) / deviation(logQ)
}

func largestDifference(a, b []float64) float64 {
	m := 0.0
	for i := range a {
		m = max(m, math.Abs(a[i]-b[i]))
	}
	return m
}

// deviation returns the standard deviation, with the number of values as divisor.
func deviation(v []float64) float64 {
	mean, square := 0.0, 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		square += (x - mean) * (x - mean) / float64(len(v))
	}
	return math.Sqrt(square)
}

// DivergenceError returns the largest difference, in float64, between a field's divergence and the
// trace of its Jacobian over n random configurations and times, as a fraction of the standard
// deviation of the trace.
func (l *Lab) DivergenceError(field dynamics.Config, n int) float64 {
	rng := rand.New(rand.NewPCG(5, 5))
	x := particle.NewBatch(n, l.System.N, l.System.D)
	for i := range x.X {
		x.X[i] = 2 * rng.NormFloat64()
	}
	return l.divergenceError(field, x, rng)
}

// divergenceError is DivergenceError at given configurations.
func (l *Lab) divergenceError(field dynamics.Config, x particle.Batch, rng *rand.Rand) float64 {
	t := make([]float64, x.Len())
	for i := range t {
		t[i] = rng.Float64()
	}
	both := func(scope *model.Scope, at, t *graph.Node) []*graph.Node {
		f := field.Bind(scope.At("field"), at.Graph(), flow.System{N: x.N, D: x.D, Seed: 3, DType: dtypes.Float64})
		_, div := f.At(t, at)
		trace := dynamics.ExactDivergence(func(at *graph.Node) *graph.Node { v, _ := f.At(t, at); return v }, at)
		return []*graph.Node{div, trace}
	}
	exec := must(model.NewExec(l.backend.Backend, model.NewStore(), both))
	out := must(exec.Call(tensors.FromFlatDataAndDimensions(x.X, x.Len(), x.N, x.D),
		tensors.FromFlatDataAndDimensions(t, x.Len())))
	closed, trace := tensors.MustCopyFlatData[float64](out[0]), tensors.MustCopyFlatData[float64](out[1])
	return largestDifference(closed, trace) / deviation(trace)
}
