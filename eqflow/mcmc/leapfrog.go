package mcmc

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// leapfrog is the workspace of trajectories of one block of replicas.
type leapfrog struct {
	x, v    particle.Batch
	f       []float64
	u       []float64
	step    []float64 // of each replica
	kinetic []float64 // ½ Σ m v² of each replica at the start
	exp     []float64 // of each replica, the draw that decides
}

var leapfrogs sync.Pool // of *leapfrog

func newLeapfrog(size, n, d int) *leapfrog {
	if w, ok := leapfrogs.Get().(*leapfrog); ok && len(w.u) == size && w.x.N == n && w.x.D == d {
		return w
	}
	return &leapfrog{
		x: particle.NewBatch(size, n, d), v: particle.NewBatch(size, n, d), f: make([]float64, size*n*d),
		u: make([]float64, size), step: make([]float64, size), kinetic: make([]float64, size),
		exp: make([]float64, size),
	}
}

func (m Replicas) mass(i int) float64 {
	if m.Masses == nil {
		return 1
	}
	return m.Masses[i]
}

// move follows one trajectory of each replica from (inclusive) to (exclusive), and accepts or
// rejects its end. It returns the number of evaluations of each replica.
func (m Replicas) move(t target.Target, r *ReplicaRun, from, to int, accepted []bool) int {
	w := newLeapfrog(to-from, r.X.N, r.X.D)
	defer leapfrogs.Put(w)
	copy(w.x.X, r.X.Slice(from, to).X)
	for i := range w.u {
		m.launch(w, i, m.generator(streamTrajectory, from+i, r.Round), m.Betas[(from+i)%r.Rungs], r.TimeStep)
	}
	steps := m.Least + m.generator(streamLength, from/replicaBlock, r.Round).IntN(m.Most-m.Least+1)
	forces := func() { target.Evaluate(t, w.x, w.u, w.f) }
	if rough, ok := t.(target.Rough); ok {
		forces = func() { rough.RoughForces(w.x, w.u, w.f) }
	}
	forces()
	m.kick(w, 0.5)
	for s := range steps {
		m.drift(w)
		forces()
		if s < steps-1 {
			m.kick(w, 1)
		}
	}
	m.kick(w, 0.5)
	for i := range w.u {
		particle.RemoveMean(w.x.At(i), w.x.D)
	}
	target.Evaluate(t, w.x, w.u, nil)
	for i, u := range w.u {
		cost := m.Betas[(from+i)%r.Rungs] * (u - r.U[from+i] + m.kineticEnergy(w, i) - w.kinetic[i])
		if accepted[from+i] = cost <= w.exp[i] && !math.IsInf(u, 0); accepted[from+i] {
			copy(r.X.At(from+i), w.x.At(i))
			r.U[from+i] = u
		}
	}
	return steps + 2
}

// launch draws the velocities of a replica, its time step, and the number that decides.
func (m Replicas) launch(w *leapfrog, i int, rng *rand.Rand, beta, timeStep float64) {
	v := w.v.At(i)
	for k := range v {
		v[k] = rng.NormFloat64() / math.Sqrt(beta*m.mass(k/w.v.D))
	}
	w.step[i] = timeStep * (0.85 + 0.3*rng.Float64())
	w.kinetic[i], w.exp[i] = m.kineticEnergy(w, i), rng.ExpFloat64()
}

func (m Replicas) kineticEnergy(w *leapfrog, i int) float64 {
	sum := 0.0
	for k, v := range w.v.At(i) {
		sum += 0.5 * m.mass(k/w.v.D) * v * v
	}
	return sum
}

// kick changes the velocities by the forces of a share of a step.
func (m Replicas) kick(w *leapfrog, share float64) {
	width := w.v.N * w.v.D
	for i, h := range w.step {
		v, f := w.v.At(i), w.f[i*width:(i+1)*width]
		for p := range w.v.N {
			s := share * h / m.mass(p)
			for k := p * w.v.D; k < (p+1)*w.v.D; k++ {
				v[k] += s * f[k]
			}
		}
	}
}

// drift moves the replicas by one step.
func (m Replicas) drift(w *leapfrog) {
	for i, h := range w.step {
		x, v := w.x.At(i), w.v.At(i)
		for k := range x {
			x[k] += h * v[k]
		}
	}
}
