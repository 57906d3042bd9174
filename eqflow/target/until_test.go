package target

import (
	"context"
	"math"
	"testing"
	"time"
)

// slow is a system whose evaluation takes longer than a user waits.
type slow struct {
	Target
	release chan struct{}
}

func (s slow) Particles() int { return manyParticles }

func (s slow) EnergyForces(x, forces []float64) float64 {
	<-s.release
	return s.Target.EnergyForces(x, forces)
}

// A limited target has the energies and forces of the target, and NaN once its context has ended:
// also an evaluation that is under way ends then.
func TestUntilEndsWithItsContext(t *testing.T) {
	x := []float64{0, 0, 3, 0, 0, 3, 3, 3}
	forces, want := make([]float64, 8), make([]float64, 8)
	ctx, cancel := context.WithCancel(context.Background())
	limited, release := Until(ctx, DW4())
	defer release()
	u := DW4().EnergyForces(x, want)
	if got := limited.EnergyForces(x, forces); got != u || forces[0] != want[0] {
		t.Errorf("energy %g, force %g; want %g, %g", got, forces[0], u, want[0])
	}
	long := slow{DW4(), make(chan struct{})}
	defer close(long.release)
	under, releaseUnder := Until(ctx, long)
	defer releaseUnder()
	time.AfterFunc(10*time.Millisecond, cancel)
	if got := under.EnergyForces(x, forces); !math.IsNaN(got) || !math.IsNaN(forces[7]) {
		t.Errorf("after the end: energy %g, force %g; want NaN", got, forces[7])
	}
	for !math.IsNaN(limited.EnergyForces(x, nil)) {
		time.Sleep(time.Millisecond) // the end is passed on by another goroutine
	}
}
