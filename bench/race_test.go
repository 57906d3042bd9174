package bench

import (
	"context"
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// A race judges the parameters after the steps that the recipe names. Time advances from look to
// look, and the NLL falls.
func TestRaceLooksAndJudges(t *testing.T) {
	xlatest.Open(t)
	race := Race{Flow: "kernel", Seeds: 1, Recipe: Recipe{train.Adam, 30, 12}}
	result, err := Plan{Backend: xla.CPU}.Race(context.Background(), race)
	if err != nil {
		t.Fatal(err)
	}
	run := result.Runs[0]
	if len(result.Runs) != 1 || len(run.Looks) != 3 {
		t.Fatalf("%+v", result.Runs)
	}
	for k, step := range []int{12, 24, 30} {
		look, before := run.Looks[k], run.Looks[max(0, k-1)]
		if look.Step != step || k > 0 && (look.Seconds <= before.Seconds || look.NLL >= before.NLL) {
			t.Errorf("look %d: %+v after %+v", k, look, before)
		}
	}
	if run.Goal != 0 || run.Looks[2].NLL < goalNLL {
		t.Errorf("the goal was reached in thirty steps: %+v", run)
	}
}

// The fit finds the exponent of a power law. For a curve that bends, the exponents at the two ends
// differ.
func TestExponents(t *testing.T) {
	var rows []Row
	seen := map[Case]bool{} // Growth measures a case once, even if two axes have it
	for _, a := range axes() {
		for _, c := range a.cases {
			if seen[c] {
				continue
			}
			seen[c] = true
			size := float64(c.Batch * c.Steps * particles(c.System))
			rows = append(rows,
				Row{Case: c, Contender: ownName, CPU: 3 * math.Pow(size, 1.5)},
				Row{Case: c, Contender: floorName, CPU: 100 + size/100})
		}
	}
	found := curves(axes(), rows)
	if len(found) != 2*len(axes()) {
		t.Fatalf("%d curves", len(found))
	}
	for _, c := range found {
		right := c.First < c.Exponent && c.Exponent < c.Last
		if c.Contender == ownName { // a power law
			right = math.Abs(c.Exponent-1.5)+math.Abs(c.First-1.5)+math.Abs(c.Last-1.5) <= 1e-6
		}
		if !right {
			t.Errorf("%+v", c)
		}
	}
	if _, err := growthPicture(found).PNG(); err != nil {
		t.Error(err)
	}
}

// Every case of the curves has a problem of its size.
func TestSyntheticProblems(t *testing.T) {
	for _, a := range axes() {
		for _, c := range a.cases {
			p, err := synthetic(c)
			if err != nil || p.n != particles(c.System) || len(p.values("data")) != c.Batch*p.n*p.d {
				t.Errorf("%s: %v, %d particles", c, err, p.n)
			}
		}
	}
}
