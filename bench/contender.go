package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
)

// request is what a contender is started with, in JSON.
type request struct {
	Case
	Variant string `json:"variant"` // of the program: "plain", "tuned", or the backend of eqflow
	// Engine computes eqflow's flow.
	Engine  engine.Kind `json:"engine,omitempty"`
	Problem string      `json:"problem"` // path of the problem's arrays
	// Training asks for a whole run in place of the case's work.
	Training *trainingRequest `json:"training,omitempty"`
}

// answer is what a contender says when it is ready.
type answer struct {
	Version string               `json:"version"`
	Setting string               `json:"setting"`   // what it chose for itself, in words
	Compile float64              `json:"compile_s"` // seconds of the first call
	Values  map[string][]float64 `json:"values"`
	// Snapshots are those of a whole run, after which nothing is repeated.
	Snapshots []snapshot `json:"snapshots,omitempty"`
}

// times are those of the calls in a round, in milliseconds.
type times struct {
	Wall []float64 `json:"wall_ms"`
	CPU  []float64 `json:"cpu_ms"`
}

// contender is a program that can do the work of cases.
type contender struct {
	name string // in the table
	// can tells whether it does this work.
	can func(Case) bool
	// command makes the process for a request; input is what it is told before the rounds.
	command func(ctx context.Context, r request, p problem) (command *exec.Cmd, input []byte, err error)
}

// process is a contender at work on one case.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
	said    *bytes.Buffer
	answer  answer
}

// start runs the contender until it has answered.
func (c contender) start(ctx context.Context, what request, p problem) (*process, error) {
	command, input, err := c.command(ctx, what, p)
	if err != nil {
		return nil, err
	}
	r := &process{command: command, said: &bytes.Buffer{}}
	command.Stderr = r.said
	if r.in, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = json.NewDecoder(out)
	if err := command.Start(); err != nil {
		return nil, err
	}
	if _, err = r.in.Write(input); err == nil {
		err = r.out.Decode(&r.answer)
	}
	if err != nil {
		return nil, r.failed(ctx, err)
	}
	return r, nil
}

// round lets the contender repeat its work for some seconds.
func (r *process) round(ctx context.Context, seconds float64) (times, error) {
	var t times
	_, err := fmt.Fprintf(r.in, "go %g\n", seconds)
	if err == nil {
		err = r.out.Decode(&t)
	}
	if err != nil {
		return t, r.failed(ctx, err)
	}
	return t, nil
}

// failed ends a process that did not answer, and says its last words.
func (r *process) failed(ctx context.Context, err error) error {
	r.close()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	lines := strings.Split(strings.TrimSpace(r.said.String()), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return errors.New(last)
	}
	return fmt.Errorf("it ended without an answer: %w", err)
}

// patience is how long a process may take to end once nobody listens to it.
const patience = 5 * time.Second

func (r *process) close() {
	r.in.Close()
	kill := time.AfterFunc(patience, func() { r.command.Process.Kill() })
	defer kill.Stop()
	_ = r.command.Wait() // it has answered, or its last words say why not
}

// memory is the most that the process has had in memory, in MiB; 0 where the system does not tell.
func (r *process) memory() float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.command.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, _ := strconv.ParseFloat(fields[0], 64)
	return kilobytes / 1024
}
