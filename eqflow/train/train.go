package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
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

// Stage is a training that another training went on from.
type Stage struct {
	Settings
	StageCost
}

// StageCost is what a stage took.
type StageCost struct {
	Taken    int     `json:"taken"`   // steps
	Seconds  float64 `json:"seconds"` // over all sessions
	Energies int64   `json:"energy_evaluations,omitempty"`
}

// MarshalJSON writes settings and cost in one object.
func (s Stage) MarshalJSON() ([]byte, error) {
	fields, err := fieldsOf(s.Settings)
	if err != nil {
		return nil, err
	}
	cost, err := fieldsOf(s.StageCost)
	if err != nil {
		return nil, err
	}
	maps.Copy(fields, cost)
	return json.Marshal(fields)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Stage) UnmarshalJSON(text []byte) error {
	return errors.Join(json.Unmarshal(text, &s.Settings), json.Unmarshal(text, &s.StageCost))
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

// State is what training has made of a model so far.
type State struct {
	Steps   int // taken
	History History
	Start   string // SHA-256 of the file that the first parameters are from
}

// Subject is what is trained: the density q, from the prior through a flow to the target, and its state.
type Subject struct {
	Target  target.Target
	Flow    flow.Config
	Seed    uint64 // of the first parameters
	Density *density.Pushforward
	*State
}

// Parameters are the flow's parameters.
func (m Subject) Parameters() *engine.Parameters { return m.Density.Parameters() }

// ends are the two ends of the flow.
func (m Subject) ends() Ends { return Ends{m.Density.Prior, m.Target} }

// Train fits the subject. It stops when ctx ends, with the work kept and ctx's error; at the first loss that is not finite,
// with an error that says so; and when the subject has Settings.Steps steps behind it, those of earlier calls included.
func (m Subject) Train(ctx context.Context, data Data, run Run) (History, error) {
	run.Settings = run.Settings.SuitFlow(m.Flow).WithDefaults()
	if err := m.checkRun(data, run); err != nil {
		return History{}, err
	}
	t, err := newTrainer(m, data, run)
	if err != nil {
		return History{}, err
	}
	m.History, err = t.run(ctx)
	return m.History, err
}

// Loss returns an objective at given inputs, as Train builds it, and its gradient by each parameter under the parameters'
// names. It is for checks against other programs.
func (m Subject) Loss(s Settings, in engine.Inputs) (loss float64, gradient dataset.Arrays, err error) {
	s = s.WithDefaults()
	return m.Density.ComputedBy().Gradient(s.Objective.Loss(m.ends(), m.Flow), in)
}

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

// checkFlow refuses what the flow, or the way it is computed, does not allow.
func (m Subject) checkFlow(run Run) error {
	devices := m.Density.Devices()
	switch {
	case m.Density.Divergence().Probes > 0:
		return badSetting("training takes the exact divergence; go back to it with SetDivergence(engine.Divergence{})")
	case run.Batch%devices != 0:
		return badSetting("a batch of %d does not divide among %d devices; give a multiple", run.Batch, devices)
	}
	return run.Objective.Fits(m.Flow, devices)
}

// trainer is a run in progress.
type trainer struct {
	Subject
	Run
	data    Data
	feed    *Feed
	ladder  *ladder // of objectives that draw themselves, else nil
	step    engine.Step
	history History
	started time.Time
	sum     float64 // of losses since the last record
	count   int
	done    bool      // the folder holds the finished run
	warm    time.Time // when the first step, which compiles, was over
	warmAt  int
}

func newTrainer(m Subject, data Data, run Run) (*trainer, error) {
	t := &trainer{Subject: m, Run: run, data: data, feed: newFeed(m, data.Train, run.Settings)}
	if o, ok := run.Objective.(LadderObjective); ok {
		t.ladder = &ladder{trainer: t, Ladder: o.Ladder()}
	}
	var err error
	if t.step, err = m.Density.ComputedBy().NewStep(run.Objective.Loss(m.ends(), m.Flow), t.update); err != nil {
		return nil, err
	}
	if err := m.Parameters().Copy(engine.ScopeAverage, engine.ScopeFlow); err != nil {
		return nil, err
	}
	t.history.Before = m.History.Before
	return t, t.resume()
}

// run takes the steps that are left.
func (t *trainer) run(ctx context.Context) (History, error) {
	if t.done {
		return t.history, nil
	}
	if t.State.Steps >= t.Settings.Steps {
		return t.history, badSetting("the model has %d training steps behind it, and the run ends at %d; give more steps, or start from a new model", t.State.Steps, t.Settings.Steps)
	}
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
		if err := t.takeStep(); err != nil {
			return t.history, err
		}
		if err := t.afterStep(); err != nil {
			return t.history, err
		}
	}
	return t.history, t.finish()
}

// takeStep takes one step.
func (t *trainer) takeStep() error {
	begin := time.Now()
	in, err := t.Objective.Feed(t.feed, t.State.Steps)
	if err != nil {
		return err
	}
	step := t.State.Steps
	loss, err := t.step(in, float32(t.rate(step)), float32(t.decay(step)))
	if err != nil {
		return fmt.Errorf("eqflow: training step %d failed: %w", t.State.Steps+1, err)
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return fmt.Errorf("eqflow: the loss is %g at step %d; lower the learning rate (now %g), or look for overlapping particles in the data. The last checkpoint is from before",
			loss, t.State.Steps+1, t.LearningRate)
	}
	t.State.Steps++
	if t.warm.IsZero() {
		t.warm, t.warmAt, t.history.Compile = time.Now(), t.State.Steps, time.Since(begin).Seconds()
	}
	t.sum, t.count = t.sum+loss, t.count+1
	t.history.Steps = t.State.Steps
	t.history.Energies += t.Objective.Energies(t.Batch, t.Flow)
	t.history.Seconds = time.Since(t.started).Seconds()
	t.report(loss)
	return nil
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
	if done := t.State.Steps - t.warmAt; done > 0 {
		p.Rate = float64(done) / time.Since(t.warm).Seconds()
		p.Left = time.Duration(float64(t.Settings.Steps-t.State.Steps) / p.Rate * float64(time.Second))
	}
	if n := len(t.history.Rungs); n > 0 {
		p.Rung = &t.history.Rungs[n-1]
	}
	t.Report(p)
}

// afterStep records, validates and saves when it is time to.
func (t *trainer) afterStep() error {
	if t.State.Steps%t.ValidateEvery == 0 || t.State.Steps == t.Settings.Steps {
		if err := t.record(); err != nil {
			return err
		}
	}
	if t.Folder != "" && t.State.Steps%t.CheckpointEvery == 0 && t.State.Steps < t.Settings.Steps {
		return t.checkpoint()
	}
	return nil
}

// record adds a point to the learning curve, and remembers the parameters if they are the best so far.
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
			nll = worstNLL // data far outside: JSON and comparisons want a number
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

// worstNLL stands for the NLL of validation data that the model gives no density to.
const worstNLL = 1e30

// finish gives the model its final parameters and saves it.
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

// interrupted keeps the work of a run that was told to stop.
func (t *trainer) interrupted(cause error) error {
	if t.Folder == "" {
		return fmt.Errorf("eqflow: training stopped at step %d of %d: %w", t.State.Steps, t.Settings.Steps, cause)
	}
	if err := t.checkpoint(); err != nil {
		return err
	}
	return fmt.Errorf("eqflow: training stopped at step %d of %d, kept in %s; the same command goes on from there: %w",
		t.State.Steps, t.Settings.Steps, t.Folder, cause)
}
