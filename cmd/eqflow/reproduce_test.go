package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/protocol"
)

// A machine that took twice as long for the first notebook is expected to take twice as long for
// the rest.
func TestTimeLeftLearnsThePace(t *testing.T) {
	s := newSchedule([]string{"01-a.ipynb", "03-b.ipynb", "05-c.ipynb"}, true)
	whole := expected["01"].quick + expected["03"].quick + expected["05"].quick
	if got := s.remaining(0).Seconds(); got != whole {
		t.Errorf("%g s at the start, want %g", got, whole)
	}
	s.finish(time.Duration(2*expected["01"].quick*float64(time.Second)), false)
	if got, want := s.remaining(0).Seconds(), 2*(expected["03"].quick+expected["05"].quick); got != want {
		t.Errorf("%g s after a slow notebook, want %g", got, want)
	}
	s.finish(0, true)
	if got, want := s.remaining(time.Hour).Seconds(), 2*expected["05"].quick/10; got > want+1 || got <= 0 {
		t.Errorf("%g s in an overdue notebook, want about %g", got, want)
	}
}

// The table of the claims fits 120 columns, however long their texts are.
func TestClaimsFitTheScreen(t *testing.T) {
	long := strings.Repeat("a long word ", 20)
	all := results{Claims: []protocol.Claim{
		{Notebook: "01", Claim: long, Target: long, Measured: long},
		{Notebook: "02", Claim: "short", Target: protocol.Shown, Measured: "1", Held: true},
	}}
	var out bytes.Buffer
	all.printClaims(&out)
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 120 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	text := out.String()
	if !strings.Contains(text, "NOT held") || !strings.Contains(text, "shown") || strings.Count(text, "word") != 60 {
		t.Errorf("table is\n%s", text)
	}
}
