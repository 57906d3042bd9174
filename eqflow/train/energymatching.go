package train

import (
	"cmp"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// EnergyMatching regresses the field on an estimate of the marginal velocity from the target's
// energy at many places, at points about the model's own samples (iDEM, Akhound-Sadegh et al.,
// arXiv:2402.06121; for flows iEFM, Woo and Ahn, arXiv:2408.16249). It needs no data and no
// weights. Continuous flows only.
type EnergyMatching struct {
	Draws     int     `json:"draws,omitempty"`      // own configurations drawn at a time; default 1024
	DrawEvery int     `json:"draw_every,omitempty"` // steps between draws; default a twentieth of all
	Moves     int     `json:"moves,omitempty"`      // MALA steps that move the draws; default 0
	Probes    int     `json:"probes,omitempty"`     // energies for each configuration of a batch; default 128
	Cut       float64 `json:"energy_cut,omitempty"` // as in Energy
}

// String implements Objective.
func (EnergyMatching) String() string { return "energy-matching" }

// WithDefaults implements Defaulting.
func (o EnergyMatching) WithDefaults(steps int) Objective {
	o.Draws, o.Probes, o.Cut = cmp.Or(o.Draws, 1024), cmp.Or(o.Probes, 128), cmp.Or(o.Cut, defaultCut)
	o.DrawEvery = cmp.Or(o.DrawEvery, max(1, steps/20))
	return o
}

// Validate implements Objective.
func (o EnergyMatching) Validate() error {
	if o.Probes < 0 {
		return badSetting("%d probes of the energy; give at least 1, and better a hundred", o.Probes)
	}
	return o.Ladder().validate()
}

// Fits implements Objective.
func (EnergyMatching) Fits(c flow.Config, _ int) error { return matchingFits(c) }

// DataFree implements Objective.
func (EnergyMatching) DataFree() bool { return true }

// Ladder implements LadderObjective: one rung at the target, whose draws are taken as they are.
func (o EnergyMatching) Ladder() Ladder {
	return Ladder{Draws: o.Draws, DrawEvery: o.DrawEvery, Moves: o.Moves, Cut: o.Cut, AtTarget: true}
}

// Feed implements Objective.
func (o EnergyMatching) Feed(f *Feed, step int) (engine.Inputs, error) {
	in, rng := f.matching(step)
	in.T = flowTimes(rng, f.Batch, 0)
	in.Probes, in.Spread = f.Prior.Sample(rng, f.Batch*o.Probes), f.spread
	in.Slopes.X = nil // the loss finds its own
	return in, nil
}

// Energies implements Objective.
func (o EnergyMatching) Energies(batch int, _ flow.Config) int64 {
	return int64(batch) * int64(o.Probes)
}

// Loss implements Objective.
func (o EnergyMatching) Loss(e Ends, _ flow.Config) engine.Loss { return energyMatchingLoss{e, o} }

// energyMatchingLoss is matchingLoss with an estimate of the marginal velocity from the energy alone.
type energyMatchingLoss struct {
	Ends
	EnergyMatching
}

// Graph implements engine.Loss.
func (l energyMatchingLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	at, place := interpolate(in)
	return regress(f.(flow.Partial), in.T, place, l.probedVelocity(in, at, place))
}

// probedVelocity estimates the velocity at x_t from the energy alone. With a normal distribution N(0, s²) in place of the
// target, p(x | x_t) would be normal. Draws x_k of it, from noise ε_k, stand for the target's with weights
// exp(−u(x_k) + |x_k|²/2s²):
//
//	x_k = (s² t x_t + s (1−t) √D ε_k) / D      z_k = ((1−t) x_t − t s √D ε_k) / D      D = (1−t)² + s² t²
//
// Their weighted means of x − z and ∇u give the velocity, and so does the stiffness. Like iDEM's it is biased where few of the
// probes carry the weight.
func (l energyMatchingLoss) probedVelocity(in engine.Nodes, t, place *Node) *Node {
	batch, n, d := place.Shape().Dimensions[0], l.Prior.N, l.Prior.D
	all := []int{l.Probes, batch, n, d}
	wide := func(v *Node) *Node { return BroadcastToDims(ExpandAxes(v, 0), all...) }
	spread := BroadcastToShape(Reshape(in.Spread, 1, 1, 1), t.Shape())
	rest, reach := OneMinus(t), Mul(spread, t)
	norm := Add(Mul(rest, rest), Mul(reach, reach)) // D
	root, noise := Sqrt(norm), Reshape(in.Probes, all...)
	x := Add(wide(Div(Mul(Mul(spread, reach), place), norm)), Mul(wide(Div(Mul(spread, rest), root)), noise))
	z := Sub(wide(Div(Mul(rest, place), norm)), Mul(wide(Div(reach, root)), noise))

	flat := Reshape(x, l.Probes*batch, n, d)
	u := tamed(l.Target.Energy(flat), l.Cut)
	slopes := Reshape(Gradient(ReduceAllSum(u), flat)[0], all...)
	narrow := Reshape(Div(ReduceSum(Mul(x, x), 2, 3), MulScalar(Square(in.Spread), 2)), l.Probes, batch)
	weights := Softmax(Sub(narrow, Reshape(u, l.Probes, batch)), 0)
	mean := func(v *Node) *Node {
		return ReduceSum(Mul(v, BroadcastToShape(ExpandAxes(weights, 2, 3), v.Shape())), 0)
	}
	stiffness := DivScalar(ReduceAllMean(ReduceSum(mean(Mul(slopes, slopes)), 1, 2)), float64(l.Prior.DegreesOfFreedom()))
	return StopGradient(velocity(mean(Sub(x, z)), mean(slopes), stiffness, t, place))
}
