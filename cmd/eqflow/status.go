package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/eqflow/gonb-eqflow/eqflow"
)

// status is a line on stderr about what goes on. A terminal shows the line in place; elsewhere it
// is printed now and then.
type status struct {
	out      io.Writer
	name     string
	terminal bool
	start    time.Time
	told     time.Time // when the line was shown last
}

// newStatus begins the line of the work that name names.
func newStatus(out io.Writer, name string) *status {
	terminal := out == os.Stderr && term.IsTerminal(int(os.Stderr.Fd()))
	return &status{out: out, name: name, terminal: terminal, start: time.Now()}
}

// show replaces the text of the line, unless the line has just changed.
func (s *status) show(format string, arguments ...any) {
	interval := plainInterval
	if s.terminal {
		interval = terminalInterval
	}
	if time.Since(s.told) < interval {
		return
	}
	s.told = time.Now()
	text, elapsed := fmt.Sprintf(format, arguments...), time.Since(s.start).Round(time.Second)
	s.print(fmt.Sprintf("%s  %s  %s", s.name, elapsed, text))
}

// say replaces the text of the line at once.
func (s *status) say(text string) {
	s.told = time.Time{}
	s.show("%s", text)
}

// tick shows the text and the elapsed time, every second until stop is called.
func (s *status) tick(text string) (stop func()) {
	s.say(text)
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Second):
				s.show("%s", text)
			}
		}
	}()
	return func() { close(done); <-over }
}

// end writes the last text, which stays on the screen.
func (s *status) end(format string, arguments ...any) {
	s.print(s.name + "  done in " + fmt.Sprintf(format, arguments...))
	if s.terminal {
		fmt.Fprintln(s.out)
	}
}

// clear removes the line from a terminal.
func (s *status) clear() {
	if s.terminal {
		s.print("")
		fmt.Fprint(s.out, "\r")
	}
}

// print writes the line; on a terminal it cuts the line to the terminal's width.
func (s *status) print(line string) {
	if !s.terminal {
		fmt.Fprintln(s.out, line)
		return
	}
	width, _, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil || width < 20 {
		width = 80
	}
	runes := []rune(line)
	if len(runes) >= width {
		runes = runes[:width-1]
	}
	fmt.Fprint(s.out, "\r"+string(runes)+strings.Repeat(" ", max(0, width-1-len(runes))))
}

// watch shows the progress of a model's computations on stderr, and lets Ctrl-C stop them. The
// caller calls end when they are over.
func watch(cmd *cobra.Command, model *eqflow.Model) (end func()) {
	line := newStatus(cmd.ErrOrStderr(), cmd.Name())
	line.told = time.Now() // a computation shorter than an interval needs no progress
	model.Watch(cmd.Context(), func(done, total int) { line.show("%d of %d configurations", done, total) })
	return line.clear
}
