package figure

import (
	"fmt"
	"html"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Progress shows how far a long run is, on one line that is rewritten in place: in the cell's output in a notebook,
// elsewhere on stderr. It is safe for use by several goroutines.
type Progress struct {
	mu       sync.Mutex
	what     string
	total    int
	first    int // step of the first update: a resumed run does not count what was done before
	start    time.Time
	started  bool
	next     time.Time
	finished bool
	width    int // runes on the terminal's line
	line     func(text string, last bool)
	now      func() time.Time
}

// pause between two rewrites: a notebook keeps every message until the cell ends.
const pause = 500 * time.Millisecond

// filePause replaces pause where stderr is a file or pipe, which cannot be rewritten.
const filePause = 15 * time.Second

// NewProgress begins a line for a run of total steps; a total of 0 means not known.
func NewProgress(what string, total int) *Progress {
	p := &Progress{what: what, total: total, now: time.Now}
	if inNotebook() {
		id := newLine()
		lost := false
		p.line = func(text string, _ bool) {
			// A lost notebook is no reason to end a training, nor to wait for it at every step; Show reports it.
			lost = lost || updateLine(id, `<pre style="margin:0">`+html.EscapeString(text)+"</pre>") != nil
		}
		return p
	}
	p.line = p.terminal(os.Stderr, isTerminal(os.Stderr))
	return p
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// terminal writes lines over each other, or under each other where that is not possible.
func (p *Progress) terminal(w io.Writer, rewrites bool) func(string, bool) {
	return func(text string, last bool) {
		if !rewrites {
			fmt.Fprintln(w, text)
			return
		}
		runes := utf8.RuneCountInString(text)
		fmt.Fprint(w, "\r"+text+strings.Repeat(" ", max(0, p.width-runes)))
		p.width = runes
		if last {
			fmt.Fprintln(w)
		}
	}
}

// Update shows step and what else there is to tell, such as the loss, at most twice a second.
func (p *Progress) Update(step int, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if !p.started {
		p.started, p.first, p.start = true, step, now
	}
	if p.finished || now.Before(p.next) {
		return
	}
	p.next = now.Add(p.every())
	p.line(p.text(step, now.Sub(p.start), fmt.Sprintf(format, args...)), false)
}

func (p *Progress) every() time.Duration {
	if inNotebook() || isTerminal(os.Stderr) {
		return pause
	}
	return filePause
}

// text is "training 1200/4000  30 %  loss 8.1  52 steps/s  54s left".
func (p *Progress) text(step int, elapsed time.Duration, more string) string {
	parts := []string{fmt.Sprintf("%s %d", p.what, step)}
	if p.total > 0 {
		parts = []string{fmt.Sprintf("%s %d/%d", p.what, step, p.total), fmt.Sprintf("%d %%", 100*step/p.total)}
	}
	if more != "" {
		parts = append(parts, more)
	}
	if rate := float64(step-p.first) / elapsed.Seconds(); step > p.first && elapsed > 0 {
		parts = append(parts, fmt.Sprintf("%.3g steps/s", rate))
		if left := time.Duration(float64(p.total-step) / rate * float64(time.Second)); p.total > step {
			parts = append(parts, left.Round(time.Second).String()+" left")
		}
	}
	return strings.Join(parts, "  ")
}

// Done replaces the line by a short last one: what, the result, and how long it took. Later updates do nothing.
func (p *Progress) Done(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return
	}
	p.finished = true
	parts := []string{p.what + " done"}
	if format != "" {
		parts = append(parts, fmt.Sprintf(format, args...))
	}
	if p.started {
		parts = append(parts, p.now().Sub(p.start).Round(100*time.Millisecond).String())
	}
	p.line(strings.Join(parts, "  "), true)
}
