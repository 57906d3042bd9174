package eqflow

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/radial"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// radialLoss is the objective, as loss builds it in a graph, with its gradient by the parameters in use, in plain Go. ok is
// false where the graph is to be used.
func (m *Model) radialLoss(s Settings, in Inputs) (loss float64, gradient radial.Parameters, ok bool, err error) {
	c, k, ok := m.kernelFlow()
	if !ok || s.matches() || s.Path { // which graphs do
		return 0, gradient, false, nil
	}
	field, err := m.radialField(k, scopeFlow)
	if err != nil {
		return 0, gradient, false, err
	}
	gradient = radial.NewParameters(k.Centres, k.TimeCentres)
	for _, part := range m.radialParts(s, in) {
		flow, err := radial.NewFlow(field, ode.Span{Method: c.Solver, Steps: c.Steps, T0: part.from, T1: 1 - part.from})
		if err != nil {
			return 0, gradient, false, nil // no table holds this field: the graphs do
		}
		tape := flow.Record(part.x)
		value, cotangents := part.loss(tape.Images)
		loss += part.share * value
		gradient.Add(part.share, tape.Pull(cotangents))
		flow.Release()
	}
	return loss, gradient, true, nil
}

// radialPart is a part of an objective: a loss of the images of x under the flow from one end, with its cotangents.
type radialPart struct {
	share, from float64
	x           particle.Batch
	loss        func(radial.Images) (float64, radial.Images)
}

func (m *Model) radialParts(s Settings, in Inputs) []radialPart {
	likelihood := radialPart{1, 1, in.X, func(z radial.Images) (float64, radial.Images) { return m.radialLikelihood(s, in.X, z) }}
	energy := radialPart{1, 0, in.Z, func(x radial.Images) (float64, radial.Images) { return m.radialEnergy(s, x) }}
	switch s.Objective {
	case Energy:
		return []radialPart{energy}
	case Mixture:
		energy.share, likelihood.share = s.EnergyShare, 1-s.EnergyShare
		return []radialPart{energy, likelihood}
	default:
		return []radialPart{likelihood}
	}
}

// radialLikelihood is likelihoodLoss in plain Go: of the images z of data x.
func (m *Model) radialLikelihood(s Settings, x particle.Batch, z radial.Images) (loss float64, g radial.Images) {
	size := x.Len()
	loss, g = penalisedInGo(s, z)
	logW, gLogQ := make([]float64, size), make([]float64, size)
	if s.Renyi > 0 {
		logW = m.energies(x)
	}
	for i := range size {
		logQ := m.Prior.LogDensity(z.X.At(i)) + z.LogDet[i]
		loss -= logQ / float64(size)
		gLogQ[i] = -1 / float64(size)
		logW[i] = -logW[i] - logQ
	}
	if s.Renyi > 0 {
		renyi, share := logMeanExp(logW)
		loss += s.Renyi * renyi
		for i := range gLogQ {
			gLogQ[i] -= s.Renyi * share[i]
		}
	}
	for i, gq := range gLogQ {
		g.LogDet[i] = gq
		for c, v := range z.X.At(i) {
			g.X.At(i)[c] = -gq * v
		}
	}
	return loss, g
}

// logMeanExp returns ln⟨exp v⟩ and its derivative by each v.
func logMeanExp(v []float64) (value float64, share []float64) {
	top, sum := math.Inf(-1), 0.0
	for _, x := range v {
		top = math.Max(top, x)
	}
	share = make([]float64, len(v))
	for i, x := range v {
		share[i] = math.Exp(x - top)
		sum += share[i]
	}
	for i := range share {
		share[i] /= sum
	}
	return top + math.Log(sum/float64(len(v))), share
}

// radialEnergy is energyLoss in plain Go: of the images x of prior draws.
func (m *Model) radialEnergy(s Settings, x radial.Images) (loss float64, g radial.Images) {
	size := float64(x.X.Len())
	loss, g = penalisedInGo(s, x)
	energies, forces := make([]float64, x.X.Len()), particle.NewBatch(x.X.Len(), x.X.N, x.X.D)
	inParallel(target.Concurrency(m.Target), x.X.Len(), func(i int) {
		energies[i] = m.Target.EnergyForces(x.X.At(i), forces.At(i))
	})
	for i, u := range energies {
		u, slope := tame(u, s.EnergyCut)
		loss += (u - x.LogDet[i]) / size
		g.LogDet[i] = -1 / size
		if slope == 0 { // particles on top of each other
			continue
		}
		for c, f := range forces.At(i) {
			g.X.At(i)[c] = -slope * f / size
		}
	}
	return loss, g
}

// penalisedInGo returns the penalty's share of a loss, and cotangents that hold that of the penalties alone.
func penalisedInGo(s Settings, images radial.Images) (loss float64, g radial.Images) {
	size := images.X.Len()
	g = radial.Images{X: particle.NewBatch(size, images.X.N, images.X.D), LogDet: make([]float64, size), Penalty: make([]float64, size)}
	if s.Penalty <= 0 {
		return 0, g
	}
	for i, p := range images.Penalty {
		loss += s.Penalty * p / float64(size)
		g.Penalty[i] = s.Penalty / float64(size)
	}
	return loss, g
}
