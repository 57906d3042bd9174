package gonb

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

// ErrEnded is the error for a GoNB process that ended by itself.
var ErrEnded = errors.New("kernel: GoNB ended")

// ErrSilent is the error for a GoNB process that runs and does not answer.
var ErrSilent = errors.New("kernel: GoNB does not answer")

// Cause returns the error for a GoNB that has ended: how it ended, and the end of its log.
func (k *Kernel) Cause() error {
	<-k.Ended()
	return fmt.Errorf("%w (%s); restart the kernel%s", ErrEnded, k.process.State(), k.logEnd())
}

// silent returns the error for a GoNB that does not answer.
func (k *Kernel) silent(err error) error {
	return fmt.Errorf("%w: %w; restart the kernel%s", ErrSilent, err, k.logEnd())
}

// logEnd returns the lines of GoNB's log that tell why it ended, after a phrase that introduces
// them.
func (k *Kernel) logEnd() string {
	if text := lastWords(k.Log()); text != "" {
		return "; its log ends with:\n" + text
	}
	return ""
}

// The parts of GoNB's log that never tell why it ended: colours, its steps and warnings, the sample
// of an error that it begins with, and its advice to install gopls.
var noise = regexp.MustCompile("\x1b\\[[0-9;]*m|(?m)^[IW][0-9]{4} .*\n?|(?m)^E[0-9]{4} .* Error message\n?|" +
	"(?s)E[0-9]{4} [^\n]*\n+Program gopls is not installed.*?```.*?```\n*")

// crash is how the first line of a crash begins; a stack follows the line.
var crash = regexp.MustCompile(`(?m)^(panic: |fatal error: |F[0-9]{4} )`)

// lastWords returns at most five lines of a log: the first lines of a crash, or else the last
// lines.
func lastWords(log string) string {
	const most = 5
	text := strings.TrimSpace(noise.ReplaceAllString(log, ""))
	if at := crash.FindStringIndex(text); at != nil {
		lines := strings.Split(text[at[0]:], "\n")
		return strings.Join(lines[:min(most, len(lines))], "\n")
	}
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// awaitSockets waits until GoNB listens. A GoNB that ends does not keep the caller waiting.
func (k *Kernel) awaitSockets() error {
	limit := time.After(startLimit)
	for port := 1; port <= sockets; {
		if _, err := os.Stat(k.socketPath(port)); err == nil {
			port++
			continue
		}
		select {
		case <-k.Ended():
			return k.Cause()
		case <-limit:
			return k.silent(fmt.Errorf("it does not listen after %s", startLimit))
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// CellBegins tells that the processes of earlier cells that run on in the background are spared
// when the next cell is interrupted.
func (k *Kernel) CellBegins() {
	if k.process != nil {
		k.process.Mark()
	}
}

// CellInterrupted ends the processes that the running cell started, as soon as the cell's own
// program has ended.
func (k *Kernel) CellInterrupted() {
	if k.process != nil {
		k.process.Sweep()
	}
}
