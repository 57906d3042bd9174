package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/radial"
)

// tables is the engine of the kernel field in plain Go, by package radial. On the host it is
// several times as fast as the graphs, compiles nothing, and computes in float64. It passes to the
// graphs fields whose radial basis functions are too narrow for a table, and losses of the field.
type tables struct {
	Engine // the fallback
	Flow
	config flow.Continuous
	field  dynamics.RadialBasis
	flows  tabulated
}

// tabulated holds the flows of one field that have tables.
type tabulated struct {
	field radial.Field
	flows map[radialSpan]*radial.Flow
}

// radialSpan identifies a flow among the tabulated flows of one field.
type radialSpan struct {
	method string
	steps  int
	t0, t1 float64
}

// mostTabulated bounds the memory of the tables: a table of DW4 for 20 steps takes half a megabyte.
const mostTabulated = 64

// errCoarse marks a field that no table represents accurately.
var errCoarse = errors.New("eqflow: the radial basis functions are too narrow for a table")

func newTables(f Flow, fallback Engine) (Engine, error) {
	if obstacle := hostObstacle(f); obstacle != "" {
		return nil, errors.New(obstacle)
	}
	c := f.Config.(flow.Continuous).WithDefaults()
	k, ok := c.Field.(dynamics.RadialBasis)
	if !ok || k.PublishedSlope {
		return nil, fmt.Errorf("%T is not the kernel field with its exact slope", c.Field)
	}
	if !f.System.Relabelling.All() {
		return nil, errors.New("the particles are of several types")
	}
	return &tables{Engine: fallback, Flow: f, config: c, field: k.WithDefaults()}, nil
}

// String implements Engine.
func (e *tables) String() string { return "tables in Go" }

// Block implements Mapper.
func (e *tables) Block(_, _ int) int { return largestBlock }

// Map implements Mapper.
func (e *tables) Map(x particle.Batch, s Solve, progress Progress) (Image, error) {
	f, err := e.tabulate(s.withDefaults(e.config))
	if errors.Is(err, errCoarse) {
		return e.Engine.Map(x, s, progress)
	}
	if err != nil {
		return Image{}, err
	}
	out := Image{X: x.Clone().RemoveMean()}
	return out, forBlocks(x.Len(), largestBlock, progress, func(from, to int) error {
		images := f.Apply(out.X.Slice(from, to))
		copy(out.X.Slice(from, to).X, images.X.X)
		out.LogDet = append(out.LogDet, images.LogDet...)
		return nil
	})
}

// radialField returns the field with the parameters of a scope.
func (e *tables) radialField(scope string) (radial.Field, error) {
	parameters := radial.NewParameters(e.field.Centres, e.field.TimeCentres)
	f := radial.Field{RadialBasis: e.field, D: e.System.D, Parameters: parameters}
	return f, e.Parameters.forEach(scope, func(name string, numbers []float32) {
		values := f.ByName(name)
		for j := range values {
			values[j] = float64(numbers[j])
		}
	})
}

// tabulate returns the tabulated flow of a solve. It reuses the flow of an earlier call with the
// same parameters. It returns errCoarse where no table represents the field.
func (e *tables) tabulate(s Solve) (*radial.Flow, error) {
	field, err := e.radialField(e.Parameters.Scope)
	if err != nil {
		return nil, err
	}
	if !sameParameters(field.Parameters, e.flows.field.Parameters) || len(e.flows.flows) > mostTabulated {
		e.flows = tabulated{field, map[radialSpan]*radial.Flow{}}
	}
	key := radialSpan{s.Method.Name, s.Steps, s.T0, s.T1}
	if f, ok := e.flows.flows[key]; ok {
		return f, nil
	}
	f, err := radial.NewFlow(field, ode.Span{Method: s.Method, Steps: s.Steps, T0: s.T0, T1: s.T1})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCoarse, err)
	}
	e.flows.flows[key] = f
	return f, nil
}

func sameParameters(a, b radial.Parameters) bool {
	return slices.Equal(a.Weights, b.Weights) && slices.Equal(a.Bias, b.Bias) &&
		slices.Equal(a.Importance, b.Importance) && slices.Equal(a.NegLogWidths, b.NegLogWidths) &&
		slices.Equal(a.NegLogTimeWidths, b.NegLogTimeWidths)
}

// Velocity implements Field, in float64.
func (e *tables) Velocity(x particle.Batch, t []float64) (particle.Batch, error) {
	v, _, err := e.Divergence(x, t, nil)
	return v, err
}

// Divergence implements Field, in float64 and without a table.
func (e *tables) Divergence(x particle.Batch, t []float64, probes Probes) (particle.Batch, []float64, error) {
	if len(probes) > 0 {
		return e.Engine.Divergence(x, t, probes)
	}
	field, err := e.radialField(e.Parameters.Scope)
	if err != nil {
		return particle.Batch{}, nil, err
	}
	v, div := field.Rate(x, t)
	return v, div, nil
}

// Gradient implements Learner.
func (e *tables) Gradient(l Loss, in Inputs) (float64, dataset.Arrays, error) {
	if mapLoss, ok := l.(MapLoss); ok {
		loss, gradient, err := e.gradient(mapLoss, in)
		if !errors.Is(err, errCoarse) {
			return loss, gradient, err
		}
	}
	return e.Engine.Gradient(l, in)
}

// NewStep implements Learner.
func (e *tables) NewStep(l Loss, u Update) (Step, error) {
	fallbackStep, fallbackErr := e.Engine.NewStep(l, u)
	mapLoss, ok := l.(MapLoss)
	if !ok {
		return fallbackStep, fallbackErr
	}
	gradient := func(in Inputs) (float64, dataset.Arrays, error) { return e.gradient(mapLoss, in) }
	hostStep, err := e.hostStep(gradient, u)
	if err != nil {
		return nil, err
	}
	return func(in Inputs, numbers ...float32) (float64, error) {
		loss, err := hostStep(in, numbers...)
		if !errors.Is(err, errCoarse) {
			return loss, err
		}
		if fallbackErr != nil {
			return 0, errors.Join(err, fallbackErr)
		}
		return fallbackStep(in, numbers...)
	}, nil
}

// gradient returns a loss and its gradient without a graph.
func (e *tables) gradient(l MapLoss, in Inputs) (loss float64, gradient dataset.Arrays, err error) {
	field, err := e.radialField(ScopeFlow)
	if err != nil {
		return 0, nil, err
	}
	sum := radial.NewParameters(e.field.Centres, e.field.TimeCentres)
	for _, term := range l.AtImages(in) {
		span := ode.Span{Method: e.config.Solver, Steps: e.config.Steps, T0: term.From, T1: 1 - term.From}
		flow, err := radial.NewFlow(field, span)
		if err != nil {
			return 0, nil, fmt.Errorf("%w: %w", errCoarse, err)
		}
		tape := flow.Record(term.X)
		images := tape.Images
		value, g := term.Loss(Image{X: images.X, LogDet: images.LogDet, Penalty: images.Penalty})
		loss += term.Share * value
		sum.Add(term.Share, tape.Pull(radial.Images{X: g.X, LogDet: g.LogDet, Penalty: g.Penalty}))
		flow.Release()
	}
	names, variables := e.Parameters.List(ScopeFlow)
	for k, name := range names {
		gradient = append(gradient, dataset.Float64(name, sum.ByName(name), variables[k].Shape().Dimensions...))
	}
	return loss, gradient, nil
}
