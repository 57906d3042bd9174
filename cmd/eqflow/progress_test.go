package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	p := newProgressOn(&bytes.Buffer{}, false, 4000, "training", false)
	p.Set(1000) // a resumed job
	p.Set(1500)
	if got, want := p.line(10*time.Second), "training: 1500 of 4000, 50/s, 50s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	b := newProgressOn(&bytes.Buffer{}, false, 60e6, "download", true)
	b.Set(0)
	b.Set(20e6)
	if got, want := b.line(4*time.Second), "download: 20.0 MB of 60.0 MB, 5.0 MB/s, 8s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := newProgressOn(&bytes.Buffer{}, false, 10, "x", false).line(time.Second); got != "x: 0 of 10" {
		t.Errorf("before the first step: %q", got)
	}
}

// A file gets few lines, however often progress is set. One of them is the last.
func TestProgressInFile(t *testing.T) {
	var out bytes.Buffer
	p := newProgressOn(&out, false, 1000, "sampling", false)
	for i := range int64(1001) {
		p.Set(i)
	}
	p.printed = time.Now().Add(-plainInterval)
	p.Set(1000)
	p.Describe("sampled")
	p.Finish()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	finished := strings.HasPrefix(lines[len(lines)-1], "sampled: 1000 of 1000 in ")
	if len(lines) != 2 || !finished || strings.Contains(out.String(), "\r") {
		t.Errorf("wrote %q", out.String())
	}
}

func TestProgressOnTerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgressOn(&out, true, 100, "training", false)
	for i := range int64(4) {
		p.Set(i * 30)
		time.Sleep(120 * time.Millisecond) // longer than the bar's throttle
	}
	p.Describe("loss 1.5")
	p.Finish()
	for _, part := range []string{"30/100", "it/s", "loss 1.5: 90 of 100 in "} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in %q", part, out.String())
		}
	}
}
