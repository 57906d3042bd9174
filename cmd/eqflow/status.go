package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// status is one line on stderr that says what goes on: rewritten in place on a terminal, elsewhere printed now and then.
type status struct {
	out      io.Writer
	name     string
	terminal bool
	start    time.Time
	told     time.Time
}

func newStatus(out io.Writer, name string) *status {
	return &status{out: out, name: name, terminal: out == os.Stderr && term.IsTerminal(int(os.Stderr.Fd())), start: time.Now()}
}

// show replaces the line's text.
func (s *status) show(format string, arguments ...any) {
	interval := plainInterval
	if s.terminal {
		interval = 100 * time.Millisecond
	}
	if time.Since(s.told) < interval {
		return
	}
	s.told = time.Now()
	s.print(fmt.Sprintf("%s  %s  %s", s.name, time.Since(s.start).Round(time.Second), fmt.Sprintf(format, arguments...)))
}

// say replaces the line's text at once.
func (s *status) say(text string) {
	s.told = time.Time{}
	s.show("%s", text)
}

// tick shows the text, and how long it has been so, until stop is called.
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

// end writes the last text, which stays.
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
