//go:build faults && linux && amd64

package faults

import (
	"fmt"
	"strings"
	"testing"
)

// Every system call that changes the folder is the last one of a killed process, writes half of its
// bytes before the kill, fails with EIO, or meets a disk that is full from then on.
func TestEachSystemCall(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) { eachCall(t, prepared(t, s), 0) })
	}
}

// The same for a training that is interrupted and writes its checkpoint.
func TestEachSystemCallOfACheckpoint(t *testing.T) {
	s := prepared(t, scenarios()[0])
	s.name = "train, interrupted"
	const locked = 6 // the call at which the training is about to begin
	eachCall(t, s, locked)
}

func eachCall(t *testing.T, s *scenario, interrupt int) {
	plain := trace(t, fresh(t, s), fault{interrupt: interrupt}, strings.Fields(s.line)...)
	if interrupt == 0 && plain.code != exitDone {
		t.Fatalf("traced without a fault, it ends with exit code %d: %s", plain.code, plain.stderr)
	}
	t.Logf("%d calls: %s", len(plain.calls), strings.Join(plain.calls, ", "))
	for _, kind := range []string{"kill -9", "torn write", "EIO", "full disk"} {
		tally := tally{command: s.name, fault: kind}
		for at := range len(plain.calls) {
			folder := fresh(t, s)
			f := fault{at: at + 1, kind: kind, interrupt: interrupt}
			run := trace(t, folder, f, strings.Fields(s.line)...)
			if !run.hit {
				continue
			}
			wrong := unbroken(s, folder)
			if wrong == "" {
				wrong = checkRecovery(t, s, folder, run.code, run.stderr)
			}
			if wrong != "" {
				wrong = fmt.Sprintf("at call %d (%s): %s", at+1, plain.calls[at], wrong)
			}
			tally.count(t, wrong)
		}
		tallies = append(tallies, tally)
	}
}
