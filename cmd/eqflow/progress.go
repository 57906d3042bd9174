package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// plainInterval is how often progress is told where stderr is a file or a pipe.
const plainInterval = 10 * time.Second

// progress shows on stderr how far a long job is, how fast it goes and how long it still takes: as a bar on a
// terminal, elsewhere as a line now and then. It is not for concurrent use.
type progress struct {
	out         io.Writer
	bar         *progressbar.ProgressBar // nil where lines are printed
	total       int64
	description string
	bytes       bool
	start, told time.Time
	first       int64 // done at the first call of Set: a resumed job's earlier steps say nothing about its speed
	done        int64
}

// newProgress begins a job of total steps; describe it in a word or two.
func newProgress(total int64, description string) *progress {
	return newProgressOn(os.Stderr, term.IsTerminal(int(os.Stderr.Fd())), total, description, false)
}

// newByteProgress begins a job that is counted in bytes.
func newByteProgress(total int64, description string) *progress {
	return newProgressOn(os.Stderr, term.IsTerminal(int(os.Stderr.Fd())), total, description, true)
}

func newProgressOn(out io.Writer, terminal bool, total int64, description string, bytes bool) *progress {
	now := time.Now()
	p := &progress{out: out, total: total, description: description, bytes: bytes, start: now, told: now, first: -1}
	if terminal {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(description),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionShowBytes(bytes),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(24), progressbar.OptionClearOnFinish())
	}
	return p
}

// Set tells how many steps are done.
func (p *progress) Set(done int64) {
	if p.first < 0 {
		p.first = done
	}
	p.done = done
	if p.bar != nil {
		_ = p.bar.Set64(min(done, p.total)) // a terminal that went away must not end the job
		return
	}
	if now := time.Now(); now.Sub(p.told) >= plainInterval {
		p.told = now
		fmt.Fprintln(p.out, p.line(now.Sub(p.start)))
	}
}

// Describe changes the description, for example to show a loss.
func (p *progress) Describe(description string) {
	p.description = description
	if p.bar != nil {
		p.bar.Describe(description)
	}
}

// Finish ends the job, done or not, and leaves one line that says how far it came and how long it took.
func (p *progress) Finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.out, "%s: %s of %s in %s\n", p.description, p.count(p.done), p.count(p.total), time.Since(p.start).Round(100*time.Millisecond))
}

// line is what a plain progress report says after some time.
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

func (p *progress) count(n int64) string {
	if p.bytes {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}
