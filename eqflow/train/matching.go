package train

import (
	"cmp"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Pairing names how Matching pairs prior draws with data.
type Pairing string

// The pairings.
const (
	// Independent pairs prior draws and data in the order in which they are drawn.
	Independent Pairing = "independent"
	// OptimalTransport pairs and aligns prior draws and data so that the distance between them is
	// short, over permutations of the batch, rotation, reflection and relabelling
	// (particle.PairBatches). Flows become straighter. In exchange the pairing is biased and costs
	// time on the host. It is for equivariant flows.
	OptimalTransport Pairing = "ot"
)

// Pairings lists the pairings.
var Pairings = []Pairing{Independent, OptimalTransport}

// Matching is flow matching: it regresses the field on the straight lines from prior draws to data
// (Lipman et al., arXiv:2210.02747). It solves no differential equation. It trains continuous flows
// only.
type Matching struct {
	Pairing Pairing `json:"coupling,omitempty"` // default Independent
	// Forces also uses the energy's gradient at the data, which removes the noise of the regression
	// late in flow time. The data must be a fair sample of the target.
	Forces bool `json:"forces,omitempty"`
	// Focus is a flow time near which half of the times are drawn; the other half is uniform. It
	// helps where the field is sharp, for example where the trajectories to different states
	// separate. Default 0.73 with Forces, which suits both DW4 and LJ13 (notebooks/LOG.md),
	// otherwise none. 0 is none.
	Focus *float64 `json:"focus,omitempty"`
}

// String implements Objective.
func (Matching) String() string { return "flow-matching" }

// WithDefaults implements Defaulting.
func (o Matching) WithDefaults(int) Objective {
	o.Pairing = cmp.Or(o.Pairing, Independent)
	if o.Forces {
		o.Focus = orDefault(o.Focus, 0.73)
	}
	o.Focus = zeroIfNegative(o.Focus)
	return o
}

// Validate implements Objective.
func (o Matching) Validate() error {
	switch focus := valueOf(o.Focus); {
	case o.Pairing != "" && !slices.Contains(Pairings, o.Pairing):
		return badSetting("no coupling %q; use one of %v", o.Pairing, Pairings)
	case !(focus >= 0 && focus < 1):
		return badSetting("focus on the flow time %g; give one between 0 and 1, or 0 for none", focus)
	case o.Forces && o.Pairing == OptimalTransport:
		return badSetting("forces at the data go with independent coupling; leave --coupling or --forces out")
	}
	return nil
}

// Fits implements Objective.
func (o Matching) Fits(c flow.Config, _ int) error { return matchingFits(c) }

func matchingFits(c flow.Config) error {
	if !isContinuous(c) {
		return badSetting("flow matching needs a continuous flow, not %T; train it by likelihood", c)
	}
	return nil
}

// DataFree implements Objective.
func (Matching) DataFree() bool { return false }

// ForcesAtData reports whether the feed needs the energy's gradient at the data.
func (o Matching) ForcesAtData() bool { return o.Forces }

// Feed implements Objective.
func (o Matching) Feed(f *Feed, step int) (engine.Inputs, error) {
	in, rng := f.matching(step)
	if o.Pairing == OptimalTransport {
		in.Z = particle.PairBatches(in.X, in.Z, target.RelabellingOf(f.Target))
	}
	in.T = flowTimes(rng, f.Batch, valueOf(o.Focus))
	return in, nil
}

// Energies implements Objective.
func (Matching) Energies(int, flow.Config) int64 { return 0 }

// Loss implements Objective.
func (o Matching) Loss(Ends, flow.Config) engine.Loss { return matchingLoss{o.String(), o.Forces} }

// matchingLoss is ⟨|v(x_t, t) − w|²⟩ with x_t = (1−t) z + t x. The mean of w given x_t is the
// marginal velocity E[x − z | x_t]. w is either x − z or the mixture of x − z and the energy's
// gradient that velocity returns.
type matchingLoss struct {
	name   string
	forces bool
}

// String implements engine.Loss.
func (l matchingLoss) String() string { return l.name }

// Graph implements engine.Loss.
func (l matchingLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	times, xt := interpolate(in)
	want := Sub(in.X, in.Z)
	if l.forces {
		want = velocity(want, in.Slopes, in.Stiffness, times, xt)
	}
	return regress(f.(flow.Partial), in.T, xt, want)
}

// interpolate returns the flow times, broadcast to [B, n, d], and x_t.
func interpolate(in engine.Nodes) (times, xt *Node) {
	times = BroadcastToShape(ExpandAxes(in.T, 1, 2), in.X.Shape())
	return times, Add(Mul(OneMinus(times), in.Z), Mul(times, in.X))
}

// regress is ⟨|v(x, t) − want|²⟩.
func regress(f flow.Partial, t, x, want *Node) *Node {
	v, _ := f.At(t, x)
	residual := Sub(v, want)
	return ReduceAllMean(ReduceSum(Mul(residual, residual), 1, 2))
}

// AtField implements engine.FieldLoss.
func (l matchingLoss) AtField(in engine.Inputs) engine.FieldTerm {
	size, n, d := in.X.Len(), in.X.N, in.X.D
	points, want := particle.NewBatch(size, n, d), particle.NewBatch(size, n, d)
	for i, t := range in.T {
		x, z, xt, w := in.X.At(i), in.Z.At(i), points.At(i), want.At(i)
		for c := range x {
			xt[c] = (1-t)*z[c] + t*x[c]
			w[c] = x[c] - z[c]
		}
		if !l.forces {
			continue
		}
		stiff := in.Stiffness * (1 - t) * (1 - t)
		for c, slope := range in.Slopes.At(i) {
			w[c] = (stiff*w[c] + t*xt[c] - (1-t)*slope) / (t*t + stiff)
		}
	}
	return engine.FieldTerm{X: points, T: in.T, Want: want}
}

// velocity mixes two estimates of the velocity at x_t. Each has the right mean over p(x | x_t). The
// first is x − z. The second follows from the identity t·∇log p_t(x_t) = −E[∇u(x) | x_t] (target
// score matching, De Bortoli et al., arXiv:2402.08667):
//
//	x_t/t − (1−t)/t² ∇u(x)
//
// Their errors have opposite signs. For a Gaussian of stiffness h the errors cancel in the mixture
// that takes the share t²/(t² + h(1−t)²) of the second estimate. No noise is left in this mixture,
// and nothing in it diverges at either end:
//
//	w = [ h(1−t)² (x − z) + t x_t − (1−t) ∇u(x) ] / (t² + h(1−t)²)
func velocity(displacement, slopes, stiffness, t, xt *Node) *Node {
	rest := OneMinus(t)
	h := BroadcastToShape(Reshape(stiffness, 1, 1, 1), t.Shape())
	stiff := Mul(h, Mul(rest, rest))
	sum := Add(Mul(stiff, displacement), Sub(Mul(t, xt), Mul(rest, slopes)))
	return Div(sum, Add(Mul(t, t), stiff))
}
