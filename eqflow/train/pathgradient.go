package train

import (
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Path gradients of a divergence between target and flow (Roeder et al., arXiv:1703.09194; of forward divergences and after
// flow matching, Vaitl and Klein, arXiv:2505.10139), without a graph of the whole solve.
//
// Let p_t be the target's density carried along the flow to the time t, and q_t the flow's own. On a trajectory of the flow
// log p_t − log q_t is constant, and its gradient δ_t = ∇log p_t − ∇log q_t obeys dδ/dt = −Jᵀδ with J = ∂v/∂x. A change of the
// field by w changes the divergences by
//
//	−∫ ⟨δ_t · w(x_t, t)⟩ dt
//
// The mean runs over trajectories that end at data for the forward divergence, and over trajectories that begin in the prior
// for the reverse one. It vanishes trajectory by trajectory where the flow is right, so that no noise is left there. Each of
// the two scores is known at one end: −∇u(x_1) and −x_0. A score obeys ds/dt = −Jᵀs − ∇div v. One score is carried to the
// other end, where it meets the other score, and the difference is carried back. Of the field this takes Jᵀs and ∇div v at
// places on the trajectory, and once the field's gradient by the parameters at those places.
//
// Trajectories are solved by RK4 between nodes. Scores are solved by RK4 between every other node, with the nodes between as
// midpoints, so that ∇div v is evaluated once a node. Integrals over time are Simpson's. Nodes lie closer towards the target's
// end, where fields are stiff: evenly in τ with 1 − t = (1 − τ)^nodePower.
const nodePower = 1.5

// node is a place on the trajectories: a time, dt/dτ, the configurations, and there div v and its gradient.
type node struct {
	t, speed float64
	x        particle.Batch
	div      []float64
	gradient particle.Batch // ∇div v
	delta    particle.Batch // δ_t; at every other node
}

// at is the node's time for each configuration.
func (n node) at() []float64 { return slices.Repeat([]float64{n.t}, n.x.Len()) }

// trajectories are those of a batch from one end of the flow to the other, with the difference of scores along them.
type trajectories struct {
	Ends
	field engine.Field
	nodes []node // from the prior to the target
}

// pathNodes is the number of intervals between nodes, for a flow of so many solver steps: a multiple of four, for Simpson's
// rule at every other node.
func pathNodes(solverSteps int) int { return 4 * max(2, (solverSteps+4)/8) }

func newTrajectories(e Ends, field engine.Field, solverSteps int) trajectories {
	count := pathNodes(solverSteps)
	w := trajectories{e, field, make([]node, count+1)}
	for k := range w.nodes {
		rest := 1 - float64(k)/float64(count)
		w.nodes[k].t, w.nodes[k].speed = 1-math.Pow(rest, nodePower), nodePower*math.Pow(rest, nodePower-1)
	}
	return w
}

// fromTarget follows data to the prior, with the data's tamed ∇u.
func (w trajectories) fromTarget(x, slopes particle.Batch) error {
	last := len(w.nodes) - 1
	if err := w.follow(x, last, -1); err != nil {
		return err
	}
	score := times(-1, slopes)
	if err := w.carry(score, last, -1, true, nil); err != nil {
		return err
	}
	return w.carry(plus(score, 1, w.nodes[0].x), 0, 1, false, w.record)
}

// fromPrior follows draws to the target.
func (w trajectories) fromPrior(z particle.Batch, cut float64) error {
	last := len(w.nodes) - 1
	if err := w.follow(z, 0, 1); err != nil {
		return err
	}
	score := times(-1, z)
	if err := w.carry(score, 0, 1, true, nil); err != nil {
		return err
	}
	_, slopes := target.TamedEnergiesGradients(w.Target, w.nodes[last].x, cut)
	return w.carry(times(-1, plus(slopes, 1, score)), last, -1, false, w.record)
}

// record writes the difference of scores down.
func (w trajectories) record(k int, s particle.Batch) { w.nodes[k].delta = s.Clone() }

// follow solves from node k to the last one in a direction, ±1, and finds div v and its gradient at every node.
func (w trajectories) follow(x particle.Batch, k, direction int) (err error) {
	for w.nodes[k].x = x.Clone().RemoveMean(); ; k += direction {
		at := &w.nodes[k]
		if at.div, at.gradient, err = w.field.DivergenceGradient(at.x, at.at()); err != nil {
			return err
		}
		next := k + direction
		if next < 0 || next == len(w.nodes) {
			return nil
		}
		h := w.nodes[next].t - at.t
		w.nodes[next].x, err = rk4(at.x, func(c float64, y particle.Batch) (particle.Batch, error) {
			v, err := w.field.Velocity(y, slices.Repeat([]float64{at.t + c*h}, y.Len()))
			return times(h, v), err
		})
		if err != nil {
			return err
		}
	}
}

// carry moves a score s in place along the trajectories from node k in a direction, ±1, with ∇div v or without it, and hands
// it over at every other node.
func (w trajectories) carry(s particle.Batch, k, direction int, curved bool, each func(k int, s particle.Batch)) error {
	span := 2 * float64(direction) / float64(len(w.nodes)-1) // of τ
	for {
		if each != nil {
			each(k, s)
		}
		end := k + 2*direction
		if end < 0 || end >= len(w.nodes) {
			return nil
		}
		from := k
		y, err := rk4(s, func(c float64, y particle.Batch) (particle.Batch, error) {
			at := w.nodes[from+direction*int(2*c)]
			pulled, err := w.field.Pull(at.x, at.at(), y)
			if err != nil {
				return y, err
			}
			if curved {
				pulled = plus(pulled, 1, at.gradient)
			}
			return times(-span*at.speed, pulled), nil
		})
		if err != nil {
			return err
		}
		copy(s.X, y.X)
		k = end
	}
}

// rk4 takes one step of the classical Runge–Kutta method; move is what the whole step would move at the rate there and then, and is
// given the share of the step that has passed.
func rk4(y particle.Batch, move func(c float64, y particle.Batch) (particle.Batch, error)) (particle.Batch, error) {
	var k [4]particle.Batch
	var err error
	at := y
	for j, c := range []float64{0, 0.5, 0.5, 1} {
		if j > 0 {
			at = plus(y, c, k[j-1])
		}
		if k[j], err = move(c, at); err != nil {
			return y, err
		}
	}
	return plus(plus(plus(plus(y, 1./6, k[0]), 1./3, k[1]), 1./3, k[2]), 1./6, k[3]), nil
}

// logQ is the flow's log-density at the target's end.
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

// simpson are the weights of Simpson's rule on [0, 1] at an odd number of even nodes.
func simpson(nodes int) []float64 {
	w := make([]float64, nodes)
	for k := range w {
		w[k] = float64(2+2*(k%2)) / float64(3*(nodes-1))
	}
	w[0], w[nodes-1] = w[0]/2, w[nodes-1]/2
	return w
}

// add appends to in what the gradient is made of: places, times and −δ with the weights of time and batch.
func (w trajectories) add(in *engine.Inputs, share float64) {
	count := (len(w.nodes) + 1) / 2
	weights := simpson(count)
	size := w.nodes[0].x.Len()
	for j := range count {
		n := w.nodes[2*j]
		in.X.X = append(in.X.X, n.x.X...)
		in.Slopes.X = append(in.Slopes.X, times(-share*weights[j]*n.speed/float64(size), n.delta).X...)
		for range size {
			in.T = append(in.T, n.t)
		}
	}
}

// plus is a + c·b.
func plus(a particle.Batch, c float64, b particle.Batch) particle.Batch {
	out := a.Clone()
	for i, v := range b.X {
		out.X[i] += c * v
	}
	return out
}

func times(c float64, a particle.Batch) particle.Batch {
	out := a.Clone()
	for i := range out.X {
		out.X[i] *= c
	}
	return out
}
