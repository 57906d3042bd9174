package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// plainInterval is the time between two lines of progress if stderr is a file or a pipe.
const plainInterval = 10 * time.Second

// terminalInterval is the time between two updates of a terminal.
const terminalInterval = 100 * time.Millisecond

// progress shows on stderr how far a long job is, its speed and the time left: as a bar on a
// terminal, elsewhere as a line now and then. It is not safe for concurrent use.
type progress struct {
	out         io.Writer
	bar         *progressbar.ProgressBar // nil if lines are printed
	total       int64
	description string
	bytes       bool
	start       time.Time
	printed     time.Time // when the last line was
	done        int64
	// first is done at the first call of Set, −1 before that. The first steps of a resumed job were
	// done earlier, and do not count for its speed.
	first int64
}

// newProgress begins a job of total steps. Its description is a word or two.
func newProgress(total int64, description string) *progress {
	return newProgressOn(os.Stderr, term.IsTerminal(int(os.Stderr.Fd())), total, description, false)
}

// newByteProgress begins a job whose progress is counted in bytes.
func newByteProgress(total int64, description string) *progress {
	return newProgressOn(os.Stderr, term.IsTerminal(int(os.Stderr.Fd())), total, description, true)
}

// newProgressOn begins a job that shows its progress on out, which may be a terminal.
func newProgressOn(out io.Writer, terminal bool, total int64, description string, bytes bool) *progress {
	now := time.Now()
	p := &progress{out: out, total: total, description: description, bytes: bytes, start: now, printed: now, first: -1}
	if terminal {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(out), progressbar.OptionSetWidth(24),
			progressbar.OptionSetDescription(description),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionShowBytes(bytes),
			progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(terminalInterval),
			progressbar.OptionClearOnFinish())
	}
	return p
}

// Set records how many steps are done.
func (p *progress) Set(done int64) {
	if p.first < 0 {
		p.first = done
	}
	p.done = done
	if p.bar != nil {
		_ = p.bar.Set64(min(done, p.total)) // a terminal that has gone must not end the job
		return
	}
	if now := time.Now(); now.Sub(p.printed) >= plainInterval {
		p.printed = now
		fmt.Fprintln(p.out, p.line(now.Sub(p.start)))
	}
}

// Describe changes the description, for example to show the loss.
func (p *progress) Describe(description string) {
	p.description = description
	if p.bar != nil {
		p.bar.Describe(description)
	}
}

// Finish ends the job, whether all steps are done or not. It leaves one line with the steps that
// are done and the time.
func (p *progress) Finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	took := time.Since(p.start).Round(100 * time.Millisecond)
	fmt.Fprintf(p.out, "%s: %s of %s in %s\n", p.description, p.count(p.done), p.count(p.total), took)
}

// line is one line of progress, after the elapsed time.
func (p *progress) line(elapsed time.Duration) string {
	text := fmt.Sprintf("%s: %s of %s", p.description, p.count(p.done), p.count(p.total))
	rate := float64(p.done-max(p.first, 0)) / elapsed.Seconds()
	if rate <= 0 {
		return text
	}
	left := time.Duration(float64(p.total-p.done) / rate * float64(time.Second))
	speed := fmt.Sprintf("%.3g", rate)
	if p.bytes {
		speed = p.count(int64(rate))
	}
	return fmt.Sprintf("%s, %s/s, %s left", text, speed, left.Round(time.Second))
}

// count writes a number of steps, or of bytes.
func (p *progress) count(n int64) string {
	if p.bytes {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}
