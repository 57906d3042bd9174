package train

import (
	"cmp"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// EnergyMatching regresses the field on an estimate of the marginal velocity. The estimate takes
// the target's energy at many positions near x_t, where x_t lies on a straight line from a prior
// draw to one of the model's own samples (iDEM, Akhound-Sadegh et al., arXiv:2402.06121; for flows
// iEFM, Woo and Ahn, arXiv:2408.16249). It needs no data and no weights. It trains continuous flows
// only.
type EnergyMatching struct {
	Draws     int     `json:"draws,omitempty"`      // configurations that the model draws at a time; default 1024
	DrawEvery int     `json:"draw_every,omitempty"` // steps between draws; default a twentieth of all
	Moves     int     `json:"moves,omitempty"`      // MALA steps for each draw; default 0
	Probes    int     `json:"probes,omitempty"`     // energies per configuration of a batch; default 128
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
		return badSetting("%d probes of the energy; give at least 1, and preferably 100", o.Probes)
	}
	return o.Ladder().validate()
}

// Fits implements Objective.
func (EnergyMatching) Fits(c flow.Config, _ int) error { return matchingFits(c) }

// DataFree implements Objective.
func (EnergyMatching) DataFree() bool { return true }

// Ladder implements LadderObjective. The ladder has a single rung, at the target, and its draws
// carry no weights.
func (o EnergyMatching) Ladder() Ladder {
	return Ladder{Draws: o.Draws, DrawEvery: o.DrawEvery, Moves: o.Moves, Cut: o.Cut, AtTarget: true}
}

// Feed implements Objective.
func (o EnergyMatching) Feed(f *Feed, step int) (engine.Inputs, error) {
	in, rng := f.matching(step)
	in.T = flowTimes(rng, f.Batch, 0)
	in.Probes, in.Spread = f.Prior.Sample(rng, f.Batch*o.Probes), f.spread
	in.Slopes.X = nil // the loss computes ∇u at its probes
	return in, nil
}

// Energies implements Objective.
func (o EnergyMatching) Energies(batch int, _ flow.Config) int64 {
	return int64(batch) * int64(o.Probes)
}

// EnergyInGraph implements GraphObjective.
func (EnergyMatching) EnergyInGraph(flow.Config) bool { return true }

// Loss implements Objective.
func (o EnergyMatching) Loss(e Ends, _ flow.Config) engine.Loss { return energyMatchingLoss{e, o} }

// energyMatchingLoss is matchingLoss with a velocity that is estimated from the energy alone.
type energyMatchingLoss struct {
	Ends
	EnergyMatching
}

// Graph implements engine.Loss.
func (l energyMatchingLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	times, xt := interpolate(in)
	return regress(f.(flow.Partial), in.T, xt, l.probedVelocity(in, times, xt))
}

// probedVelocity estimates the velocity at x_t from the energy alone. If the target were a normal
// distribution N(0, s²), p(x | x_t) would be normal. The draws x_k of that normal distribution,
// from noise ε_k, represent p(x | x_t) of the target with weights exp(−u(x_k) + |x_k|²/2s²):
//
//	x_k = (s² t x_t + s (1−t) √D ε_k) / D
//	z_k = ((1−t) x_t − t s √D ε_k) / D,    D = (1−t)² + s² t²
//
// The weighted means of x − z and of ∇u give the velocity, and the weighted mean of |∇u|² gives the
// stiffness. Like the estimate of iDEM, this one is biased where few probes carry most of the
// weight.
func (l energyMatchingLoss) probedVelocity(in engine.Nodes, t, xt *Node) *Node {
	batch, n, d := xt.Shape().Dimensions[0], l.Prior.N, l.Prior.D
	dims := []int{l.Probes, batch, n, d}
	forAll := func(v *Node) *Node { return BroadcastToDims(ExpandAxes(v, 0), dims...) } // probes
	spread := BroadcastToShape(Reshape(in.Spread, 1, 1, 1), t.Shape())
	rest, reach := OneMinus(t), Mul(spread, t)
	norm := Add(Mul(rest, rest), Mul(reach, reach)) // D
	root, noise := Sqrt(norm), Reshape(in.Probes, dims...)
	x := Add(forAll(Div(Mul(Mul(spread, reach), xt), norm)), Mul(forAll(Div(Mul(spread, rest), root)), noise))
	z := Sub(forAll(Div(Mul(rest, xt), norm)), Mul(forAll(Div(reach, root)), noise))

	flat := Reshape(x, l.Probes*batch, n, d)
	u := tamed(l.Target.Energy(flat), l.Cut)
	slopes := Reshape(Gradient(ReduceAllSum(u), flat)[0], dims...)
	normal := Reshape(Div(ReduceSum(Mul(x, x), 2, 3), MulScalar(Square(in.Spread), 2)), l.Probes, batch)
	weights := Softmax(Sub(normal, Reshape(u, l.Probes, batch)), 0)
	mean := func(v *Node) *Node {
		return ReduceSum(Mul(v, BroadcastToShape(ExpandAxes(weights, 2, 3), v.Shape())), 0)
	}
	square := ReduceAllMean(ReduceSum(mean(Mul(slopes, slopes)), 1, 2))
	stiffness := DivScalar(square, float64(l.Prior.DegreesOfFreedom()))
	return StopGradient(velocity(mean(Sub(x, z)), mean(slopes), stiffness, t, xt))
}
