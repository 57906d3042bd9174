package train_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// The times follow their distribution function: uniform, or half uniform and half logit-normal.
// They are stratified, so that the deviation never exceeds one part.
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
			for k, t0 := range times {
				want := t0
				if c.focus > 0 {
					logit := math.Log(t0/(1-t0)) - math.Log(c.focus/(1-c.focus))
					focused := math.Erfc(-logit/(0.8*math.Sqrt2)) / 2
					share := float64(batch/2) / float64(batch)
					want = (1-share)*t0 + share*focused
				}
				if got := (float64(k) + 0.5) / float64(batch); !(math.Abs(got-want) < 1.5/float64(batch)+1e-6) {
					t.Errorf("%s: a share %g of %d times is at most %g, want %g", name, got, batch, t0, want)
				}
			}
		}
	}
}
