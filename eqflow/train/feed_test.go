package train_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// Times follow the distribution function that they are said to: even, or half even and half logit-normal. Stratified, they are never
// further from it than by one part.
func TestFlowTimesFollowTheirDistribution(t *testing.T) {
	for name, c := range map[string]struct {
		matching train.Matching
		focus    float64 // 0 for none
	}{
		"without forces": {train.Matching{}, 0},
		"with forces":    {train.Matching{Forces: true}, 0.73},
		"none":           {train.Matching{Forces: true, Focus: new(0.0)}, 0},
		"late":           {train.Matching{Focus: new(0.9)}, 0.9},
	} {
		for _, batch := range []int{1, 2, 255, 1000} {
			times := train.FlowTimes(rand.New(rand.NewPCG(1, 2)), batch, c.matching)
			if len(times) != batch {
				t.Fatalf("%s: %d times for a batch of %d", name, len(times), batch)
			}
			slices.Sort(times)
			for k, at := range times {
				want := at
				if c.focus > 0 {
					logit := math.Log(at/(1-at)) - math.Log(c.focus/(1-c.focus))
					about := math.Erfc(-logit/(0.8*math.Sqrt2)) / 2
					share := float64(batch/2) / float64(batch)
					want = (1-share)*at + share*about
				}
				if got := (float64(k) + 0.5) / float64(batch); !(math.Abs(got-want) < 1.5/float64(batch)+1e-6) {
					t.Errorf("%s: %g of %d times up to %g, want %g", name, got, batch, at, want)
				}
			}
		}
	}
}
