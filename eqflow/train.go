package eqflow

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Data is what training learns from and is watched with.
type Data struct {
	Train particle.Batch
	// Validation is scored every Settings.ValidateEvery steps, where it is not empty.
	Validation particle.Batch
}

// Record is one point of a learning curve.
type Record struct {
	Step       int     `json:"step"`
	Loss       float64 `json:"loss"`                 // mean over the steps since the last record, nats
	Validation float64 `json:"validation,omitempty"` // NLL of the validation data, nats; 0 where there are none
	Seconds    float64 `json:"seconds"`              // since training began, over all its sessions
}

// Progress is what a running training tells.
type Progress struct {
	Step, Steps int
	Loss        float64 // mean over the steps since the last record, nats
	StepLoss    float64 // of this step alone
	Validation  float64 // NLL of the validation data when it was last measured; 0 while it is not known
	Rate        float64 // steps per second, compiling left out
	Left        time.Duration
	Rung        *Rung // of Annealed, the last; else nil
}

// Run is a training run: where it keeps its checkpoints and whom it tells.
type Run struct {
	Settings
	// Folder takes checkpoints and the finished model; a run whose folder holds a checkpoint of the same system, flow and
	// settings goes on from there, to the same numbers. Empty keeps nothing.
	Folder string
	// Report is called after every step. It may be nil.
	Report func(Progress)
}

// History is what a training run was.
type History struct {
	Records []Record `json:"records"`
	Steps   int      `json:"steps"` // taken
	// Best is the step whose parameters the model has: the last, or the best on validation. 0 while none is known.
	Best    int     `json:"best"`
	BestNLL float64 `json:"best_nll"` // of the validation data at the best step, with early stopping
	Seconds float64 `json:"seconds"`  // over all sessions
	Compile float64 `json:"compile"`  // seconds of the first step of this session, mostly compiling
	// Energies counts the evaluations of the target's energy, with or without its gradient, that training has made.
	Energies int64 `json:"energy_evaluations,omitempty"`
	// Rungs and Spread, the width of the normal that they begin with, are Annealed's ladder.
	Rungs  []Rung  `json:"rungs,omitempty"`
	Spread float64 `json:"spread,omitempty"`
	// Before are the trainings of the model whose parameters this one began with, the first one first.
	Before []Stage `json:"before,omitempty"`
}

// Stage is a training that another one went on from.
type Stage struct {
	Settings
	Taken    int     `json:"taken"`   // steps
	Seconds  float64 `json:"seconds"` // over all sessions
	Energies int64   `json:"energy_evaluations,omitempty"`
}

// Total is what all of a model's trainings took.
func (h History) Total() (seconds float64, energies int64) {
	seconds, energies = h.Seconds, h.Energies
	for _, b := range h.Before {
		seconds, energies = seconds+b.Seconds, energies+b.Energies
	}
	return seconds, energies
}

// Losses are the training's curve.
func (h History) Losses() (steps, loss []float64) {
	for _, r := range h.Records {
		steps, loss = append(steps, float64(r.Step)), append(loss, r.Loss)
	}
	return steps, loss
}

// Validations are the NLL of the validation data, where there were any.
func (h History) Validations() (steps, nll []float64) {
	for _, r := range h.Records {
		if r.Validation != 0 {
			steps, nll = append(steps, float64(r.Step)), append(nll, r.Validation)
		}
	}
	return steps, nll
}

// Kept is the step whose parameters the model has.
func (h History) Kept() int { return h.Best }

// Train fits the model. It stops when ctx ends, with the work kept and ctx's error; at the first loss that is not finite,
// with an error that says so; and when the model has Settings.Steps steps behind it, those of earlier calls included.
func (m *Model) Train(ctx context.Context, data Data, run Run) (History, error) {
	run.Settings = run.Settings.SuitFlow(m.Flow).WithDefaults()
	if err := m.checkRun(data, run); err != nil {
		return History{}, err
	}
	t, err := newTrainer(m, data, run)
	if err != nil {
		return History{}, err
	}
	m.past, err = t.run(ctx)
	return m.past, err
}

func (m *Model) checkRun(data Data, run Run) error {
	if err := run.Settings.Validate(); err != nil {
		return err
	}
	if m.estimate.Probes > 0 {
		return &SettingsError{"training takes the exact divergence; go back to it with SetDivergence(Divergence{})"}
	}
	if run.Batch%m.devices != 0 {
		return &SettingsError{fmt.Sprintf("a batch of %d does not divide among %d devices; give a multiple", run.Batch, m.devices)}
	}
	if _, partial := m.Flow.(flow.Continuous); run.matches() && !partial {
		return &SettingsError{fmt.Sprintf("flow matching needs a continuous flow, not %T; train it by likelihood", m.Flow)}
	}
	if m.devices > 1 && m.usesPathGradients(run.Settings) {
		return &SettingsError{"path gradients of this flow are made on one device; leave the others out"}
	}
	if _, continuous := m.Flow.(flow.Continuous); run.Path && run.Objective == Likelihood && !continuous {
		return &SettingsError{fmt.Sprintf("path gradients of the likelihood need a continuous flow, not %T; leave them out", m.Flow)}
	}
	for _, b := range []particle.Batch{data.Train, data.Validation} {
		if b.Len() == 0 {
			continue
		}
		if b.N != m.Prior.N || b.D != m.Prior.D {
			return &SettingsError{fmt.Sprintf("data of %d particles in %d dimensions do not fit %s, which has %d in %d",
				b.N, b.D, m.Target.Name(), m.Prior.N, m.Prior.D)}
		}
		if err := b.Validate(); err != nil {
			return &SettingsError{err.Error()}
		}
	}
	if run.needsData() && data.Train.Len() == 0 {
		return &SettingsError{fmt.Sprintf("training by %s needs data, and there are none; make some with eqflow mcmc", run.Objective)}
	}
	return nil
}

// trainer is a run in progress.
type trainer struct {
	*Model
	Run
	data    Data
	feed    *feed
	ladder  *ladder     // of objectives that draw themselves, else nil
	step    *model.Exec // the whole of a step, from what the objective looks at, rate and decay to the loss
	update  *model.Exec // what is left of one whose gradient is known, from rate, decay and gradient
	history History
	started time.Time
	sum     float64 // of losses since the last record
	count   int
	done    bool      // the folder holds the finished run
	warm    time.Time // when the first step, which compiles, was over
	warmAt  int
}

func newTrainer(m *Model, data Data, run Run) (*trainer, error) {
	t := &trainer{Model: m, Run: run, data: data, feed: newFeed(m, data.Train, run.Settings)}
	if run.drawsItself() {
		t.ladder = &ladder{trainer: t}
	}
	var err error
	if t.step, err = model.NewExec(m.backend, m.store, t.buildStep); err != nil {
		return nil, fmt.Errorf("eqflow: cannot prepare training: %w", err)
	}
	t.step = m.split(t.step, batchInputs, false)
	if t.update, err = model.NewExec(m.backend, m.store, t.buildUpdate); err != nil {
		return nil, fmt.Errorf("eqflow: cannot prepare training: %w", err)
	}
	if err := m.copyParameters(scopeAverage, scopeFlow); err != nil {
		return nil, err
	}
	t.history.Before = m.past.Before
	return t, t.resume()
}

// run takes the steps that are left.
func (t *trainer) run(ctx context.Context) (History, error) {
	if t.done {
		return t.history, nil
	}
	if t.steps >= t.Steps {
		return t.history, &SettingsError{fmt.Sprintf("the model has %d training steps behind it, and the run ends at %d; give more steps, or start from a new model", t.steps, t.Steps)}
	}
	t.started = time.Now().Add(-time.Duration(t.history.Seconds * float64(time.Second)))
	for t.steps < t.Steps {
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
		if err := t.once(); err != nil {
			return t.history, err
		}
		if err := t.keep(); err != nil {
			return t.history, err
		}
	}
	return t.history, t.finish()
}

// once takes one step.
func (t *trainer) once() error {
	begin := time.Now()
	in, err := t.feed.draw(t.steps)
	if err != nil {
		return err
	}
	loss, err := t.take(in)
	if err != nil {
		return fmt.Errorf("eqflow: training step %d failed: %w", t.steps+1, err)
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return fmt.Errorf("eqflow: the loss is %g at step %d; lower the learning rate (now %g), or look for overlapping particles in the data. The last checkpoint is from before",
			loss, t.steps+1, t.LearningRate)
	}
	t.steps++
	if t.warm.IsZero() {
		t.warm, t.warmAt, t.history.Compile = time.Now(), t.steps, time.Since(begin).Seconds()
	}
	t.sum, t.count = t.sum+loss, t.count+1
	t.history.Steps = t.steps
	t.history.Energies += t.energiesPerStep()
	if t.Objective == Mixture && t.usesPathGradients(t.Settings) {
		t.history.Energies += int64(t.Batch) // at the data
	}
	t.history.Seconds = time.Since(t.started).Seconds()
	t.tell(loss)
	return nil
}

// tell reports the progress.
func (t *trainer) tell(loss float64) {
	if t.Report == nil {
		return
	}
	p := Progress{Step: t.steps, Steps: t.Steps, Loss: t.sum / float64(t.count), StepLoss: loss}
	if n := len(t.history.Records); n > 0 {
		p.Validation = t.history.Records[n-1].Validation
	}
	if done := t.steps - t.warmAt; done > 0 {
		p.Rate = float64(done) / time.Since(t.warm).Seconds()
		p.Left = time.Duration(float64(t.Steps-t.steps) / p.Rate * float64(time.Second))
	}
	if n := len(t.history.Rungs); n > 0 {
		p.Rung = &t.history.Rungs[n-1]
	}
	t.Report(p)
}

// keep records, validates and saves when it is time to.
func (t *trainer) keep() error {
	if t.steps%t.ValidateEvery == 0 || t.steps == t.Steps {
		if err := t.record(); err != nil {
			return err
		}
	}
	if t.Folder != "" && t.steps%t.CheckpointEvery == 0 && t.steps < t.Steps {
		return t.save()
	}
	return nil
}

// record adds a point to the learning curve, and remembers the parameters if they are the best so far.
func (t *trainer) record() error {
	r := Record{Step: t.steps, Loss: t.sum / float64(t.count), Seconds: t.history.Seconds}
	t.sum, t.count = 0, 0
	if t.data.Validation.Len() > 0 {
		nll, err := t.score(t.data.Validation)
		if err != nil {
			return err
		}
		if math.IsNaN(nll) || nll > worstNLL {
			nll = worstNLL // data far outside: JSON and comparisons want a number
		}
		r.Validation = nll
		if t.EarlyStop && (t.history.Best == 0 || nll < t.history.BestNLL) {
			t.history.Best, t.history.BestNLL = t.steps, nll
			if err := t.copyParameters(scopeBest, t.reads()); err != nil {
				return err
			}
		}
	}
	t.history.Records = append(t.history.Records, r)
	return nil
}

// worstNLL stands for the NLL of validation data that the model gives no density to.
const worstNLL = 1e30

// finish gives the model its final parameters and saves it.
func (t *trainer) finish() error {
	from := t.reads()
	if t.history.Best > 0 {
		from = scopeBest
	} else {
		t.history.Best = t.steps
	}
	if from != scopeFlow {
		if err := t.copyParameters(scopeFlow, from); err != nil {
			return err
		}
	}
	if t.Folder == "" {
		return nil
	}
	return t.saveFinished()
}

// interrupted keeps the work of a run that was told to stop.
func (t *trainer) interrupted(cause error) error {
	if t.Folder == "" {
		return fmt.Errorf("eqflow: training stopped at step %d of %d: %w", t.steps, t.Steps, cause)
	}
	if err := t.save(); err != nil {
		return err
	}
	return fmt.Errorf("eqflow: training stopped at step %d of %d, kept in %s; the same command goes on from there: %w",
		t.steps, t.Steps, t.Folder, cause)
}
