package eqflow

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// Generator describes a Boltzmann generator: the target, and the flow from the mean-free normal
// prior to the target.
type Generator struct {
	Target target.Target
	Flow   flow.Config // default flow.Continuous{}: the kernel field through RK4
	Seed   uint64      // draws the first parameters
	Engine engine.Kind // kind of the engine that computes the flow; default engine.Default()
}

// Validate returns an error that names what is missing or out of range.
func (g Generator) Validate() error {
	if g.Target == nil {
		return fmt.Errorf("eqflow: the generator has no target; set Target, for example target.DW4()")
	}
	if g.Flow == nil {
		return nil
	}
	if _, ok := g.Flow.(flow.Coupling); ok && target.DegreesOfFreedom(g.Target) < 2 {
		return fmt.Errorf("%w: a coupling flow splits the coordinates, and %s has one without its centre; "+
			"choose a continuous flow, such as kernel", engine.ErrChoice, g.Target.Name())
	}
	return g.Flow.Validate()
}

// FlowFor returns a flow by its name (flow.Names). The lengths of the EGNN and one-hop fields suit
// the target: DW4, a Lennard-Jones cluster, or a molecule. The kernel field has no lengths for a
// molecule.
func FlowFor(name string, t target.Target) (flow.Config, error) {
	if _, ok := t.(*ensemble.Canonical); ok && name == "kernel" {
		return nil, fmt.Errorf("eqflow: the kernel field's centres lie up to 8 units of length apart, and the bonds "+
			"of %s are 0.1 nm; choose --flow egnn or onehop, which treat each atom by its role", t.Name())
	}
	if rm, ok := target.PairMinimum(t); ok {
		return flow.ForCluster(name, rm)
	}
	return flow.Named(name)
}

// Model is a generator on a backend: the target p, and the density q with its parameters and its
// engine. It is not safe for concurrent use; models on different backends can run side by side.
type Model struct {
	Generator
	*density.Pushforward
	training train.State
	sampled  func(density.Samples) // as WhenSampled says
}

// New creates a model with the parameters that the generator's seed draws.
func New(backend compute.Backend, g Generator) (*Model, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if g.Flow == nil {
		g.Flow = flow.Continuous{}
	}
	system := flow.System{
		N: g.Target.Particles(), D: g.Target.Dim(), Relabelling: target.RelabellingOf(g.Target), Seed: g.Seed,
	}
	q, err := density.New(backend, g.Flow, system, g.Engine)
	if err != nil {
		return nil, err
	}
	return &Model{Generator: g, Pushforward: q}, nil
}

// String says what the model generates, and how far it is trained.
func (m *Model) String() string {
	system := fmt.Sprintf("a generator of %s: %d particles in %d dimensions, ",
		m.Target.Name(), m.Target.Particles(), m.Target.Dim())
	if m.training.Steps == 0 {
		return system + "not trained"
	}
	return system + "trained: " + m.training.History.String()
}

// Trained returns the number of training steps that the model has taken.
func (m *Model) Trained() int { return m.training.Steps }

// Checked reports whether the parameters were held against a checksum. Files of earlier versions
// have none.
func (m *Model) Checked() bool { return !m.training.Unchecked }

// Sample draws n configurations with their energies and log-weights. The same seed gives the same
// draws.
func (m *Model) Sample(n int, seed uint64) (density.Samples, error) {
	s, err := m.SampleSteps(n, seed, 0)
	if err == nil && m.sampled != nil {
		m.sampled(s)
	}
	return s, err
}

// WhenSampled makes Sample call f with what it has drawn, until Train or Import change the
// parameters. A session keeps the estimates from the samples on the model's card.
func (m *Model) WhenSampled(f func(density.Samples)) { m.sampled = f }

// SampleSteps is Sample with the flow solved in the given number of steps (0: as trained).
func (m *Model) SampleSteps(n int, seed uint64, steps int) (density.Samples, error) {
	image, err := m.Draw(n, seed, steps)
	if err != nil {
		return density.Samples{}, err
	}
	return image.Weigh(m.Target), nil
}

// Set returns samples as the content of a file.
func (m *Model) Set(s density.Samples, seed uint64) (dataset.Set, error) {
	return s.Set(m.Target, m.Divergence(), seed)
}

// Export returns the parameters by their names in the flow, such as "weights" of the kernel field.
// It is for other programs.
func (m *Model) Export() (dataset.Arrays, error) { return m.Parameters().Export() }

// Import sets every parameter to the float32 array of its name, as Export names it. It ignores
// other arrays.
func (m *Model) Import(from dataset.Arrays) error {
	m.sampled = nil
	return m.Parameters().Import(from)
}

// subject returns the model as package train needs it.
func (m *Model) subject() train.Subject {
	return train.Subject{Target: m.Target, Flow: m.Flow, Seed: m.Seed, Density: m.Pushforward, State: &m.training}
}

// Train fits the model. It ends when the model has taken Settings.Steps steps, steps of earlier
// calls included. If ctx ends first, Train keeps the work and returns an error that wraps ctx's
// error. At the first loss that is not finite it returns an error that says so.
func (m *Model) Train(ctx context.Context, data train.Data, run train.Run) (train.History, error) {
	m.sampled = nil
	return m.subject().Train(ctx, data, run)
}

// Loss returns an objective at given inputs, as Train builds it, and its gradient by each
// parameter, under Export's names. It is for comparisons with other programs.
func (m *Model) Loss(s train.Settings, in engine.Inputs) (loss float64, gradient dataset.Arrays, err error) {
	return m.subject().Loss(s, in)
}

// candidate returns the model as package evaluate needs it.
func (m *Model) candidate() evaluate.Candidate {
	seconds, energies := m.training.History.Total()
	return evaluate.Candidate{
		Sampler: m, Target: m.Target, Method: m.Divergence().Method(), Backend: m.Backend().Name(), Watch: m.Watched,
		Origin: evaluate.Origin{
			Flow: flow.NameOf(m.Flow), Engine: m.ComputedBy().String(), Parameters: m.Parameters().Count(),
			TrainingSteps: m.Trained(), TrainingSeconds: seconds, TrainingEnergies: energies,
		},
	}
}

// Evaluate scores data, draws samples, and judges both.
func (m *Model) Evaluate(data particle.Batch, o evaluate.Options) (evaluate.Report, error) {
	return m.candidate().Evaluate(data, o)
}

// CheckNLL scores data at n, 2n and 4n solver steps, and judges whether the NLL is trustworthy.
func (m *Model) CheckNLL(data particle.Batch, equilibrium bool) (evaluate.Check, error) {
	return m.candidate().CheckNLL(data, equilibrium)
}
