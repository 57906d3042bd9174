package engine

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/cpu"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/egnn"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// network is the engine of the EGNN in C, by package egnn. It passes losses that need the gradient
// of a whole solve to the graphs.
type network struct {
	Engine // the fallback
	Flow
	config flow.Continuous

	mutex   sync.Mutex
	field   egnn.Field // with the parameters of scope at version
	scope   string
	version int
}

func newNetwork(f Flow, fallback Engine) (Engine, error) {
	if obstacle := hostObstacle(f); obstacle != "" {
		return nil, errors.New(obstacle)
	}
	c := f.Config.(flow.Continuous).WithDefaults()
	config, ok := c.Field.(dynamics.EGNN)
	if !ok {
		return nil, fmt.Errorf("%T is not the EGNN", c.Field)
	}
	if _, ok := egnn.New(config, f.System.N, f.System.D, f.System.Relabelling); !ok {
		return nil, errors.New("the EGNN in C needs cgo, a processor with AVX2, and layers of a width that it supports")
	}
	return &network{Engine: fallback, Flow: f, config: c, version: -1}, nil
}

// String implements Engine.
func (e *network) String() string {
	if cpu.X86.HasAVX512F {
		return "C, AVX-512"
	}
	return "C, AVX2"
}

// Block implements Mapper.
func (e *network) Block(_, _ int) int { return egnn.BlockSize() }

// fieldOf returns the field with the parameters of a scope. It reads the parameters only after they
// have changed.
func (e *network) fieldOf(scope string) (egnn.Field, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.scope == scope && e.version == e.Parameters.version {
		return e.field, nil
	}
	field, _ := egnn.New(e.config.Field.(dynamics.EGNN), e.System.N, e.System.D, e.System.Relabelling)
	if err := e.Parameters.forEach(scope, field.Set); err != nil {
		return field, err
	}
	e.field, e.scope, e.version = field, scope, e.Parameters.version
	return field, nil
}

// Map implements Mapper.
func (e *network) Map(x particle.Batch, s Solve, progress Progress) (Image, error) {
	field, err := e.fieldOf(e.Parameters.Scope)
	if err != nil {
		return Image{}, err
	}
	s = s.withDefaults(e.config)
	span := ode.Span{Method: s.Method, Steps: s.Steps, T0: s.T0, T1: s.T1}
	out := Image{X: x.Clone().RemoveMean()}
	return out, forBlocks(x.Len(), egnn.BlockSize(), progress, func(from, to int) error {
		part := out.X.Slice(from, to)
		vectors := egnn.NoVectors(part.Len())
		if !s.NoDensity {
			vectors = egnn.Vectors(s.Divergence.Vectors(part))
		}
		images := field.Apply(span, part, vectors)
		copy(part.X, images.X.X)
		if s.NoDensity {
			return nil
		}
		logDet, errors := divergences(images.Products, s.Divergence.Probes, e.free())
		out.LogDet, out.LogDetError = append(out.LogDet, logDet...), append(out.LogDetError, errors...)
		return nil
	})
}

// free returns the dimension of the mean-free subspace.
func (e *network) free() int { return (e.System.N - 1) * e.System.D }

// Velocity implements Field.
func (e *network) Velocity(x particle.Batch, t []float64) (particle.Batch, error) {
	field, err := e.fieldOf(e.Parameters.Scope)
	if err != nil {
		return particle.Batch{}, err
	}
	v, _ := field.Rate(x, t, egnn.NoVectors(x.Len()))
	return v, nil
}

// Divergence implements Field.
func (e *network) Divergence(x particle.Batch, t []float64, probes Probes) (particle.Batch, []float64, error) {
	field, err := e.fieldOf(e.Parameters.Scope)
	if err != nil {
		return particle.Batch{}, nil, err
	}
	v, products := field.Rate(x, t, egnn.Vectors(probes))
	div, _ := divergences(products, probes.count(x.N*x.D), e.free())
	return v, div, nil
}

// DivergenceGradient implements Field.
func (e *network) DivergenceGradient(x particle.Batch, t []float64) ([]float64, particle.Batch, error) {
	field, err := e.fieldOf(e.Parameters.Scope)
	if err != nil {
		return nil, particle.Batch{}, err
	}
	div, gradient := field.Divergence(x, t)
	return div, gradient, nil
}

// Pull implements Field.
func (e *network) Pull(x particle.Batch, t []float64, cotangents particle.Batch) (particle.Batch, error) {
	field, err := e.fieldOf(e.Parameters.Scope)
	if err != nil {
		return particle.Batch{}, err
	}
	return field.Pull(x, cotangents, t), nil
}

// Gradient implements Learner.
func (e *network) Gradient(l Loss, in Inputs) (float64, dataset.Arrays, error) {
	if fieldLoss, ok := l.(FieldLoss); ok {
		return e.gradient(fieldLoss, in)
	}
	return e.Engine.Gradient(l, in)
}

// NewStep implements Learner.
func (e *network) NewStep(l Loss, u Update) (Step, error) {
	if fieldLoss, ok := l.(FieldLoss); ok {
		gradient := func(in Inputs) (float64, dataset.Arrays, error) { return e.gradient(fieldLoss, in) }
		return e.hostStep(gradient, u)
	}
	return e.Engine.NewStep(l, u)
}

// gradient returns a loss and its gradient without a graph.
func (e *network) gradient(l FieldLoss, in Inputs) (loss float64, gradient dataset.Arrays, err error) {
	field, err := e.fieldOf(ScopeFlow)
	if err != nil {
		return 0, nil, err
	}
	term := l.AtField(in)
	var all []float32
	if term.Want.Len() > 0 {
		loss, all = field.Match(term.X, term.Want, term.T)
	} else {
		loss, all = term.Value, field.PullParameters(term.X, term.Cotangents, term.T)
	}
	names, variables := e.Parameters.List(ScopeFlow)
	for k, name := range names {
		shape := variables[k].Shape().Dimensions
		gradient = append(gradient, dataset.Float32(name, field.GradientOf(name, all), shape...))
	}
	return loss, gradient, nil
}
