package resident

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
)

// long is the time from which on a sampling is announced, and shows its progress.
const long = time.Minute

// trialLimit is the time from which on a trial is the last.
const trialLimit = 5 * time.Second

// progressPause is the time between two lines of progress. A notebook stores every line.
const progressPause = 15 * time.Second

// trials returns the sizes of the trials for n samples. A trial follows only if the one before
// promises a long sampling. An engine on the host takes any number at once. An engine that compiles
// a program for each size is tried with one whole block; there is no trial if n fits into a block.
func trials(m *eqflow.Model, n int) (sizes []int) {
	if block := m.Block(n); block != m.Block(1) {
		sizes = []int{block}
	} else {
		sizes = []int{1, 16, 256}
	}
	return slices.DeleteFunc(sizes, func(size int) bool { return size >= n })
}

// expected estimates how long n samples take by drawing a few. It is 0 if that is unknown.
// Compiling is not counted. On the host, a trial with one step of the solver comes first. The trial
// takes a small part of a sample's time, and tells short samplings, and those whose samples take
// long.
func expected(m *eqflow.Model, n int) (time.Duration, error) {
	var estimate time.Duration
	if steps := time.Duration(m.SolverSteps()); steps > 0 && !engine.Compiles(m.ComputedBy()) {
		size := min(n, m.Block(n)) // a block keeps all cores busy
		start := time.Now()
		if _, err := m.Draw(size, 0, 1); err != nil {
			return 0, err
		}
		took := steps * time.Since(start)
		estimate = took * time.Duration((n+size-1)/size)
		if estimate < long || took > trialLimit {
			return estimate, nil
		}
	}
	for _, size := range trials(m, n) {
		if err := m.Prepare(size); err != nil {
			return 0, err
		}
		start := time.Now()
		if _, err := m.Draw(size, 0, 0); err != nil {
			return 0, err
		}
		took := time.Since(start)
		estimate = took * time.Duration(n) / time.Duration(size)
		if estimate < long || took > trialLimit {
			break
		}
	}
	return estimate, nil
}

// announced returns the model for a query of n samples. If they will take long and nobody watches
// the model, it says so, and reports progress.
func (m *Model) announced(n int) *Model {
	if m.report != nil {
		return m
	}
	answer, err := m.ask(pace{n})
	if took, ok := answer.(time.Duration); err == nil && ok && took >= long {
		return m.loud(os.Stderr, n, took)
	}
	return m // a helper that fails says why in its next answer
}

// loud returns the model with an announcement, and with a report of its progress.
func (m *Model) loud(out io.Writer, n int, expected time.Duration) *Model {
	fmt.Fprintf(out, "eqflow: %d samples of %s will take about %s; the stop button ends them\n",
		n, m.Folder, expected.Round(time.Second))
	watched, start, told := *m, time.Now(), time.Now()
	watched.report = func(done, total int) {
		if time.Since(told) < progressPause || done == 0 {
			return
		}
		told = time.Now()
		left := time.Since(start) * time.Duration(total-done) / time.Duration(done)
		fmt.Fprintf(out, "eqflow: %d of %d samples, about %s left\n", done, total, left.Round(time.Second))
	}
	return &watched
}
