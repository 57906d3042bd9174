// Package density holds q, the density of a prior's draws pushed through a flow: sampling, scoring,
// trajectories, and importance weights.
//
// density.go maps configurations and scores them, samples.go draws and weighs them, path.go follows
// them along the flow, adaptive.go scores them by a solver that chooses its own steps, and noise.go
// describes the effect of an estimated divergence on log q.
package density

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
)

// Pushforward is the density q of the prior's draws pushed through a flow. It is not safe for
// concurrent use; densities on different backends can run side by side.
type Pushforward struct {
	Prior      prior.MeanFree
	flow       engine.Flow
	kind       engine.Kind
	engine     engine.Engine
	divergence engine.Divergence
	watch      func(done, total int) error
}

// New binds a flow to a system and chooses the engine that computes it. The system's seed draws the
// first parameters.
func New(backend compute.Backend, c flow.Config, system flow.System, kind engine.Kind) (*Pushforward, error) {
	q := &Pushforward{
		Prior: prior.MeanFree{N: system.N, D: system.D}, kind: kind,
		flow: engine.Flow{Config: c, System: system, Backend: backend, Parameters: engine.NewParameters(), Devices: 1},
	}
	return q, q.chooseEngine()
}

// chooseEngine chooses the engine for the flow as it is.
func (q *Pushforward) chooseEngine() (err error) {
	q.engine, err = engine.New(q.kind, q.flow)
	return err
}

// Compile compiles a function of the bound flow and of further inputs.
func (q *Pushforward) Compile(function func(f flow.Bijection, inputs []*graph.Node) []*graph.Node) (
	*model.Exec, error) {
	return q.flow.Compile(function)
}

// ComputedBy returns the engine that computes the flow.
func (q *Pushforward) ComputedBy() engine.Engine { return q.engine }

// Parameters returns the flow's parameters.
func (q *Pushforward) Parameters() *engine.Parameters { return q.flow.Parameters }

// Backend returns the backend that computes the graphs.
func (q *Pushforward) Backend() compute.Backend { return q.flow.Backend }

// OnHost reports whether the backend computes in the host's own memory, with the host's processors.
func (q *Pushforward) OnHost() bool { return q.flow.Backend.HasSharedBuffers() }

// Devices returns the number of devices that share every batch.
func (q *Pushforward) Devices() int { return q.flow.Devices }

// Block returns the number of configurations that the engine maps at a time, of a batch of the
// given length.
func (q *Pushforward) Block(length int) int {
	devices := q.flow.Devices
	return devices * q.engine.Block((length+devices-1)/devices, q.divergence.Probes)
}

// Share spreads all later work over the first devices of the backend. Each device holds all
// parameters and takes an equal part of every batch. The results equal those of one device up to
// rounding. The batch size of a training must be a multiple of the number of devices.
func (q *Pushforward) Share(devices int) error {
	if have := q.flow.Backend.NumDevices(); devices < 1 || devices > have {
		return fmt.Errorf("eqflow: cannot share the work among %d devices of a backend that has %d; "+
			"open it with xla.OpenDevices", devices, have)
	}
	if devices == q.flow.Devices {
		return nil
	}
	q.flow.Devices = devices
	return q.chooseEngine()
}

// Watch lets ctx end all later computations over many configurations. They end between blocks, with
// ctx's error. report, which may be nil, receives the number of configurations that are done.
func (q *Pushforward) Watch(ctx context.Context, report func(done, total int)) {
	q.watch = func(done, total int) error {
		if report != nil {
			report(done, total)
		}
		return context.Cause(ctx)
	}
}

// During calls do with ctx as the watch, and restores the earlier watch.
func (q *Pushforward) During(ctx context.Context, do func() error) error {
	before := q.watch
	defer func() { q.watch = before }()
	q.Watch(ctx, nil)
	return do()
}

// Watched passes the progress of a computation to the watch. It returns an error if the computation
// must end.
func (q *Pushforward) Watched(done, total int) error {
	if q.watch == nil {
		return nil
	}
	return q.watch(done, total)
}

// progress returns the watch of a named computation over a number of configurations.
func (q *Pushforward) progress(computation string, total int) engine.Progress {
	return func(done int) error {
		if err := q.Watched(done, total); err != nil {
			return fmt.Errorf("eqflow: %s stopped after %d of %d configurations: %w", computation, done, total, err)
		}
		return nil
	}
}

// Using calls do with the parameters of another scope, and restores the scope.
func (q *Pushforward) Using(scope string, do func() error) error {
	parameters := q.flow.Parameters
	before := parameters.Scope
	defer func() { parameters.Scope = before }()
	parameters.Scope = scope
	return do()
}

// SetDivergence selects how later sampling and scoring compute the divergence. Training needs the
// exact divergence. Only fields whose exact divergence is expensive take probes: dynamics.EGNN,
// dynamics.MLP, and fields of your own that implement dynamics.Probed.
func (q *Pushforward) SetDivergence(d engine.Divergence) error {
	if d.Probes < 0 {
		return fmt.Errorf("eqflow: %d probes for the divergence; give 0 for the exact one, or at least 1", d.Probes)
	}
	if d.Probes == 0 {
		q.divergence = engine.Divergence{}
		return nil
	}
	if exact := q.Prior.DegreesOfFreedom(); d.Probes >= exact {
		return fmt.Errorf("eqflow: %d probes are no fewer than the %d directions of the exact divergence; "+
			"take the exact one, or fewer probes", d.Probes, exact)
	}
	if !q.takesProbes() {
		return fmt.Errorf("eqflow: the divergence of %s is exact at next to no cost, and cannot be estimated; "+
			"take the exact one", flow.NameOf(q.flow.Config))
	}
	q.divergence = d
	return nil
}

// takesProbes reports whether the divergence of the flow can be estimated.
func (q *Pushforward) takesProbes() bool {
	g := graph.NewGraph(q.flow.Backend, "probes")
	defer g.Finalize()
	_, ok := q.flow.Config.Bind(model.NewStore().RootScope().At("flow"), g, q.flow.System).(flow.Probed)
	return ok
}

// Divergence returns how the density computes the divergence.
func (q *Pushforward) Divergence() engine.Divergence { return q.divergence }

// SolverSteps returns the number of solver steps of the flow as configured, 0 for flows without a
// solver.
func (q *Pushforward) SolverSteps() int {
	if f, ok := q.flow.Config.(flow.Continuous); ok {
		return f.WithDefaults().Steps
	}
	return 0
}

// checkShape returns an error if configurations do not have the shape of the flow's.
func (q *Pushforward) checkShape(x particle.Batch) error {
	if x.N != q.Prior.N || x.D != q.Prior.D {
		return fmt.Errorf("eqflow: configurations of %d particles in %d dimensions do not fit the model, "+
			"whose system has %d in %d", x.N, x.D, q.Prior.N, q.Prior.D)
	}
	return nil
}

// Image holds the images of configurations under the flow, with their log-densities.
type Image struct {
	X    particle.Batch
	LogQ []float64 // at the target's end of the flow, nats
	// LogQError is the standard error of each LogQ where several probes estimate the divergence,
	// nil otherwise.
	LogQError []float64
}

// Forward maps prior configurations to target configurations. The flow is solved in the given
// number of steps (0: as trained).
func (q *Pushforward) Forward(z particle.Batch, steps int) (Image, error) {
	if err := q.checkShape(z); err != nil {
		return Image{}, err
	}
	image, err := q.engine.Map(z, engine.ToTarget(steps, q.divergence), q.progress("the flow", z.Len()))
	if err != nil {
		return Image{}, err
	}
	z = z.Clone().RemoveMean()
	out := Image{X: image.X, LogQ: image.LogDet, LogQError: image.LogDetError}
	for i, logDet := range image.LogDet {
		out.LogQ[i] = q.Prior.LogDensity(z.At(i)) - logDet
	}
	return out, nil
}

// Inverse maps target configurations, whose centres of mass it removes first, back to the prior.
func (q *Pushforward) Inverse(x particle.Batch, steps int) (Image, error) {
	if err := q.checkShape(x); err != nil {
		return Image{}, err
	}
	image, err := q.engine.Map(x, engine.ToPrior(steps, q.divergence), q.progress("the inverse flow", x.Len()))
	if err != nil {
		return Image{}, err
	}
	out := Image{X: image.X, LogQ: image.LogDet, LogQError: image.LogDetError}
	for i := range out.LogQ {
		out.LogQ[i] += q.Prior.LogDensity(out.X.At(i))
	}
	return out, nil
}

// FromPrior is Forward without the standard errors.
func (q *Pushforward) FromPrior(z particle.Batch, steps int) (x particle.Batch, logProb []float64, err error) {
	image, err := q.Forward(z, steps)
	return image.X, image.LogQ, err
}

// ToPrior is Inverse without the standard errors.
func (q *Pushforward) ToPrior(x particle.Batch, steps int) (z particle.Batch, logProb []float64, err error) {
	image, err := q.Inverse(x, steps)
	return image.X, image.LogQ, err
}

// LogProbs is LogProb with the standard error of each log q. The errors are nil where the
// divergence is exact or has one probe.
func (q *Pushforward) LogProbs(x particle.Batch, steps int) (logQ, standardErrors []float64, err error) {
	image, err := q.Inverse(x, steps)
	return image.LogQ, image.LogQError, err
}

// LogProb returns the log-density of each configuration, in nats, with the flow solved in the given
// number of steps (0: as trained). It removes the centres of mass first.
func (q *Pushforward) LogProb(x particle.Batch, steps int) ([]float64, error) {
	_, logProb, err := q.ToPrior(x, steps)
	return logProb, err
}

// NLL returns the mean negative log-likelihood of configurations, in nats, from LogProb.
func (q *Pushforward) NLL(x particle.Batch, steps int) (float64, error) {
	logProb, err := q.LogProb(x, steps)
	total := 0.0
	for _, v := range logProb {
		total -= v
	}
	return total / float64(len(logProb)), err
}
