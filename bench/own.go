package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
)

// ServeCommand is the name of the program's hidden command that calls Serve.
const ServeCommand = "bench-contender"

// eqflowOn returns this program as a contender, in a process of its own, on a backend, with a
// choice of engine.
func eqflowOn(backend string, kind engine.Kind, name string) contender {
	return contender{
		name: name,
		can:  func(c Case) bool { return true },
		command: func(ctx context.Context, r request, _ problem) (*exec.Cmd, []byte, error) {
			r.Variant, r.Engine = backend, kind
			text, err := json.Marshal(r)
			if err != nil {
				return nil, nil, err
			}
			self, err := os.Executable()
			return exec.CommandContext(ctx, self, ServeCommand, string(text)), nil, err
		},
	}
}

// job is work that is ready to be repeated.
type job struct {
	call    func() error         // does the work and waits for its end
	compile float64              // seconds of the first call
	engine  string               // that computes
	values  map[string][]float64 // results for the judge
}

// Serve is eqflow's side of the protocol. It prepares the work of a request in JSON, answers on
// out, and repeats the work as in asks.
func Serve(ctx context.Context, text string, in io.Reader, out io.Writer) error {
	var r request
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return fmt.Errorf("bench: the request is not valid JSON: %w", err)
	}
	arrays, err := dataset.ReadArrays(r.Problem)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if r.Work == Energies {
		j, err := energies(ctx, r, newProblem(arrays))
		if err != nil {
			return err
		}
		return j.serve("", in, out)
	}
	backend, err := xla.Open(r.Variant)
	if err != nil {
		return err
	}
	defer backend.Close()
	answers := json.NewEncoder(out)
	if r.Training != nil {
		ready, err := trainWhole(ctx, backend, r, newProblem(arrays))
		if err != nil {
			return err
		}
		return answers.Encode(ready)
	}
	j, err := prepare(ctx, backend, r, newProblem(arrays))
	if err != nil {
		return err
	}
	return j.serve(", "+backend.Kind+" backend", in, out)
}

// serve answers on out with the results, and repeats the work as in asks.
func (j job) serve(backend string, in io.Reader, out io.Writer) error {
	answers := json.NewEncoder(out)
	ready := answer{Version: runtime.Version(), Setting: j.engine + backend, Compile: j.compile, Values: j.values}
	if err := answers.Encode(ready); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var seconds float64
		if _, err := fmt.Sscanf(lines.Text(), "go %g", &seconds); err != nil {
			return fmt.Errorf("bench: the order %q is unknown; send \"go SECONDS\"", lines.Text())
		}
		t, err := repeat(j.call, seconds)
		if err != nil {
			return err
		}
		if err := answers.Encode(t); err != nil {
			return err
		}
	}
	return nil
}

// repeat does the work for some seconds, at least once.
func repeat(call func() error, seconds float64) (times, error) {
	var t times
	for begin := time.Now(); len(t.Wall) == 0 || time.Since(begin).Seconds() < seconds; {
		wall, cpu := time.Now(), processorTime()
		if err := call(); err != nil {
			return t, err
		}
		t.Wall = append(t.Wall, float64(time.Since(wall))/1e6)
		t.CPU = append(t.CPU, float64(processorTime()-cpu)/1e6)
	}
	return t, nil
}

// prepare compiles the work of a case and does it once.
func prepare(ctx context.Context, backend *xla.Opened, r request, p problem) (job, error) {
	c := r.Case
	system, err := target.Parse(c.System)
	if err != nil {
		return job{}, err
	}
	model, err := eqflow.New(backend.Backend, eqflow.Generator{
		Target: system, Flow: config(c.Flow, c.Steps), Engine: r.Engine,
	})
	if err != nil {
		return job{}, err
	}
	if err := model.Import(p.Arrays); err != nil {
		return job{}, err
	}
	var j job
	switch c.Work {
	case Sample:
		j, err = sampling(model, c, p)
	case Likelihood:
		j, err = scoring(model, c, p)
	default:
		j, err = training(ctx, model, c, p)
	}
	j.engine = model.ComputedBy().String()
	return j, err
}

// config returns a flow by its name.
func config(name string, steps int) flow.Continuous {
	c := flow.Continuous{Steps: steps}
	if name == "egnn" {
		c.Field = dynamics.EGNN{}
	}
	return c
}

// sampling measures Model.Sample: prior draws, configurations and log q, and also energies and
// weights, which the peers omit.
func sampling(model *eqflow.Model, c Case, p problem) (j job, err error) {
	draws := rand.New(rand.NewPCG(1, 2))
	j.call = func() error {
		_, err := model.Sample(c.Batch, draws.Uint64())
		return err
	}
	if j.compile, err = seconds(j.call); err != nil {
		return j, err
	}
	x, logQ, err := model.FromPrior(p.configurations("z", c.Batch), 0)
	j.values = map[string][]float64{"x": x.X, "log_q": logQ}
	return j, err
}

// scoring measures Model.LogProb.
func scoring(model *eqflow.Model, c Case, p problem) (j job, err error) {
	x := p.configurations("data", c.Batch)
	var logP []float64
	j.call = func() (err error) {
		logP, err = model.LogProb(x, 0)
		return err
	}
	j.compile, err = seconds(j.call)
	j.values = map[string][]float64{"log_p": logP}
	return j, err
}

// seconds returns how long a call takes.
func seconds(call func() error) (float64, error) {
	begin := time.Now()
	err := call()
	return time.Since(begin).Seconds(), err
}

// training measures Model.Train: the steps of a user's run, with the draw of the batch, the bound
// on the gradient and the moving average of the parameters.
func training(ctx context.Context, model *eqflow.Model, c Case, p problem) (job, error) {
	objective := map[Work]train.Objective{Train: train.Likelihood{}, Matching: train.Matching{}}[c.Work]
	settings := train.Settings{
		Objective: objective, Steps: 1 << 40, Batch: c.Batch,
		Clip: 1e9, // never reached: the peers do not clip
		// The rate is so small that the parameters hardly change, however long the measurement.
		LearningRate: 1e-6, FinalRate: 1, WarmUp: 1,
	}
	x := p.configurations("data", c.Batch)
	j := job{values: map[string][]float64{}}
	if len(p.wanted(c)) > 0 {
		var err error
		if j.values, err = gradients(model, settings, x, c, p); err != nil {
			return j, err
		}
	}
	step := startTraining(ctx, model, x, settings)
	var first float64
	var err error
	if j.compile, err = seconds(func() (err error) { first, err = step(); return err }); err != nil {
		return j, err
	}
	if c.Work == Train { // matching draws its own prior samples and times
		j.values["loss"] = []float64{first}
	}
	j.call = func() error { _, err := step(); return err }
	return j, nil
}

// gradients returns the loss at the problem's inputs and its gradient by each parameter, for the
// judge.
func gradients(
	model *eqflow.Model, s train.Settings, x particle.Batch, c Case, p problem,
) (map[string][]float64, error) {
	inputs := engine.Inputs{X: x, Z: p.configurations("z", c.Batch), T: p.values("t")[:c.Batch]}
	loss, gradient, err := model.Loss(s, inputs)
	values := map[string][]float64{"loss": {loss}}
	for _, g := range gradient {
		values["grad_"+g.Name] = g.Float64s()
	}
	return values, err
}
