package eqflow

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/egnn"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
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
	if s.Objective != FlowMatching && s.Objective != Annealed && !m.usesPathGradients(s) {
		return 0, nil, false, nil
	}
	field, ok, err := m.egnnField(scopeFlow)
	if !ok || err != nil {
		return 0, nil, ok, err
	}
	var all []float32
	if m.usesPathGradients(s) { // as pathLoss has it
		loss, all = in.Value, field.PullParameters(in.X, in.Slopes, in.T)
	} else {
		x, want := s.regression(in)
		loss, all = field.Match(x, want, in.T)
	}
	for k, name := range names {
		gradient = append(gradient, dataset.Float32(name, field.GradientOf(name, all), variables[k].Shape().Dimensions...))
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

// egnnField is the model's EGNN with the parameters of a scope, if it has one that is for C.
func (m *Model) egnnField(scope string) (f egnn.Field, ok bool, err error) {
	if f, ok = m.newEGNN(); !ok {
		return f, false, nil
	}
	names, variables := m.parameters(scope)
	for k, v := range variables {
		value, err := v.Value()
		if err != nil {
			return f, false, fmt.Errorf("eqflow: cannot read parameter %s: %w", v.Path(), err)
		}
		err = tensors.ConstFlatData(value, func(from []float32) { f.Set(names[k], from) })
		if err != nil {
			return f, false, fmt.Errorf("eqflow: cannot read parameter %s: %w", v.Path(), err)
		}
	}
	return f, true, nil
}

// forHost tells whether the model has a flow that package radial or egnn solves, as long as no table is too coarse.
func (m *Model) forHost() bool {
	_, _, kernel := m.kernelFlow()
	_, network := m.newEGNN()
	return kernel || network
}

// newEGNN is the model's EGNN without its parameters.
func (m *Model) newEGNN() (f egnn.Field, ok bool) {
	c, ok := m.ownSolve()
	if !ok {
		return f, false
	}
	config, ok := c.Field.(dynamics.EGNN)
	if !ok {
		return f, false
	}
	return egnn.New(config, m.Prior.N, m.Prior.D)
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

// hostFlow is the model's flow from package radial or egnn, of a block of configurations, and how many it takes at a time. Errors are nil
// where the divergence is exact, or of one probe.
type hostFlow struct {
	apply func(particle.Batch) (image particle.Batch, logDet, errors []float64)
	block int
}

// hostFlow returns the model's flow on the host, with densities or without, where they cost something. ok is false where the graphs are
// to be used.
func (m *Model) hostFlow(s span, densities bool) (f hostFlow, ok bool, err error) {
	c, ok := m.ownSolve()
	if !ok {
		return f, false, nil
	}
	if s.steps == 0 {
		s.steps = c.Steps
	}
	if s.method != "" {
		if c.Solver, err = ode.ByName(s.method); err != nil {
			return f, false, err
		}
	}
	if flow, err := m.radialFlow(s, c.Solver); flow != nil || err != nil {
		return hostFlow{func(x particle.Batch) (particle.Batch, []float64, []float64) {
			images := flow.Apply(x)
			return images.X, images.LogDet, nil
		}, largestBlock}, err == nil, err
	}
	field, ok, err := m.egnnField(m.scope)
	solve := ode.Span{Method: c.Solver, Steps: s.steps, T0: s.t0, T1: s.t1}
	return hostFlow{func(x particle.Batch) (particle.Batch, []float64, []float64) {
		if !densities {
			return field.Apply(solve, x, egnn.NoVectors(x.Len())).X, nil, nil
		}
		images := field.Apply(solve, x, m.estimate.vectorsOf(x))
		logDet, errors := m.estimate.sum(images.Products, m.Prior.DegreesOfFreedom())
		return images.X, logDet, errors
	}, egnn.BlockSize()}, ok, err
}

// applyOnHost maps configurations, means removed, block by block: LogQ is log|det|. ok is false where the graphs are to be used.
func (m *Model) applyOnHost(what string, s span, densities bool, x particle.Batch) (out Image, ok bool, err error) {
	f, ok, err := m.hostFlow(s, densities)
	if !ok || err != nil {
		return out, false, err
	}
	if err := m.fits(x); err != nil {
		return out, true, err
	}
	out.X = x.Clone().RemoveMean()
	for from := 0; from < x.Len(); from += f.block {
		to := min(from+f.block, x.Len())
		block, logDet, errors := f.apply(out.X.Slice(from, to))
		copy(out.X.Slice(from, to).X, block.X)
		out.LogQ, out.LogQError = append(out.LogQ, logDet...), append(out.LogQError, errors...)
		if err := m.passed(what, to, x.Len()); err != nil {
			return out, true, err
		}
	}
	return out, true, nil
}
