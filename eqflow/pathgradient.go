package eqflow

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"golang.org/x/sync/errgroup"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/egnn"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Path gradients of a divergence between target and flow (Roeder et al., arXiv:1703.09194; of forward divergences and after
// flow matching, Vaitl and Klein, arXiv:2505.10139), without a graph of the whole solve.
//
// Let p_t be the target's density carried along the flow to the time t, and q_t the flow's own. On a trajectory of the flow
// log p_t − log q_t stays what it is, and its gradient δ_t = ∇log p_t − ∇log q_t obeys dδ/dt = −Jᵀδ with J = ∂v/∂x. A change
// of the field by w changes the divergences, the forward one over trajectories that end at data and the reverse one over those
// that begin in the prior, by
//
//	−∫ ⟨δ_t · w(x_t, t)⟩ dt
//
// which vanishes trajectory by trajectory where the flow is right, so no noise is left there. Each of the two scores is known at one end,
// −∇u(x_1) and −x_0, and obeys ds/dt = −Jᵀs − ∇div v: it is carried to the other end, where it meets the other one, and the
// difference is carried back. No more than Jᵀs and ∇div v at places on the trajectory is needed of the field, and its gradient by the parameters
// at those places once.
//
// Trajectories are solved by RK4 between nodes; the scores, at every other node, by RK4 with the nodes between as midpoints, so that
// ∇div v is evaluated once a node. Integrals over time are Simpson's. Nodes lie closer towards the target's end, where fields are stiff:
// evenly in τ with 1 − t = (1 − τ)^nodePower.
const nodePower = 1.5

// node is a place on the trajectories: a time, dt/dτ, the configurations, and there div v and its gradient.
type node struct {
	t, speed float64
	x        particle.Batch
	div      []float64
	kick     particle.Batch // ∇div v
	delta    particle.Batch // δ_t; at every other node
}

// trajectories are those of a batch from one end of the flow to the other, with the difference of scores along them.
type trajectories struct {
	*Model
	field *egnn.Field // with the parameters of the step, or nil for the compiled programs
	nodes []node      // from the prior to the target
}

// pathNodes is the number of intervals between nodes: a multiple of four, for Simpson's rule at every other one.
func (m *Model) pathNodes() int { return 4 * max(2, (m.SolverSteps()+4)/8) }

func (m *Model) newTrajectories(field *egnn.Field) trajectories {
	count := m.pathNodes()
	w := trajectories{m, field, make([]node, count+1)}
	for k := range w.nodes {
		rest := 1 - float64(k)/float64(count)
		w.nodes[k].t, w.nodes[k].speed = 1-math.Pow(rest, nodePower), nodePower*math.Pow(rest, nodePower-1)
	}
	return w
}

// fromTarget follows data to the prior, with the data's ∇u, tamed.
func (w trajectories) fromTarget(x, slopes particle.Batch) (trajectories, error) {
	last := len(w.nodes) - 1
	if err := w.follow(x, last, -1); err != nil {
		return w, err
	}
	score := times(-1, slopes)
	if err := w.carry(score, last, -1, true, nil); err != nil {
		return w, err
	}
	return w, w.carry(plus(score, 1, w.nodes[0].x), 0, 1, false, w.keep)
}

// fromPrior follows draws to the target.
func (w trajectories) fromPrior(z particle.Batch, cut float64) (trajectories, error) {
	last := len(w.nodes) - 1
	if err := w.follow(z, 0, 1); err != nil {
		return w, err
	}
	score := times(-1, z)
	if err := w.carry(score, 0, 1, true, nil); err != nil {
		return w, err
	}
	slopes := tamedSlopes(w.Target, w.nodes[last].x, cut)
	return w, w.carry(times(-1, plus(slopes, 1, score)), last, -1, false, w.keep)
}

// keep writes the difference of scores down.
func (w trajectories) keep(k int, s particle.Batch) { w.nodes[k].delta = s.Clone() }

// follow solves from node k to the last one in a direction, ±1, and finds div v and its gradient at every node.
func (w trajectories) follow(x particle.Batch, k, direction int) error {
	for w.nodes[k].x = x.Clone().RemoveMean(); ; k += direction {
		at := &w.nodes[k]
		out, err := w.call(fieldKick, at.t, at.x)
		if err != nil {
			return err
		}
		at.div, at.kick = out[0], asBatch(out[1], x)
		next := k + direction
		if next < 0 || next == len(w.nodes) {
			return nil
		}
		h := w.nodes[next].t - at.t
		y, err := rk4(at.x, func(c float64, y particle.Batch) (particle.Batch, error) {
			out, err := w.call(fieldValue, at.t+c*h, y)
			if err != nil {
				return y, err
			}
			return times(h, asBatch(out[0], x)), nil
		})
		if err != nil {
			return err
		}
		w.nodes[next].x = y
	}
}

// carry moves a score s in place along the trajectories from node k in a direction, ±1, with ∇div v or without, and hands it over at every other node.
func (w trajectories) carry(s particle.Batch, k, direction int, kicked bool, each func(k int, s particle.Batch)) error {
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
			out, err := w.call(fieldPull, at.t, at.x, y)
			if err != nil {
				return y, err
			}
			pulled := asBatch(out[0], y)
			if kicked {
				pulled = plus(pulled, 1, at.kick)
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
func (w trajectories) add(in *Inputs, share float64) {
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

// leg is a step's trajectories in one direction.
type leg struct {
	ends     particle.Batch // data, or draws from the prior
	fromData bool
	share    float64 // of the divergence
}

// drawTrajectories makes the inputs of a step from trajectories to data, from the prior, or both. On the host both are under way at once:
// programs of the field at few configurations leave cores idle.
func (f *feed) drawTrajectories(in Inputs) (Inputs, error) {
	m := f.model
	out := Inputs{X: particle.Batch{N: m.Prior.N, D: m.Prior.D}, Slopes: particle.Batch{N: m.Prior.N, D: m.Prior.D}}
	field, err := m.pathField() // which the legs share
	if err != nil {
		return out, err
	}
	var legs []leg
	forward := map[Objective]float64{Likelihood: 1, Mixture: 1 - f.EnergyShare}[f.Objective]
	if forward > 0 {
		legs = append(legs, leg{in.X, true, forward})
	}
	if forward < 1 {
		legs = append(legs, leg{in.Z, false, 1 - forward})
	}
	solved, values := make([]trajectories, len(legs)), make([]float64, len(legs))
	var group errgroup.Group
	if !m.onHost() || target.Concurrency(m.Target) == 1 {
		group.SetLimit(1)
	}
	for k, l := range legs {
		group.Go(func() (err error) {
			solved[k], values[k], err = f.solve(l, m.newTrajectories(field))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return out, err
	}
	for k, l := range legs {
		solved[k].add(&out, l.share)
		out.Value += l.share * values[k]
	}
	return out, nil
}

// solve follows a leg. The value is what it tells of the divergence, but for a constant.
func (f *feed) solve(l leg, w trajectories) (_ trajectories, value float64, err error) {
	m := f.model
	if l.fromData {
		w, err = w.fromTarget(l.ends, tamedSlopes(m.Target, l.ends, f.EnergyCut))
	} else {
		w, err = w.fromPrior(l.ends, f.EnergyCut)
	}
	if err != nil {
		return w, 0, err
	}
	x := w.nodes[len(w.nodes)-1].x
	for i, logQ := range w.logQ() {
		if l.fromData {
			value -= logQ / float64(x.Len())
			continue
		}
		u, _ := tame(m.Target.EnergyForces(x.At(i), nil), f.EnergyCut)
		value += (u + logQ) / float64(x.Len())
	}
	return w, value, nil
}

// tame is u up to the cut, and grows by its logarithm beyond, as tamed in graphs, with its derivative by u.
func tame(u, cut float64) (tamed, slope float64) {
	if excess := u - cut; excess > 0 {
		return cut + math.Log1p(excess), 1 / (1 + excess)
	}
	return u, 1
}

// tamedSlopes returns the gradient of the tamed energy of each configuration.
func tamedSlopes(t target.Target, x particle.Batch, cut float64) particle.Batch {
	slopes := particle.NewBatch(x.Len(), x.N, x.D)
	inParallel(target.Concurrency(t), x.Len(), func(i int) {
		out := slopes.At(i)
		_, slope := tame(t.EnergyForces(x.At(i), out), cut)
		for k := range out {
			if out[k] *= -slope; slope == 0 { // particles on top of each other
				out[k] = 0
			}
		}
	})
	return slopes
}

// usesPathGradients tells whether the settings ask for path gradients that are made trajectory by trajectory.
func (m *Model) usesPathGradients(s Settings) bool {
	c, continuous := m.Flow.(flow.Continuous)
	_, kernel := c.WithDefaults().Field.(dynamics.RadialBasis)
	return continuous && s.Path && (s.Objective == Likelihood || !kernel)
}

// pathLoss has the value of the divergence but for its constant, and its path gradient.
func pathLoss(f flow.Partial, in fed) *Node {
	v, _ := f.At(in.t, in.x)
	along := ReduceAllSum(Mul(v, in.slopes))
	return Add(in.value, Sub(along, StopGradient(along)))
}

func asBatch(x []float64, like particle.Batch) particle.Batch {
	return particle.Batch{N: like.N, D: like.D, X: x}
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
