package protocol

import (
	"fmt"
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
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Spread is a number over seeds.
type Spread struct{ Values []float64 }

// Over evaluates f for every trained generator of the given name.
func Over(all []Trained, name string, f func(Trained) float64) Spread {
	var s Spread
	for _, t := range all {
		if t.Name == name {
			s.Values = append(s.Values, f(t))
		}
	}
	return s
}

// Mean is the mean over seeds.
func (s Spread) Mean() float64 {
	total := 0.0
	for _, v := range s.Values {
		total += v
	}
	return total / float64(len(s.Values))
}

// Max and Min are the extremes over seeds.
func (s Spread) Max() float64 {
	m := math.Inf(-1)
	for _, v := range s.Values {
		m = max(m, v)
	}
	return m
}

// Min is the smallest value over seeds.
func (s Spread) Min() float64 {
	m := math.Inf(1)
	for _, v := range s.Values {
		m = min(m, v)
	}
	return m
}

// String is "mean [min, max]", or the one value there is.
func (s Spread) String() string {
	if len(s.Values) == 1 {
		return short(s.Values[0])
	}
	return fmt.Sprintf("%s [%s, %s]", short(s.Mean()), short(s.Min()), short(s.Max()))
}

func short(v float64) string {
	if math.Abs(v) >= 1e4 {
		return fmt.Sprintf("%.2g", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// NLL is a generator's checked NLL on configurations, at four times its solver's steps, which is closest to the truth.
func NLL(t Trained, x particle.Batch) float64 { return must(t.CheckNLL(x, false)).NLL4 }

// Drift is how far the NLL moves with two and four times the solver's steps.
func Drift(t Trained, x particle.Batch) float64 {
	c := must(t.CheckNLL(x, false))
	return max(math.Abs(c.NLL2-c.NLL), math.Abs(c.NLL4-c.NLL))
}

// Basins counts, of a batch's configurations, those within 6 kT of each minimum, in that minimum's basin.
func Basins(system target.Target, minima []target.Minimum, x particle.Batch) []int {
	counts := make([]int, len(minima))
	for _, b := range target.Basins(system, minima, x, 6) {
		if b >= 0 {
			counts[b]++
		}
	}
	return counts
}

// GaussianControl draws from a mean-free normal with the data's variance: what finds basins without having learnt anything.
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

// Symmetry holds, for one kind of transformation, how far a flow is from keeping it, as a share of the spread.
type Symmetry struct {
	Name    string
	Flow    float64 // largest |flow(g z) − g flow(z)| over the spread of flow(z)
	LogProb float64 // largest |log q(g x) − log q(x)| over the spread of log q
}

// SymmetryErrors tests a model under random rotations, reflections, relabellings and translations: the flow on prior draws,
// the density on as many configurations x of the system.
func SymmetryErrors(m *eqflow.Model, x particle.Batch, seed uint64) []Symmetry {
	rng := rand.New(rand.NewPCG(seed, 8))
	n := x.Len()
	z := m.Prior.Sample(rng, n)
	fz, _ := must2(m.FromPrior(z, 0))
	logQ := must(m.LogProb(x, 0))
	d := z.D
	angle := func() []float64 { return particle.Rotation2(2 * math.Pi * rng.Float64()) }
	moves := []struct {
		name string
		move func() func(x []float64)
	}{
		{"rotation", func() func([]float64) { r := angle(); return func(x []float64) { particle.Rotate(x, r, d) } }},
		{"reflection", func() func([]float64) {
			r := angle()
			r[0], r[2] = -r[0], -r[2]
			return func(x []float64) { particle.Rotate(x, r, d) }
		}},
		{"relabelling", func() func([]float64) {
			p := rng.Perm(z.N)
			return func(x []float64) { copy(x, particle.Relabel(x, d, p)) }
		}},
		{"translation", func() func([]float64) {
			shift := []float64{3 * rng.NormFloat64(), 3 * rng.NormFloat64()}
			return func(x []float64) { particle.Translate(x, shift) }
		}},
	}
	var out []Symmetry
	for _, g := range moves {
		zg, fzg, xg := z.Clone(), fz.Clone(), x.Clone()
		for i := range n {
			move := g.move()
			move(zg.At(i))
			move(fzg.At(i))
			move(xg.At(i))
		}
		fg, _ := must2(m.FromPrior(zg, 0))
		logQg, spread := must(m.LogProb(xg, 0)), deviation(logQ)
		out = append(out, Symmetry{g.name, largest(fg.X, fzg.RemoveMean().X) / deviation(fz.X), largest(logQg, logQ) / spread})
	}
	return out
}

// WorstSymmetry is the largest of SymmetryErrors over the transformations.
func WorstSymmetry(m *eqflow.Model, x particle.Batch, seed uint64) Symmetry {
	worst := Symmetry{Name: "any"}
	for _, s := range SymmetryErrors(m, x, seed) {
		worst.Flow, worst.LogProb = max(worst.Flow, s.Flow), max(worst.LogProb, s.LogProb)
	}
	return worst
}

// RoundingFloor is how far log q moves, as a share of its spread, when every coordinate is rounded to another of its two
// float32 neighbours, at random: what no float32 model of this density can fall below after a rotation.
// The largest over the configurations x.
func RoundingFloor(m *eqflow.Model, x particle.Batch, seed uint64) float64 {
	rng := rand.New(rand.NewPCG(seed, 9))
	near := x.Clone().RemoveMean()
	for i, v := range near.X {
		single := float32(v)
		ulp := float64(math.Nextafter32(single, float32(math.Inf(1)))) - float64(single)
		near.X[i] = float64(single) + ulp*(2*rng.Float64()-1)/2
	}
	logQ := must(m.LogProb(x, 0))
	return largest(must(m.LogProb(near, 0)), logQ) / deviation(logQ)
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}

func largest(a, b []float64) float64 {
	m := 0.0
	for i := range a {
		m = max(m, math.Abs(a[i]-b[i]))
	}
	return m
}

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

// DivergenceError is the largest difference, in float64, between a field's divergence and the trace of its Jacobian, over n
// random configurations of n particles and times, as a share of the spread of the divergence.
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
	exec := must(model.NewExec(l.backend.Backend, model.NewStore(), func(scope *model.Scope, at, t *graph.Node) []*graph.Node {
		f := field.Bind(scope.At("field"), at.Graph(), flow.System{N: x.N, D: x.D, Seed: 3, DType: dtypes.Float64})
		_, div := f.At(t, at)
		trace := dynamics.ExactDivergence(func(at *graph.Node) *graph.Node { v, _ := f.At(t, at); return v }, at)
		return []*graph.Node{div, trace}
	}))
	out := must(exec.Call(tensors.FromFlatDataAndDimensions(x.X, x.Len(), x.N, x.D), tensors.FromFlatDataAndDimensions(t, x.Len())))
	closed, trace := tensors.MustCopyFlatData[float64](out[0]), tensors.MustCopyFlatData[float64](out[1])
	return largest(closed, trace) / deviation(trace)
}

// PairShares are the shares of configurations by their number of long pairs, k = 0 … 5, reweighted where logW is given.
func (l *Lab) PairShares(x particle.Batch, logW []float64) []stats.Estimate {
	classes := make([]int, x.Len())
	for i := range classes {
		classes[i] = target.LongPairs(x.At(i), x.D, l.System.Cutoff())
	}
	// All six pairs long at once hardly occurs, and has no known share.
	return stats.Populations(classes, 7, logW, stats.Bootstrap{Seed: 1})[:6]
}

// KnownShares are DW4's, from long reference chains.
var KnownShares = []float64{.0006, .0397, .4064, .0348, .5176, .0009}
