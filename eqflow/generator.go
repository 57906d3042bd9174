package eqflow

import (
	"fmt"

	"github.com/gomlx/compute"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Generator describes a Boltzmann generator: the target, and the flow from the mean-free normal prior to it.
type Generator struct {
	Target target.Target
	Flow   flow.Config // default flow.Continuous{}: the kernel field through RK4
	Seed   uint64      // of the first parameters
	Engine engine.Kind // what computes the flow; default engine.Auto
}

// Validate returns an error that names what is missing or out of range.
func (g Generator) Validate() error {
	if g.Target == nil {
		return fmt.Errorf("eqflow: the generator has no target; set Target, for example target.DW4()")
	}
	if g.Flow == nil {
		return nil
	}
	return g.Flow.Validate()
}

// FlowFor returns a flow by its name (flow.Names), with the lengths of the rich fields set to suit the target: DW4's, or
// those of a Lennard-Jones cluster.
func FlowFor(name string, t target.Target) (flow.Config, error) {
	if rm, ok := target.PairMinimum(t); ok {
		return flow.ForCluster(name, rm)
	}
	return flow.Named(name)
}

// Model is a generator on a backend: the target p, and the density q with its parameters and the engine that computes it. It
// is not safe for concurrent use; models on backends of their own run side by side.
type Model struct {
	Generator
	*density.Pushforward
	training State
}

// New creates the model with the parameters that the generator's seed draws.
func New(backend compute.Backend, g Generator) (*Model, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if g.Flow == nil {
		g.Flow = flow.Continuous{}
	}
	system := flow.System{N: g.Target.Particles(), D: g.Target.Dim(), Relabelling: target.RelabellingOf(g.Target), Seed: g.Seed}
	q, err := density.New(backend, g.Flow, system, g.Engine)
	if err != nil {
		return nil, err
	}
	return &Model{Generator: g, Pushforward: q}, nil
}

// Trained is the number of training steps that the parameters have behind them.
func (m *Model) Trained() int { return m.training.Steps }

// Sample draws n configurations, the same for the same seed, with their energies and log-weights.
func (m *Model) Sample(n int, seed uint64) (density.Samples, error) { return m.SampleSteps(n, seed, 0) }

// SampleSteps is Sample with the flow solved in the given number of steps (0: as trained).
func (m *Model) SampleSteps(n int, seed uint64, steps int) (density.Samples, error) {
	image, err := m.Draw(n, seed, steps)
	if err != nil {
		return density.Samples{}, err
	}
	return image.Weigh(m.Target), nil
}

// Set is samples as a file keeps them.
func (m *Model) Set(s density.Samples, seed uint64) (dataset.Set, error) {
	return s.Set(m.Target, m.Divergence(), seed)
}

// Export returns the parameters by their names in the flow, such as "weights" of the kernel field, for other programs.
func (m *Model) Export() (dataset.Arrays, error) { return m.Parameters().Export() }

// Import sets every parameter to the float32 array of its name, as Export names it. It ignores further arrays.
func (m *Model) Import(from dataset.Arrays) error { return m.Parameters().Import(from) }
