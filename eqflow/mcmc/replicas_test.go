package mcmc

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

func trapReplicas() (target.Target, Replicas) {
	trap := target.Harmonic{N: 5, D: 2, K: 2}
	start := particle.NewBatch(1, 5, 2)
	for k := range start.X {
		start.X[k] = 0.3 * float64(k%4)
	}
	return trap, Replicas{
		Ladders: 40, Betas: []float64{1, 0.5, 0.25}, Start: start, Masses: []float64{1, 3, 0.5, 1, 2}, TimeStep: 0.5,
		Adapt: true, Least: 3, Most: 9, Burn: 60, Keep: 80, Thin: 3, Seed: 4, Variables: 1,
		Observe: func(x []float64, _ float64) []float64 { return []float64{x[0]} },
	}
}

// Unequal masses, exchanges and the adapted step leave every rung in its own Boltzmann
// distribution: of the (n−1)·d = 8 degrees of freedom each has the energy ½ kT.
func TestReplicasOfAHarmonicTrap(t *testing.T) {
	trap, m := trapReplicas()
	r, err := m.Run(context.Background(), trap, nil)
	if err != nil {
		t.Fatal(err)
	}
	for rung, beta := range m.Betas {
		var means []float64
		for _, series := range r.Series(func(k, l int) float64 { return r.Energies[(k*r.Ladders+l)*r.Rungs+rung] }) {
			means = append(means, average(series))
		}
		within(t, "⟨u⟩", stats.Mean(means, nil, stats.Bootstrap{}), 4/beta, 0)
	}
	var squares []float64
	for _, series := range r.Series(func(k, l int) float64 { return r.Values[(k*r.Ladders+l)*r.Rungs] }) {
		for k, v := range series {
			series[k] = v * v
		}
		squares = append(squares, average(series))
	}
	within(t, "⟨x²⟩", stats.Mean(squares, nil, stats.Bootstrap{}), 0.5*4/5, 0) // mean-free: (n−1)/n of 1/K
	if a := r.Acceptance(0); math.Abs(a-replicaAcceptance) > 0.1 {
		t.Errorf("acceptance %g, adapted to %g", a, replicaAcceptance)
	}
	if r.Exchange(0) < 0.2 || r.Exchange(1) < 0.2 || r.RoundTrips < 100 || r.Kept != 80 || r.Samples.Len() != 3200 {
		t.Errorf("exchanges %g and %g, %d round trips, %d kept", r.Exchange(0), r.Exchange(1), r.RoundTrips, r.Kept)
	}
}

func average(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// Neighbours exchange in alternate rounds, and each pair counts its own attempts: of rounds 2, 3
// and 4 the first pair has two, and the second has one.
func TestExchangeAttempts(t *testing.T) {
	trap, m := trapReplicas()
	m.Burn, m.Keep, m.Thin = 2, 3, 1
	r, err := m.Run(context.Background(), trap, nil)
	if err != nil {
		t.Fatal(err)
	}
	if l := int64(m.Ladders); !slices.Equal(r.Attempts, []int64{2 * l, l}) || r.Exchange(1) > 1 {
		t.Errorf("attempts are %v, for %d ladders", r.Attempts, l)
	}
}

// A run that was stopped and continued from its checkpoint ends with the bytes of one that was not,
// on any number of cores.
func TestReplicasResume(t *testing.T) {
	trap, m := trapReplicas()
	m.Keep = 10
	whole, err := m.Run(context.Background(), trap, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "checkpoint.npz")
	for _, stop := range []int{30, 75} {
		ctx, cancel := context.WithCancel(context.Background())
		m.Progress = func(done, _ int) {
			if done == stop {
				cancel()
			}
		}
		part, err := m.Run(ctx, trap, nil)
		if !errors.Is(err, context.Canceled) || part.Round != stop {
			t.Fatalf("round %d, %v", part.Round, err)
		}
		m.Progress = nil
		if err := part.Write(path, "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadReplicaRun(path, "b"); !errors.Is(err, ErrOtherRun) {
			t.Errorf("another run's checkpoint: %v", err)
		}
		if part, err = ReadReplicaRun(path, "a"); err != nil {
			t.Fatal(err)
		}
		restore := runtime.GOMAXPROCS(1)
		part, err = m.Run(context.Background(), trap, part)
		runtime.GOMAXPROCS(restore)
		if err != nil || !slices.Equal(part.Samples.X, whole.Samples.X) || !slices.Equal(part.Values, whole.Values) ||
			part.RoundTrips != whole.RoundTrips || part.Evaluations != whole.Evaluations {
			t.Errorf("stopped at %d: other bytes, %v", stop, err)
		}
	}
}

// Settings that make no run are refused.
func TestReplicasRefuse(t *testing.T) {
	trap, good := trapReplicas()
	for want, change := range map[string]func(m *Replicas){
		"positive length":     func(m *Replicas) { m.TimeStep = 0 },
		"give Burn":           func(m *Replicas) { m.Burn = 0 },
		"give positive":       func(m *Replicas) { m.Keep = 0 },
		"one for each":        func(m *Replicas) { m.Masses = []float64{1} },
		"give its config":     func(m *Replicas) { m.Start = particle.NewBatch(1, 3, 2) },
		"the first 1":         func(m *Replicas) { m.Betas = []float64{0.9, 0.5} },
		"betas that fall":     func(m *Replicas) { m.Betas = []float64{1, 2} },
		"has no finite energ": func(m *Replicas) { m.Start = m.Start.Clone(); m.Start.X[0] = math.NaN() },
	} {
		m := good
		change(&m)
		if _, err := m.Run(context.Background(), trap, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
