package eqflow

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/egnn"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// hostLoss is the objective, as loss builds it in a graph, with its gradient by the parameters in use in their order, from packages radial
// and egnn. ok is false where the graph is to be used.
func (m *Model) hostLoss(s Settings, in Inputs) (loss float64, gradient dataset.Arrays, ok bool, err error) {
	names, variables := m.parameters(scopeFlow)
	if loss, byName, ok, err := m.radialLoss(s, in); ok || err != nil {
		for k, name := range names {
			gradient = append(gradient, dataset.Float64(name, byName.ByName(name), variables[k].Shape().Dimensions...))
		}
		return loss, gradient, ok, err
	}
	field, ok, err := m.egnnField(s)
	if !ok || err != nil {
		return 0, nil, ok, err
	}
	x, want := s.regression(in)
	loss, all := field.Match(x, want, in.T)
	for k, name := range names {
		gradient = append(gradient, dataset.Float32(name, field.Part(all, name), variables[k].Shape().Dimensions...))
	}
	return loss, gradient, true, nil
}

// ownSolve tells whether the model's flow is continuous, of particles all alike, and computed in the host's own memory.
func (m *Model) ownSolve() (c flow.Continuous, ok bool) {
	if c, ok = m.Flow.(flow.Continuous); !ok || c.Unrolled || m.inGraphs || m.devices > 1 || !m.backend.HasSharedBuffers() {
		return c, false
	}
	return c.WithDefaults(), target.RelabellingOf(m.Target).All()
}

// egnnField is the model's EGNN with the parameters in use, if it has one whose regression is for C.
func (m *Model) egnnField(s Settings) (f egnn.Field, ok bool, err error) {
	c, ok := m.ownSolve()
	if !ok || s.Objective != FlowMatching && s.Objective != Annealed {
		return f, false, nil
	}
	config, ok := c.Field.(dynamics.EGNN)
	if !ok {
		return f, false, nil
	}
	if f, ok = egnn.New(config, m.Prior.N, m.Prior.D); !ok {
		return f, false, nil
	}
	names, variables := m.parameters(scopeFlow)
	for k, v := range variables {
		value, err := v.Value()
		if err != nil {
			return f, false, fmt.Errorf("eqflow: cannot read parameter %s: %w", v.Path(), err)
		}
		err = tensors.ConstFlatData(value, func(from []float32) { copy(f.Part(f.Parameters, names[k]), from) })
		if err != nil {
			return f, false, fmt.Errorf("eqflow: cannot read parameter %s: %w", v.Path(), err)
		}
	}
	return f, true, nil
}

// regression is where matchingLoss looks at the field, and what it wants there.
func (s Settings) regression(in Inputs) (place, want particle.Batch) {
	place, want = particle.NewBatch(in.X.Len(), in.X.N, in.X.D), particle.NewBatch(in.X.Len(), in.X.N, in.X.D)
	for i, t := range in.T {
		x, z, at, w := in.X.At(i), in.Z.At(i), place.At(i), want.At(i)
		for c := range x {
			at[c] = (1-t)*z[c] + t*x[c]
			w[c] = x[c] - z[c]
		}
		if !s.usesForces() {
			continue
		}
		stiff := in.Stiffness * (1 - t) * (1 - t)
		for c, slope := range in.Slopes.At(i) {
			w[c] = (stiff*w[c] + t*at[c] - (1-t)*slope) / (t*t + stiff)
		}
	}
	return place, want
}
