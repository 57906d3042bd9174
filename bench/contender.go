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

// request tells a contender its work, in JSON.
type request struct {
	Case
	Variant string `json:"variant"` // of the program: "plain", "tuned", or the backend for eqflow
	// Engine computes eqflow's flow.
	Engine  engine.Kind `json:"engine,omitempty"`
	Problem string      `json:"problem"` // path of the file with the problem's arrays
	// Training asks for a whole training run instead of the case's work.
	Training *trainingRequest `json:"training,omitempty"`
}

// answer has the results of a contender that is ready to be timed.
type answer struct {
	Version string               `json:"version"`
	Setting string               `json:"setting"`   // the settings that it chose, in words
	Compile float64              `json:"compile_s"` // seconds of the first call
	Values  map[string][]float64 `json:"values"`
	// Snapshots are the parameters during a whole training run. No work is repeated after it.
	Snapshots []snapshot `json:"snapshots,omitempty"`
}

// times are the times of the calls in a round, in milliseconds.
type times struct {
	Wall []float64 `json:"wall_ms"`
	CPU  []float64 `json:"cpu_ms"`
}

// contender is a program that does the work of cases.
type contender struct {
	name string // in the table
	// can reports whether the contender does this work.
	can func(Case) bool
	// command returns the process for a request, and the input that it needs before the rounds.
	command func(ctx context.Context, r request, p problem) (command *exec.Cmd, input []byte, err error)
}

// process is a contender at work on one case.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
	stderr  *bytes.Buffer
	answer  answer
}

// start starts the contender and waits for its answer.
func (c contender) start(ctx context.Context, what request, p problem) (*process, error) {
	command, input, err := c.command(ctx, what, p)
	if err != nil {
		return nil, err
	}
	r := &process{command: command, stderr: &bytes.Buffer{}}
	command.Stderr = r.stderr
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

// round has the contender repeat its work for some seconds.
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

// failed ends a process that did not answer. The error is the last line of its standard error.
func (r *process) failed(ctx context.Context, err error) error {
	r.close()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	lines := strings.Split(strings.TrimSpace(r.stderr.String()), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return errors.New(last)
	}
	return fmt.Errorf("it ended without an answer: %w", err)
}

// patience is how long a process may take to end after its input is closed.
const patience = 5 * time.Second

func (r *process) close() {
	r.in.Close()
	kill := time.AfterFunc(patience, func() { r.command.Process.Kill() })
	defer kill.Stop()
	_ = r.command.Wait() // the answer, or standard error, has already been read
}

// memory returns the peak memory of the process in MiB, 0 where the system does not report it.
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
