package figure

import (
	"strings"
	"testing"
	"time"
)

// fakeProgress returns a Progress with its own clock, and the lines that it writes.
func fakeProgress(total int) (p *Progress, clock *time.Time, lines *[]string) {
	clock, lines = new(time.Time), new([]string)
	p = &Progress{title: "training", total: total, now: func() time.Time { return *clock }}
	p.line = func(text string, _ bool) { *lines = append(*lines, text) }
	return p, clock, lines
}

func TestProgressShowsRateAndTimeLeft(t *testing.T) {
	p, clock, lines := fakeProgress(4000)
	p.Update(1000, "loss %.1f", 9.0) // a resumed run
	*clock = clock.Add(20 * time.Second)
	p.Update(2000, "loss %.1f", 8.1)
	p.Done("NLL 8.05")
	p.Done("twice")
	p.Update(4000, "late")
	want := []string{
		"training 1000/4000  25 %  loss 9.0",
		"training 2000/4000  50 %  loss 8.1  50 steps/s  40s left",
		"training done  NLL 8.05  20s",
	}
	if strings.Join(*lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", *lines, want)
	}
}

func TestProgressIsThrottled(t *testing.T) {
	p, clock, lines := fakeProgress(0)
	for step := range 1000 {
		p.Update(step, "")
		*clock = clock.Add(time.Millisecond)
	}
	if len(*lines) > 2 { // one second, at most twice a second
		t.Errorf("%d lines in a second", len(*lines))
	}
}

func TestTerminalLineIsOverwritten(t *testing.T) {
	var out strings.Builder
	p := &Progress{}
	write := p.terminal(&out, true)
	write("a longer line", false)
	write("short", true)
	if want := "\ra longer line\rshort        \n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
