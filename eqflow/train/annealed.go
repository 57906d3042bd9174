package train

import (
	"cmp"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// Annealed is flow matching on the model's own samples. It reweights them along a ladder of
// densities from a wide normal distribution to the target (see Rung). It needs no data. It trains
// continuous flows only.
type Annealed struct {
	Draws     int     `json:"draws,omitempty"`      // configurations that the model draws at each rung; default 5000
	DrawEvery int     `json:"draw_every,omitempty"` // training steps on each rung; default a twentieth of all
	Moves     int     `json:"moves,omitempty"`      // MALA steps for each resampled draw; default 0
	Cut       float64 `json:"energy_cut,omitempty"` // as in Energy, on the rungs before the target
}

// String implements Objective.
func (Annealed) String() string { return "annealed" }

// WithDefaults implements Defaulting.
func (o Annealed) WithDefaults(steps int) Objective {
	o.Draws, o.Cut = cmp.Or(o.Draws, 5000), cmp.Or(o.Cut, defaultCut)
	o.DrawEvery = cmp.Or(o.DrawEvery, max(1, steps/20))
	return o
}

// Validate implements Objective.
func (o Annealed) Validate() error { return o.Ladder().validate() }

// Fits implements Objective.
func (Annealed) Fits(c flow.Config, _ int) error { return matchingFits(c) }

// DataFree implements Objective.
func (Annealed) DataFree() bool { return true }

// Ladder implements LadderObjective.
func (o Annealed) Ladder() Ladder {
	return Ladder{Draws: o.Draws, DrawEvery: o.DrawEvery, Moves: o.Moves, Cut: o.Cut}
}

// Feed implements Objective.
func (Annealed) Feed(f *Feed, step int) (engine.Inputs, error) {
	in, rng := f.matching(step)
	in.T = flowTimes(rng, f.Batch, 0)
	return in, nil
}

// Energies implements Objective. The ladder itself counts the energies that it evaluates.
func (Annealed) Energies(int, flow.Config) int64 { return 0 }

// Loss implements Objective.
func (o Annealed) Loss(Ends, flow.Config) engine.Loss { return matchingLoss{o.String(), true} }
