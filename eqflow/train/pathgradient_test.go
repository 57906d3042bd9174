package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// fineSteps is the number of solver steps of the solves that trajectories are compared with.
const fineSteps = 80

// pathFlows are small flows of every kind that has path gradients w trajectories.
var pathFlows = map[string]flow.Continuous{
	"kernel":  {Field: dynamics.RadialBasis{Centres: 6, TimeCentres: 3, Width: 1.5}, Steps: 80},
	"one-hop": {Field: dynamics.OneHop{Centres: 6, Hidden: 6, Channels: 2, Tensors: 2}, Steps: 80},
	"EGNN":    {Field: dynamics.EGNN{Hidden: 6, Layers: 2}, Steps: 80},
	"in C":    {Field: dynamics.EGNN{Hidden: 32, Layers: 3}, Steps: 80},
}

func pathModel(t *testing.T, config flow.Continuous) Subject {
	t.Helper()
	q, err := density.New(xlatest.Open(t).Backend, config, flow.System{N: 4, D: 2, Seed: 3}, engine.Auto)
	if err != nil {
		t.Fatal(err)
	}
	m := Subject{Target: target.DW4(), Flow: config, Seed: 3, Density: q, State: &State{}}
	shift(t, m, 0.1)
	return m
}

// shift moves the parameters along a fixed direction, and returns the direction in the order of
// Export.
func shift(t *testing.T, m Subject, by float64) (direction [][]float64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	arrays, err := m.Parameters().Export()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range arrays {
		one := make([]float64, len(a.F32))
		for i := range one {
			one[i] = rng.NormFloat64()
			a.F32[i] += float32(by * one[i])
		}
		direction = append(direction, one)
	}
	if err := m.Parameters().Import(arrays); err != nil {
		t.Fatal(err)
	}
	return direction
}

func pathPoints(m Subject) particle.Batch {
	x := m.Density.Prior.Sample(rand.New(rand.NewPCG(1, 4)), 4)
	for i := range x.X {
		x.X[i] *= 1.5
	}
	return x
}

func dot(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// differences returns the directional derivative of f at 0 by central differences of fourth order.
func differences(f func(h float64) []float64, h float64) []float64 {
	one, two, oneBack, twoBack := f(h), f(2*h), f(-h), f(-2*h)
	out := make([]float64, len(one))
	for i := range out {
		out[i] = (8*(one[i]-oneBack[i]) - (two[i] - twoBack[i])) / (12 * h)
	}
	return out
}

func TestPathGradients(t *testing.T) {
	for name, config := range pathFlows {
		t.Run(name, func(t *testing.T) {
			m := pathModel(t, config)
			points := pathPoints(m)
			_, slopes := target.TamedEnergiesGradients(m.Target, points, 1e9)
			unsolved := func() trajectories {
				return newTrajectories(m.ends(), m.Density.ComputedBy(), m.Density.SolverSteps())
			}
			toData, fromPrior := unsolved(), unsolved()
			if err := toData.fromTarget(points, slopes); err != nil {
				t.Fatal(err)
			}
			if err := fromPrior.fromPrior(points, 1e9); err != nil {
				t.Fatal(err)
			}
			checkScores(t, m, toData)
			checkScores(t, m, fromPrior)
			checkGradient(t, m, toData)
		})
	}
}

// checkScores compares the density with a finer solve, and the difference of scores at the target's
// end with the gradient of −u − log q there.
func checkScores(t *testing.T, m Subject, w trajectories) {
	t.Helper()
	last := w.nodes[len(w.nodes)-1]
	logRatio := func(x particle.Batch) []float64 {
		logQ := mustScore(t, m, x)
		for i, u := range target.Energies(m.Target, x) {
			logQ[i] = -u - logQ[i]
		}
		return logQ
	}
	fine := mustScore(t, m, last.x)
	for i, got := range w.logQ() {
		if math.Abs(got-fine[i]) > 0.01 {
			t.Errorf("log q is %.4f on the trajectory, %.4f with more steps", got, fine[i])
		}
	}
	direction := m.Density.Prior.Sample(rand.New(rand.NewPCG(2, 2)), last.x.Len())
	slopes := differences(func(h float64) []float64 { return logRatio(addScaled(last.x, h, direction)) }, 0.02)
	for i, want := range slopes {
		if got := dot(last.delta.At(i), direction.At(i)); math.Abs(got-want) > 0.02+0.005*math.Abs(want) {
			t.Errorf("the scores differ by %.4f, want the slope %.4f of log p − log q", got, want)
		}
	}
}

func mustScore(t *testing.T, m Subject, x particle.Batch) []float64 {
	t.Helper()
	logQ, err := m.Density.LogProb(x, fineSteps)
	if err != nil {
		t.Fatal(err)
	}
	return logQ
}

// checkGradient checks the path gradient of the forward divergence. Along a direction of the
// parameters the gradient must equal ⟨δ_0 · dz⟩, where dz is the change of the trajectories' ends
// in the prior.
func checkGradient(t *testing.T, m Subject, w trajectories) {
	t.Helper()
	x := w.nodes[len(w.nodes)-1].x
	in := engine.Inputs{X: particle.Batch{N: x.N, D: x.D}, Slopes: particle.Batch{N: x.N, D: x.D}, Value: 7}
	w.appendInputs(&in, 1)
	loss, gradient, err := m.Loss(Settings{Objective: Likelihood{Path: true}}, in)
	if err != nil {
		t.Fatal(err)
	}
	if loss != 7 {
		t.Errorf("loss %g, want the value of the inputs, 7", loss)
	}
	var direction [][]float64
	starts := func(h float64) []float64 {
		direction = shift(t, m, h)
		z, _, err := m.Density.ToPrior(x, fineSteps)
		if err != nil {
			t.Fatal(err)
		}
		shift(t, m, -h)
		out := make([]float64, x.Len())
		for i := range out {
			out[i] = dot(w.nodes[0].delta.At(i), z.At(i)) / float64(x.Len())
		}
		return out
	}
	want, got := 0.0, 0.0
	for _, v := range differences(starts, 1e-3) {
		want += v
	}
	for k, a := range gradient {
		for i, v := range a.F32 {
			got += float64(v) * direction[k][i]
		}
	}
	if math.Abs(got-want) > 0.02*math.Abs(want)+0.02 {
		t.Errorf("slope %.4f along the direction, want %.4f", got, want)
	}
}
