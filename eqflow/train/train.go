package train

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Data is the data of a training.
type Data struct {
	Train particle.Batch
	// Validation is scored every Settings.ValidateEvery steps, unless it is empty.
	Validation particle.Batch
}

// Run describes a training run: its settings, its folder and its progress report.
type Run struct {
	Settings
	// Folder receives checkpoints and the finished model. If it holds a checkpoint of the same
	// system, flow and settings, the run continues from there and ends with the same numbers. An
	// empty name keeps nothing.
	Folder string
	// Replace removes a model of another system, flow, data or settings from the folder. Without
	// it such a folder is an error that matches ErrOtherModel.
	Replace bool
	// Report is called after every step. It may be nil.
	Report func(Progress)
	// Warn receives messages about the folder: that it was repaired, or cannot be locked. It may be
	// nil.
	Warn func(message string)
}

// State is the part of a model that training changes, apart from the parameters.
type State struct {
	Steps   int // training steps taken
	History History
	Start   string // SHA-256 of the file that gave the first parameters, if a file did
	// Unchecked says that the parameters are from a file of an earlier version, without a checksum.
	Unchecked bool
}

// Subject is the model that training fits: the density q of the flow, its target, and its state.
type Subject struct {
	Target  target.Target
	Flow    flow.Config
	Seed    uint64 // draws the first parameters
	Density *density.Pushforward
	*State
}

// Parameters returns the flow's parameters.
func (m Subject) Parameters() *engine.Parameters { return m.Density.Parameters() }

// ends returns the two ends of the flow.
func (m Subject) ends() Ends { return Ends{m.Density.Prior, m.Target} }

// Train fits the subject. It ends when the subject has taken Settings.Steps steps, steps of earlier
// calls included. If ctx ends first, Train keeps the work and returns an error that wraps ctx's
// error. At the first loss that is not finite it returns an error that says so.
func (m Subject) Train(ctx context.Context, data Data, run Run) (History, error) {
	run.Settings = run.Settings.SuitFlow(m.Flow).WithDefaults()
	if err := m.checkRun(data, run); err != nil {
		return History{}, err
	}
	t, err := newTrainer(m, data, run)
	if err != nil {
		return History{}, err
	}
	if run.Folder != "" {
		if err := ensureWritable(run.Folder); err != nil {
			return History{}, err
		}
		release, err := t.enter()
		if err != nil {
			return History{}, err
		}
		defer release()
	}
	m.History, err = t.run(ctx)
	return m.History, err
}

// Loss returns an objective at given inputs, as Train builds it, and its gradient by each
// parameter, under the parameters' names. It is for comparisons with other programs.
func (m Subject) Loss(s Settings, in engine.Inputs) (loss float64, gradient dataset.Arrays, err error) {
	s = s.WithDefaults()
	return m.Density.ComputedBy().Gradient(s.Objective.Loss(m.ends(), m.Flow), in)
}

// checkRun returns an error if the settings, the flow and the data do not fit together.
func (m Subject) checkRun(data Data, run Run) error {
	if err := run.Settings.Validate(); err != nil {
		return err
	}
	if err := m.checkFlow(run); err != nil {
		return err
	}
	n, d := m.Density.Prior.N, m.Density.Prior.D
	for _, b := range []particle.Batch{data.Train, data.Validation} {
		if b.Len() == 0 {
			continue
		}
		if b.N != n || b.D != d {
			return badSetting("data of %d particles in %d dimensions do not fit %s, which has %d in %d",
				b.N, b.D, m.Target.Name(), n, d)
		}
		if err := b.Validate(); err != nil {
			return badSetting("%s", err)
		}
	}
	if !run.Objective.DataFree() && data.Train.Len() == 0 {
		return badSetting("training by %s needs data, and there are none; make some with eqflow mcmc", run.Objective)
	}
	return nil
}

// checkFlow returns an error if the flow or its engine does not allow the run.
func (m Subject) checkFlow(run Run) error {
	devices := m.Density.Devices()
	switch {
	case m.Density.Divergence().Probes > 0:
		return badSetting("training needs the exact divergence; select it with SetDivergence(engine.Divergence{})")
	case run.Batch%devices != 0:
		return badSetting("a batch of %d does not divide among %d devices; give a multiple", run.Batch, devices)
	}
	if _, ok := m.Flow.(flow.Internal); ok && run.Augment {
		return badSetting("the internal flow knows all rotations and has one hand, and --augment would reflect the " +
			"data; leave it out")
	}
	_, graphless := m.Target.(target.Graphless)
	if o, ok := run.Objective.(GraphObjective); ok && graphless && o.EnergyInGraph(m.Flow) {
		return badSetting("the energy of %s has no graph, which --objective %s needs here; choose flow-matching, "+
			"likelihood or annealed, or --path-gradients with egnn, onehop or internal", m.Target.Name(), run.Objective)
	}
	return run.Objective.Fits(m.Flow, devices)
}

// trainer is a run in progress.
type trainer struct {
	Subject
	Run
	data         Data
	feed         *Feed
	ladder       *ladder // of a LadderObjective; otherwise nil
	gradientStep engine.Step
	history      History
	started      time.Time
	sum          float64   // of the losses since the last record
	count        int       // of the losses since the last record
	finished     bool      // the folder holds the finished run
	compiledAt   time.Time // end of the first step, which compiles
	compiledStep int       // its number
	keptAt       time.Time // when the last checkpoint was written, or the run began
	keptStep     int       // its step; 0 if there is no checkpoint
}

// newTrainer prepares a run, and resumes it from its folder.
func newTrainer(m Subject, data Data, run Run) (*trainer, error) {
	t := &trainer{Subject: m, Run: run, data: data, feed: newFeed(m, data.Train, run.Settings)}
	if o, ok := run.Objective.(LadderObjective); ok {
		t.ladder = &ladder{trainer: t, Ladder: o.Ladder()}
	}
	var err error
	loss := run.Objective.Loss(m.ends(), m.Flow)
	if t.gradientStep, err = m.Density.ComputedBy().NewStep(loss, t.update); err != nil {
		return nil, err
	}
	if err := m.Parameters().Copy(engine.ScopeAverage, engine.ScopeFlow); err != nil {
		return nil, err
	}
	t.history.Before = m.History.Before
	return t, nil
}

// run takes the remaining steps.
func (t *trainer) run(ctx context.Context) (History, error) {
	if t.finished {
		return t.history, nil
	}
	if t.State.Steps >= t.Settings.Steps {
		return t.history, badSetting("the model has taken %d training steps, and the run ends at %d; "+
			"give more steps, or start from a new model", t.State.Steps, t.Settings.Steps)
	}
	t.keptAt = time.Now()
	t.started = time.Now().Add(-time.Duration(t.history.Seconds * float64(time.Second)))
	for t.State.Steps < t.Settings.Steps {
		if err := ctx.Err(); err != nil {
			return t.history, t.interrupted(err)
		}
		if t.ladder != nil && t.ladder.due() {
			if err := t.ladder.climb(ctx); ctx.Err() != nil {
				return t.history, t.interrupted(ctx.Err())
			} else if err != nil {
				return t.history, err
			}
		}
		if err := t.trainStep(); err != nil {
			return t.history, err
		}
		if err := t.afterStep(); err != nil {
			return t.history, err
		}
	}
	return t.history, t.finish()
}

// trainStep draws the inputs of one step, takes the step, and reports it.
func (t *trainer) trainStep() error {
	begin := time.Now()
	in, err := t.Objective.Feed(t.feed, t.State.Steps)
	if err != nil {
		return err
	}
	step := t.State.Steps
	loss, err := t.gradientStep(in, float32(t.rate(step)), float32(t.decay(step)))
	if err != nil {
		return fmt.Errorf("eqflow: training step %d failed: %w", t.State.Steps+1, err)
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return t.diverged(loss)
	}
	t.State.Steps++
	if t.compiledAt.IsZero() {
		t.compiledAt, t.compiledStep = time.Now(), t.State.Steps
		t.history.Compile = time.Since(begin).Seconds()
	}
	t.sum, t.count = t.sum+loss, t.count+1
	t.history.Steps = t.State.Steps
	t.history.Energies += t.Objective.Energies(t.Batch, t.Flow)
	t.history.Seconds = time.Since(t.started).Seconds()
	t.report(loss)
	return nil
}

// diverged is the error of a loss that is not finite.
func (t *trainer) diverged(loss float64) error {
	kept := ""
	if t.keptStep > 0 {
		kept = fmt.Sprintf(". The checkpoint in %s is of step %d", t.Folder, t.keptStep)
	}
	return fmt.Errorf("eqflow: the loss is %g at step %d; lower the learning rate (now %g), or look for "+
		"overlapping particles in the data%s", loss, t.State.Steps+1, t.LearningRate, kept)
}

// report calls Report with the progress.
func (t *trainer) report(loss float64) {
	if t.Report == nil {
		return
	}
	p := Progress{Step: t.State.Steps, Steps: t.Settings.Steps, Loss: t.sum / float64(t.count), StepLoss: loss}
	if n := len(t.history.Records); n > 0 {
		p.Validation = t.history.Records[n-1].Validation
	}
	if steps := t.State.Steps - t.compiledStep; steps > 0 {
		p.Rate = float64(steps) / time.Since(t.compiledAt).Seconds()
		p.Left = time.Duration(float64(t.Settings.Steps-t.State.Steps) / p.Rate * float64(time.Second))
	}
	if n := len(t.history.Rungs); n > 0 {
		p.Rung = &t.history.Rungs[n-1]
	}
	t.Report(p)
}

// keepEvery bounds the time from one checkpoint to the next. A process that ends without writing
// one, such as on a second Ctrl-C during a long step, loses no more.
const keepEvery = time.Minute

// afterStep records, validates and saves at the steps where the settings ask for it.
func (t *trainer) afterStep() error {
	if t.State.Steps%t.ValidateEvery == 0 || t.State.Steps == t.Settings.Steps {
		if err := t.record(); err != nil {
			return err
		}
	}
	due := t.State.Steps%t.CheckpointEvery == 0 || time.Since(t.keptAt) > keepEvery
	if t.Folder != "" && due && t.State.Steps < t.Settings.Steps {
		return t.checkpoint()
	}
	return nil
}

// record adds a point to the learning curve. With early stopping it keeps the parameters if they
// are the best so far.
func (t *trainer) record() error {
	r := Record{Step: t.State.Steps, Loss: t.sum / float64(t.count), Seconds: t.history.Seconds}
	t.sum, t.count = 0, 0
	if t.data.Validation.Len() > 0 {
		var nll float64
		err := t.Density.Using(t.finalScope(), func() (err error) {
			nll, err = t.Density.NLL(t.data.Validation, 0)
			return err
		})
		if err != nil {
			return err
		}
		if math.IsNaN(nll) || nll > worstNLL {
			nll = worstNLL // JSON and comparisons need a finite number
		}
		r.Validation = nll
		if t.EarlyStop && (t.history.Best == 0 || nll < t.history.BestNLL) {
			t.history.Best, t.history.BestNLL = t.State.Steps, nll
			if err := t.Parameters().Copy(engine.ScopeBest, t.finalScope()); err != nil {
				return err
			}
		}
	}
	t.history.Records = append(t.history.Records, r)
	return nil
}

// worstNLL stands for the NLL of validation data at which the model's density vanishes.
const worstNLL = 1e30

// finish sets the model's final parameters and saves the model.
func (t *trainer) finish() error {
	from := t.finalScope()
	if t.history.Best > 0 {
		from = engine.ScopeBest
	} else {
		t.history.Best = t.State.Steps
	}
	if from != engine.ScopeFlow {
		if err := t.Parameters().Copy(engine.ScopeFlow, from); err != nil {
			return err
		}
	}
	if t.Folder == "" {
		return nil
	}
	return t.saveFinished()
}

// interrupted keeps the work of a run that ctx ended, and returns the run's error.
func (t *trainer) interrupted(cause error) error {
	if t.Folder == "" {
		return fmt.Errorf("eqflow: training stopped at step %d of %d: %w", t.State.Steps, t.Settings.Steps, cause)
	}
	if err := t.checkpoint(); err != nil {
		return err
	}
	return fmt.Errorf("eqflow: training stopped at step %d of %d, kept in %s; the same command resumes it: %w",
		t.State.Steps, t.Settings.Steps, t.Folder, cause)
}
