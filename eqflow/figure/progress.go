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

// Progress shows the progress of a long run on one line that is rewritten in place: in the output
// of the cell in a notebook, elsewhere on stderr. It is safe for concurrent use.
type Progress struct {
	mu       sync.Mutex
	title    string
	total    int
	first    int // step of the first update, so that the rate of a resumed run excludes earlier steps
	start    time.Time
	started  bool
	next     time.Time // of the next rewrite
	finished bool
	width    int // runes of the line on the terminal
	line     func(text string, last bool)
	now      func() time.Time
}

// rewritePause is the time between two rewrites. A notebook stores every message until the cell
// ends.
const rewritePause = 500 * time.Millisecond

// filePause replaces rewritePause if stderr is a file or pipe, which cannot be rewritten.
const filePause = 15 * time.Second

// NewProgress returns a line for a run of total steps. A total of 0 means unknown.
func NewProgress(title string, total int) *Progress {
	p := &Progress{title: title, total: total, now: time.Now}
	if inNotebook() {
		id := newDisplayID()
		lost := false
		p.line = func(text string, _ bool) {
			// After a lost connection the run continues without updates. Show reports the loss.
			lost = lost || updateDisplay(id, `<pre style="margin:0">`+html.EscapeString(text)+"</pre>") != nil
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

// terminal returns a function that writes each line over the previous line, or below it if that is
// impossible.
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

// Of is Update for a run whose number of steps becomes known while it goes on.
func (p *Progress) Of(step, total int, format string, args ...any) {
	p.mu.Lock()
	p.total = total
	p.mu.Unlock()
	p.Update(step, format, args...)
}

// Update shows the step and further text, such as the loss, at most twice a second.
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

// every returns the time between two lines.
func (p *Progress) every() time.Duration {
	if inNotebook() || isTerminal(os.Stderr) {
		return rewritePause
	}
	return filePause
}

// text returns a line such as "training 1200/4000  30 %  loss 8.1  52 steps/s  54s left".
func (p *Progress) text(step int, elapsed time.Duration, more string) string {
	parts := []string{fmt.Sprintf("%s %d", p.title, step)}
	if p.total > 0 {
		parts = []string{fmt.Sprintf("%s %d/%d", p.title, step, p.total), fmt.Sprintf("%d %%", 100*step/p.total)}
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

// Done replaces the line by a last one with the title, the result and the duration. Later updates
// are ignored.
func (p *Progress) Done(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return
	}
	p.finished = true
	parts := []string{p.title + " done"}
	if format != "" {
		parts = append(parts, fmt.Sprintf(format, args...))
	}
	if p.started {
		parts = append(parts, p.now().Sub(p.start).Round(100*time.Millisecond).String())
	}
	p.line(strings.Join(parts, "  "), true)
}
