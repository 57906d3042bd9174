package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// crash is a program of which a goroutine panics.
func crash() {
	guardCrashes()
	go func() { panic("a riddle") }()
	select {}
}

// A crash is one line, and its exit code is not that of wrong input.
func TestCrashIsOneLine(t *testing.T) {
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), asProgram+"=crash", "GOTRACEBACK=")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	var exit *exec.ExitError
	if err := command.Run(); !errors.As(err, &exit) || exit.ExitCode() == exitInput {
		t.Errorf("the crash ends with %v", err)
	}
	text := stderr.String()
	if !strings.HasPrefix(text, "eqflow: the program has crashed (a riddle") || strings.Count(text, "\n") != 1 {
		t.Errorf("stderr is %q", text)
	}
}

// Foreign messages pass, and every kind of crash becomes one line with its cause.
func TestMessagesOfCrashes(t *testing.T) {
	const memory, crashed = "eqflow: out of memory (", "eqflow: the program has crashed ("
	abort := "SIGABRT: abort\n"
	for messages, want := range map[string]string{
		"a warning of a plugin\nanother\n": "a warning of a plugin\nanother\n",
		"without an end":                   "without an end",
		"WARNING: All log messages before absl::InitializeLog() is\n": "",
		"runtime: out of memory: cannot allocate 4096 bytes\nfatal error: out of memory\n\ngoroutine": memory +
			"cannot allocate 4096 bytes; out of memory)",
		"fatal error: runtime: cannot allocate memory\nstack\n": memory,
		"runtime/cgo: pthread_create failed: no\n" + abort:      memory,
		"terminate called after throwing\n  what():  std::bad_alloc\n" + abort: memory +
			"std::bad_alloc)",
		"F0000 00:00:17.4 45 env.cc:84] Check failed: ret == 0\n*** Check failure stack trace: ***\n" + abort: crashed +
			"Check failed: ret == 0)",
		"before\nSIGSEGV: segmentation violation\nPC=0\n": "before\n" + crashed + "segmentation violation)",
		"panic: runtime error: index out of range [5]\n\ngoroutine 7\n": crashed +
			"runtime error: index out of range [5])",
	} {
		var out bytes.Buffer
		passMessages(strings.NewReader(messages), &out)
		got := out.String()
		lines := strings.Count(got, "\n") - strings.Count(want, "\n")
		if !strings.HasPrefix(got, want) || strings.Contains(want, "eqflow") && lines != 1 {
			t.Errorf("%q became %q, want %q", messages, got, want)
		}
	}
}
