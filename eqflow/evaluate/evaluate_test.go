package evaluate_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// The verdicts on likelihoods. The entropy of DW4 is 7.127. An NLL of 3.77 that becomes 11.6 with
// more steps was measured after training without the stage penalty.
func TestVerdicts(t *testing.T) {
	const entropy = 7.127
	for _, c := range []struct {
		name    string
		check   evaluate.Check
		bounded bool
		want    bool
		says    string
		saysNot string
	}{
		{
			"honest", evaluate.Check{NLL: 8.044, NLL2: 8.046, NLL4: 8.046, Error: 0.01}, true,
			true, "above the entropy", "",
		},
		{
			"solver exploited", evaluate.Check{NLL: 3.77, NLL2: 7.5, NLL4: 11.6, Error: 0.01}, true,
			false, "steps disagree", "",
		},
		{
			"disagreement at 4n only", evaluate.Check{NLL: 8, NLL2: 8, NLL4: 8.1}, false,
			false, "steps disagree", "",
		},
		{
			"below the entropy", evaluate.Check{NLL: 6.89, NLL2: 6.89, NLL4: 6.89, Error: 0.01}, true,
			false, "under the target's entropy", "",
		},
		{
			"below the entropy by chance", evaluate.Check{NLL: 7.0, NLL2: 7.0, NLL4: 7.0, Error: 0.05}, true,
			true, "above the entropy", "",
		},
		{
			"data of one state", evaluate.Check{NLL: 6.89, NLL2: 6.89, NLL4: 6.89, Error: 0.01}, false,
			true, "finer solves agree", "entropy",
		},
		{
			"NaN", evaluate.Check{NLL: 8, NLL2: math.NaN(), NLL4: 8}, true,
			false, "not a number", "",
		},
		{
			"infinite", evaluate.Check{NLL: math.Inf(1), NLL2: math.Inf(1), NLL4: math.Inf(1)}, true,
			false, "", "",
		},
	} {
		c.check.Judge(entropy, c.bounded)
		if c.check.Trustworthy != c.want || !strings.Contains(c.check.Why, c.says) ||
			c.saysNot != "" && strings.Contains(c.check.Why, c.saysNot) {
			t.Errorf("%s: trustworthy is %t, %q", c.name, c.check.Trustworthy, c.check.Why)
		}
	}
}

// candidate returns a model as JudgeWeights needs it.
func candidate(m *eqflow.Model) evaluate.Candidate { return evaluate.Candidate{Target: m.Target} }

// An untrained flow is nearly the identity. In a trap of strength 1.3 the weights of the prior's
// draws have a known mean, log Z = −(n−1)d/2 · ln(1.3/2π), and reweighting gives ⟨u⟩ = (n−1)d/2 and
// a virial of (n−1)d.
func TestWeightsRecoverKnownValues(t *testing.T) {
	m := eqflowtest.Harmonic(t, 1.3)
	x := m.Prior.Sample(rand.New(rand.NewPCG(1, 1)), 200)
	for i := range x.X {
		x.X[i] /= math.Sqrt(1.3)
	}
	r, err := m.Evaluate(x, evaluate.Options{Samples: new(4000), Equilibrium: true})
	if err != nil {
		t.Fatal(err)
	}
	want := 3 * math.Log(2*math.Pi/1.3)
	if math.Abs(r.LogZ-want) > 5*r.LogZError || math.Abs(r.Energy-3) > 5*r.EnergyError ||
		math.Abs(r.Virial-6) > 5*r.VirialError {
		t.Errorf("log Z %g ± %g, want %g; energy %g ± %g, want 3; virial %g ± %g, want 6",
			r.LogZ, r.LogZError, want, r.Energy, r.EnergyError, r.Virial, r.VirialError)
	}
	if !r.Trustworthy || r.KnownLogZ == 0 || math.Abs(r.KnownLogZ-want) > 1e-12 || r.N != 200 || r.Samples != 4000 {
		t.Errorf("report is %+v", r)
	}
}

// Data that are narrower than the target have an NLL below its entropy. As a fair sample they get
// no trust.
func TestNarrowDataAreNotTrusted(t *testing.T) {
	m := eqflowtest.Harmonic(t, 1)
	x := m.Prior.Sample(rand.New(rand.NewPCG(1, 1)), 300)
	for i := range x.X {
		x.X[i] *= 0.1
	}
	for _, equilibrium := range []bool{true, false} {
		c, err := m.CheckNLL(x, equilibrium)
		if err != nil {
			t.Fatal(err)
		}
		if c.Trustworthy == equilibrium {
			t.Errorf("as equilibrium data %t: trustworthy is %t, %s", equilibrium, c.Trustworthy, c.Why)
		}
	}
}

// Weights whose log Z contradicts the known value withdraw the verdict.
func TestWrongLogZWithdrawsTheVerdict(t *testing.T) {
	m := eqflowtest.Harmonic(t, 1)
	s, err := m.Sample(500, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.LogWeight {
		s.LogWeight[i] -= 1
	}
	r := evaluate.Report{Check: evaluate.Check{Trustworthy: true}}
	candidate(m).JudgeWeights(&r, s, stats.Bootstrap{Resamples: 50})
	if r.Trustworthy || !strings.Contains(r.Why, "contradicts") {
		t.Errorf("trustworthy is %t: %s", r.Trustworthy, r.Why)
	}
}

// A handful of effective samples makes the weights untrustworthy, and does not change the verdict
// on the likelihood.
func TestFewEffectiveSamplesAreReported(t *testing.T) {
	m := eqflowtest.Harmonic(t, 1)
	s, err := m.Sample(500, 1)
	if err != nil {
		t.Fatal(err)
	}
	s.LogWeight[0] += 20
	r := evaluate.Report{Check: evaluate.Check{Trustworthy: true}}
	candidate(m).JudgeWeights(&r, s, stats.Bootstrap{Resamples: 50})
	if !r.Trustworthy || r.WeightsTrustworthy || !strings.Contains(r.WeightsWhy, "handful") {
		t.Errorf("trustworthy is %t, of weights %t: %s", r.Trustworthy, r.WeightsTrustworthy, r.WeightsWhy)
	}
}

// The adaptive solve contradicts a solver whose steps are too coarse for its field.
func TestAdaptiveSolveContradicts(t *testing.T) {
	r := evaluate.Report{
		Check:    evaluate.Check{Trustworthy: true},
		Adaptive: evaluate.Adaptive{AdaptiveN: 9, AdaptiveNLL: 8.1, FixedNLL: 7.9},
	}
	if r.JudgeAdaptively(); r.Trustworthy || !strings.Contains(r.Why, "adaptive") {
		t.Errorf("trustworthy is %t: %s", r.Trustworthy, r.Why)
	}
}

// blockOfTables is the number of configurations that the tables compute at a time.
const blockOfTables = 1024

// A computation ends soon after its context, and its error states its progress.
func TestWatchStops(t *testing.T) {
	m := eqflowtest.Harmonic(t, 1)
	ctx, cancel := context.WithCancel(context.Background())
	reports := 0
	m.Watch(ctx, func(done, total int) {
		reports++
		if done >= blockOfTables {
			cancel()
		}
	})
	_, err := m.Sample(3*blockOfTables, 1)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1024 of 3072") || reports != 1 {
		t.Errorf("after %d reports the error is %v", reports, err)
	}
}

func TestEvaluateErrors(t *testing.T) {
	m := eqflowtest.Harmonic(t, 1)
	broken := m.Prior.Sample(rand.New(rand.NewPCG(1, 1)), 3)
	broken.X[7] = math.Inf(1)
	for name, x := range map[string]particle.Batch{
		"none": {N: 4, D: 2}, "infinite": broken, "another shape": particle.NewBatch(3, 3, 2),
	} {
		if _, err := m.Evaluate(x, evaluate.Options{Samples: new(0)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
