package train

import (
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Path gradients of a divergence between target and flow (Roeder et al., arXiv:1703.09194; for
// forward divergences and after flow matching, Vaitl and Klein, arXiv:2505.10139), without a graph
// of the whole solve.
//
// Let p_t be the target's density carried along the flow to the time t, and q_t the flow's own
// density. On a trajectory of the flow log p_t − log q_t is constant. Its gradient δ_t = ∇log p_t −
// ∇log q_t obeys dδ/dt = −Jᵀδ with J = ∂v/∂x. A change w of the field changes the divergences by
//
//	−∫ ⟨δ_t · w(x_t, t)⟩ dt
//
// For the forward divergence the mean runs over trajectories that end at data. For the reverse
// divergence it runs over trajectories that begin in the prior. The integrand vanishes on every
// trajectory where the flow is right, so that no noise is left there. Each of the two scores is
// known at one end: −∇u(x_1) and −x_0. A score s obeys ds/dt = −Jᵀs − ∇div v. One score is
// transported to the other end, where the other score is known, and the difference is transported
// back. This needs Jᵀs and ∇div v at points on the trajectory, and then one gradient of the field
// by its parameters at the same points.
//
// RK4 solves the trajectories from node to node. RK4 also solves the scores, between every other
// node, with the nodes between as midpoints, so that ∇div v is evaluated once per node. Simpson's
// rule integrates over time. Nodes are denser towards the target's end, where fields are stiff:
// they are uniform in τ with 1 − t = (1 − τ)^nodePower.
const nodePower = 1.5

// node is a point in time on the trajectories: t, dt/dτ, the configurations x, and there div v and
// its gradient.
type node struct {
	t, speed float64
	x        particle.Batch
	div      []float64
	gradient particle.Batch // ∇div v
	delta    particle.Batch // δ_t, at every other node
}

// times returns the node's time for each configuration.
func (n node) times() []float64 { return slices.Repeat([]float64{n.t}, n.x.Len()) }

// trajectories are the trajectories of a batch from one end of the flow to the other, with the
// difference of the scores along them.
type trajectories struct {
	Ends
	field engine.Field
	nodes []node // from the prior to the target
}

// pathNodes returns the number of intervals between nodes for a flow with the given number of
// solver steps. It is a multiple of four, for Simpson's rule at every other node.
func pathNodes(solverSteps int) int { return 4 * max(2, (solverSteps+4)/8) }

// newTrajectories sets the times of the nodes.
func newTrajectories(e Ends, field engine.Field, solverSteps int) trajectories {
	count := pathNodes(solverSteps)
	w := trajectories{e, field, make([]node, count+1)}
	for k := range w.nodes {
		rest := 1 - float64(k)/float64(count)
		w.nodes[k].t, w.nodes[k].speed = 1-math.Pow(rest, nodePower), nodePower*math.Pow(rest, nodePower-1)
	}
	return w
}

// fromTarget solves from data to the prior, given the tamed ∇u at the data.
func (w trajectories) fromTarget(x, slopes particle.Batch) error {
	last := len(w.nodes) - 1
	if err := w.follow(x, last, -1); err != nil {
		return err
	}
	score := scaleBatch(-1, slopes)
	if err := w.transport(score, last, -1, true, nil); err != nil {
		return err
	}
	return w.transport(addScaled(score, 1, w.nodes[0].x), 0, 1, false, w.setDelta)
}

// fromPrior solves from draws of the prior to the target.
func (w trajectories) fromPrior(z particle.Batch, cut float64) error {
	last := len(w.nodes) - 1
	if err := w.follow(z, 0, 1); err != nil {
		return err
	}
	score := scaleBatch(-1, z)
	if err := w.transport(score, 0, 1, true, nil); err != nil {
		return err
	}
	_, slopes := target.TamedEnergiesGradients(w.Target, w.nodes[last].x, cut)
	return w.transport(scaleBatch(-1, addScaled(slopes, 1, score)), last, -1, false, w.setDelta)
}

// setDelta keeps the difference of the scores at a node.
func (w trajectories) setDelta(k int, s particle.Batch) { w.nodes[k].delta = s.Clone() }

// follow solves from node k to the last one in a direction, ±1, and computes div v and its gradient
// at every node.
func (w trajectories) follow(x particle.Batch, k, direction int) (err error) {
	for w.nodes[k].x = x.Clone().RemoveMean(); ; k += direction {
		at := &w.nodes[k]
		if at.div, at.gradient, err = w.field.DivergenceGradient(at.x, at.times()); err != nil {
			return err
		}
		next := k + direction
		if next < 0 || next == len(w.nodes) {
			return nil
		}
		h := w.nodes[next].t - at.t
		w.nodes[next].x, err = rk4(at.x, func(c float64, y particle.Batch) (particle.Batch, error) {
			v, err := w.field.Velocity(y, slices.Repeat([]float64{at.t + c*h}, y.Len()))
			return scaleBatch(h, v), err
		})
		if err != nil {
			return err
		}
	}
}

// transport moves a score s in place along the trajectories, from node k in a direction, ±1. It
// includes ∇div v if withDivergence is set. It calls visit, unless visit is nil, at every other
// node.
func (w trajectories) transport(
	s particle.Batch, k, direction int, withDivergence bool, visit func(k int, s particle.Batch)) error {
	span := 2 * float64(direction) / float64(len(w.nodes)-1) // of τ
	for {
		if visit != nil {
			visit(k, s)
		}
		end := k + 2*direction
		if end < 0 || end >= len(w.nodes) {
			return nil
		}
		from := k
		y, err := rk4(s, func(c float64, y particle.Batch) (particle.Batch, error) {
			at := w.nodes[from+direction*int(2*c)]
			pulled, err := w.field.Pull(at.x, at.times(), y)
			if err != nil {
				return y, err
			}
			if withDivergence {
				pulled = addScaled(pulled, 1, at.gradient)
			}
			return scaleBatch(-span*at.speed, pulled), nil
		})
		if err != nil {
			return err
		}
		copy(s.X, y.X)
		k = end
	}
}

// rk4 takes one step of the classical Runge–Kutta method. increment returns the step times the
// derivative at the fraction c of the step and the state y.
func rk4(y particle.Batch, increment func(c float64, y particle.Batch) (particle.Batch, error)) (
	particle.Batch, error) {
	next, _, err := ode.Step(ode.RK4, func(c float64, at, k []float64) error {
		moved, err := increment(c, particle.Batch{X: at, N: y.N, D: y.D})
		copy(k, moved.X)
		return err
	}, 0, y.X, 1)
	return particle.Batch{X: next, N: y.N, D: y.D}, err
}

// logQ returns the flow's log-density at the target's end.
func (w trajectories) logQ() []float64 {
	out := make([]float64, w.nodes[0].x.Len())
	weights := simpson(len(w.nodes))
	for i := range out {
		out[i] = w.Prior.LogDensity(w.nodes[0].x.At(i))
		for k, n := range w.nodes {
			out[i] -= weights[k] * n.speed * n.div[i]
		}
	}
	return out
}

// simpson returns the weights of Simpson's rule on [0, 1] for an odd number of uniform nodes.
func simpson(nodes int) []float64 {
	w := make([]float64, nodes)
	for k := range w {
		w[k] = float64(2+2*(k%2)) / float64(3*(nodes-1))
	}
	w[0], w[nodes-1] = w[0]/2, w[nodes-1]/2
	return w
}

// appendInputs appends the inputs of the gradient to in: configurations, times and −δ, with the
// weights of the quadrature and of the batch.
func (w trajectories) appendInputs(in *engine.Inputs, share float64) {
	count := (len(w.nodes) + 1) / 2
	weights := simpson(count)
	size := w.nodes[0].x.Len()
	for j := range count {
		n := w.nodes[2*j]
		in.X.X = append(in.X.X, n.x.X...)
		in.Slopes.X = append(in.Slopes.X, scaleBatch(-share*weights[j]*n.speed/float64(size), n.delta).X...)
		for range size {
			in.T = append(in.T, n.t)
		}
	}
}

// addScaled returns a + c·b.
func addScaled(a particle.Batch, c float64, b particle.Batch) particle.Batch {
	out := a.Clone()
	for i, v := range b.X {
		out.X[i] += c * v
	}
	return out
}

// scaleBatch returns c·a.
func scaleBatch(c float64, a particle.Batch) particle.Batch {
	out := a.Clone()
	for i := range out.X {
		out.X[i] *= c
	}
	return out
}
