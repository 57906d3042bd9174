package mcmc

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// within fails if an estimate differs from want by more than four of its errors plus a tolerance.
func within(t *testing.T, what string, got stats.Estimate, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got.Value-want) <= 4*got.Error+tolerance) {
		t.Errorf("%s = %.4f ± %.4f, want %.4f", what, got.Value, got.Error, want)
	}
}

func run(t *testing.T, tg target.Target, move Move, start Start, s Settings) (particle.Batch, Info) {
	t.Helper()
	batch, info, err := Run(context.Background(), tg, move, start, s)
	if err != nil {
		t.Fatal(err)
	}
	return batch, info
}

func TestMovesKnowTheHarmonicTrap(t *testing.T) {
	trap := target.Harmonic{N: 4, D: 2, K: 2}
	for _, move := range []Move{
		Metropolis{Sigma: 0.5},
		MALA{H: 0.8},
		Tempering{Move: Metropolis{Sigma: 0.5}, Betas: Ladder(0.3, 4)},
	} {
		batch, info := run(t, trap, move, NormalStart(2), Settings{Chains: 2000, Burn: 200, Adapt: true, Seed: 5})
		name := fmt.Sprintf("%T", move)
		u := target.Energies(trap, batch)
		within(t, name+": ⟨u⟩", stats.Mean(u, nil, stats.Bootstrap{}), 3, 0)
		// u is gamma-distributed with shape 3: its variance is 3.
		square := make([]float64, len(u))
		for i, v := range u {
			square[i] = (v - 3) * (v - 3)
		}
		within(t, name+": variance of u", stats.Mean(square, nil, stats.Bootstrap{}), 3, 0)
		if a := info.Acceptance(); a < 0.1 || a > 0.9 || info.Steps != 2000 {
			t.Errorf("%s: acceptance %g over %d steps", name, a, info.Steps)
		}
	}
}

// Adaptation converges to the target acceptance.
func TestAdaptation(t *testing.T) {
	for _, h := range []float64{0.01, 3} {
		_, info := run(t, target.DW4(), MALA{H: h}, NormalStart(3),
			Settings{Chains: 20, Burn: 3000, Keep: 1, Thin: 1000, Adapt: true})
		if math.Abs(info.Acceptance()-malaAcceptance) > 0.06 {
			t.Errorf("from h = %g: acceptance %g, want %g", h, info.Acceptance(), malaAcceptance)
		}
	}
}

// One large step from exact draws must leave the distribution invariant, and pairs (before, after)
// must be as likely as (after, before). A wrong correction of the Langevin step violates both.
func TestMALAKeepsDetailedBalance(t *testing.T) {
	trap := target.Harmonic{N: 3, D: 2, K: 1}
	const draws = 60000
	move, rng := MALA{H: 1.3}, rand.New(rand.NewPCG(8, 8))
	var after, asymmetry []float64
	accepted := 0
	for range draws {
		x := make([]float64, 6)
		NormalStart(1)(context.Background(), rng, x)
		s, err := move.Init(trap, x)
		if err != nil {
			t.Fatal(err)
		}
		before, x0 := s.U, s.X[0]
		accepted += move.Step(rng, s).Accepted
		after = append(after, s.U)
		asymmetry = append(asymmetry, before*before*s.U-s.U*s.U*before+x0*s.X[0]*(before-s.U))
	}
	if share := float64(accepted) / draws; share > 0.9 || share < 0.3 {
		t.Errorf("acceptance %g tests nothing", share)
	}
	within(t, "⟨u⟩ after a step", stats.Mean(after, nil, stats.Bootstrap{Resamples: 50}), 2, 0)
	within(t, "flux forth minus back", stats.Mean(asymmetry, nil, stats.Bootstrap{Resamples: 50}), 0, 0)
}

func TestEquilibriumOfDW4(t *testing.T) {
	dw4 := target.DW4()
	batch, info, err := Equilibrium(context.Background(), dw4, 1000, Auto, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if batch.Len() != 1000 || info.Chains != 1000 {
		t.Errorf("%d configurations of %d chains, want 1000 of 1000", batch.Len(), info.Chains)
	}
	within(t, "⟨u⟩", stats.Mean(target.Energies(dw4, batch), nil, stats.Bootstrap{}), -22.540, 0)
	within(t, "virial", stats.Mean(target.Virials(dw4, batch), nil, stats.Bootstrap{}), 6, 0)
	shares := target.LongPairShares(batch, dw4.Cutoff())
	for k, want := range []float64{.0006, .0397, .4064, .0348, .5176, .0009} {
		share := stats.Estimate{Value: shares[k], Error: math.Sqrt(want * (1 - want) / 1000)}
		within(t, fmt.Sprintf("share of k = %d", k), share, want, 5e-5)
	}
}

func TestSameSeedSameBytesOnAnyNumberOfCores(t *testing.T) {
	draw := func(cores, chains int) particle.Batch {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		batch, _ := run(t, target.DW4(), Metropolis{Sigma: 0.3}, NormalStart(3),
			Settings{Chains: chains, Burn: 100, Keep: 3, Thin: 20, Adapt: true, Seed: 4})
		return batch
	}
	one := draw(1, 9)
	if four := draw(4, 9); !slices.Equal(one.X, four.X) {
		t.Error("four cores give other samples than one")
	}
	if more := draw(2, 12); !slices.Equal(one.X, more.X[:len(one.X)]) {
		t.Error("more chains change the first ones")
	}
	for i := range one.Len() {
		centred := slices.Clone(one.At(i))
		particle.RemoveMean(centred, 2)
		for k, v := range centred {
			if math.Abs(v-one.At(i)[k]) > 1e-12 {
				t.Fatalf("configuration %d is not mean-free", i)
			}
		}
	}
}

func TestTrajectoryStaysInItsState(t *testing.T) {
	dw4 := target.DW4()
	start := []float64{0, 5.4, -2.65, 0.5, 2.65, 0.5, 0, 0}
	chain := Chain{Start: start, Sigma: 0.35, Steps: 20000, Thin: 100, Seed: 2, Allowed: StayInState(dw4, start)}
	labels := func() map[target.Label]int {
		batch, _, err := Trajectory(context.Background(), dw4, chain)
		if err != nil {
			t.Fatal(err)
		}
		if batch.Len() != 200 {
			t.Fatalf("%d configurations, want 200", batch.Len())
		}
		seen := map[target.Label]int{}
		for i := range batch.Len() {
			seen[target.LabelOf(batch.At(i), 2, 4)]++
		}
		return seen
	}
	if seen := labels(); len(seen) != 1 || seen[target.LabelOf(start, 2, 4)] != 200 {
		t.Errorf("a chain kept in its state saw %v", seen)
	}
	chain.Allowed = nil
	if seen := labels(); len(seen) < 3 {
		t.Errorf("a free chain saw only %v", seen)
	}
}

func TestCancelKeepsWhatIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	batch, info, err := Run(ctx, target.DW4(), Metropolis{Sigma: 0.3}, NormalStart(3), Settings{
		Chains: 50, Keep: 4, Thin: 1000,
		Progress: func(done, total int) {
			if steps = done; done >= total/2 {
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) || steps < 100000 {
		t.Fatalf("after %d steps: %v", steps, err)
	}
	if batch.Len() < 80 || batch.Len() > 120 || batch.Validate() != nil || info.ChainsStarted > 30 {
		t.Errorf("kept %d configurations of %d chains, %v", batch.Len(), info.ChainsStarted, batch.Validate())
	}
	for i := range batch.Len() {
		if batch.At(i)[0] == 0 {
			t.Errorf("configuration %d was never filled", i)
		}
	}
}

func TestErrorsSayWhatToGive(t *testing.T) {
	dw4, ctx := target.DW4(), context.Background()
	fail := func(move Move, start Start, s Settings) error {
		_, _, err := Run(ctx, dw4, move, start, s)
		return err
	}
	good, confined := Metropolis{Sigma: 0.1}, Metropolis{Sigma: 1, Allowed: func([]float64) bool { return false }}
	_, _, short := Trajectory(ctx, dw4, Chain{Start: make([]float64, 8), Sigma: 0.1, Steps: 5, Thin: 10})
	_, unknown := Defaults(dw4, 10, "gibbs", 0)
	_, none := Defaults(dw4, 0, Auto, 0)
	_, mala := MALA{H: 1}.Init(dw4, make([]float64, 6))
	for want, err := range map[string]error{
		"positive length":  fail(Metropolis{}, NormalStart(1), Settings{}),
		"not negative":     fail(good, NormalStart(1), Settings{Chains: -1}),
		"give Burn":        fail(good, NormalStart(1), Settings{Adapt: true}),
		"fall":             fail(Tempering{Move: good, Betas: []float64{1, 2}}, NormalStart(1), Settings{}),
		"Metropolis":       fail(Tempering{Betas: []float64{1, 0.5}}, NormalStart(1), Settings{}),
		"finite":           fail(good, NormalStart(math.NaN()), Settings{}),
		"that it allows":   fail(confined, NormalStart(1), Settings{}),
		"Steps >= Thin":    short,
		"metropolis":       unknown,
		"at least 1":       none,
		"give n*d numbers": mala,
		"positive numbers": func() error { _, err := Annealing{Chains: -1}.LogZ(ctx, dw4); return err }(),
		"stopped after 0 of": func() error {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			_, err := Annealing{}.LogZ(ended, dw4)
			return err
		}(),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestAnnealedLogZ(t *testing.T) {
	trap := target.Harmonic{N: 4, D: 2, K: 2}
	found, err := Annealing{Chains: 500, Rungs: 200, Spread: 1.5, Seed: 1}.LogZ(context.Background(), trap)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "log Z of a trap", found.LogZ, trap.Reference().LogZ, 0)
	found, err = Annealing{Chains: 1000, Rungs: 500, Seed: 1}.LogZ(context.Background(), target.DW4())
	if err != nil {
		t.Fatal(err)
	}
	within(t, "log Z of DW4", found.LogZ, 29.667, 0)
	if found.LogZ.Error > 0.08 || found.ESS < 100 || len(found.LogWeights) != 1000 {
		t.Errorf("log Z %+v, ESS %g of %d", found.LogZ, found.ESS, len(found.LogWeights))
	}
}

// A chain of many particles ends with its context while its start relaxes, and in its first step.
func TestCancelEndsManyParticles(t *testing.T) {
	cluster, err := target.Parse("lj3000")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Defaults(cluster, 2, Auto, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, start := range map[string]Start{"relaxing": plan.Start, "moving": NormalStart(100)} {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(100*time.Millisecond, cancel)
		began := time.Now()
		batch, _, err := Run(ctx, cluster, plan.Move, start, plan.Settings)
		if took := time.Since(began); !errors.Is(err, context.Canceled) || batch.Len() != 0 || took > 5*time.Second {
			t.Errorf("%s: after %s: %d configurations, %v", name, took, batch.Len(), err)
		}
	}
}
