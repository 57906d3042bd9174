package main

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// A crash of Go's runtime, or of C++ code of a plugin, prints hundreds of lines straight to file
// descriptor 2. Go then exits with code 2, which would mean wrong input here. guardCrashes makes
// the runtime end by SIGABRT instead. A second process reads what is written to descriptor 2,
// passes it on, and turns a crash into one line. The program itself writes to the old descriptor
// under another number. GOTRACEBACK in the environment turns all that off.

// guardArgument is the only argument of the process that reads the messages.
const guardArgument = "__messages"

// crashStart matches the first line of a crash, and what Go's runtime says before it.
var crashStart = regexp.MustCompile(
	`^(fatal error: |panic: |SIG[A-Z]+: |runtime: |runtime/cgo: |terminate called|unexpected f|F\d{4} |\*{3} )`)

// crashCause matches lines that name the cause, and whose text is shown.
var crashCause = regexp.MustCompile(
	`^(fatal error: |panic: |SIG[A-Z]+: |runtime: out of memory: |runtime/cgo: |F\d{4} .*?\] |what\(\): +)(.+)$`)

// memoryShort matches causes that more memory, or more threads, would remove.
var memoryShort = regexp.MustCompile(
	`out of memory|annot allocate|bad_alloc|RESOURCE_EXHAUSTED|failed to reserve|pthread_create|new OS thread`)

// abslWarning begins the line that XLA prints before its first message.
const abslWarning = "WARNING: All log messages before absl::InitializeLog()"

// passMessages copies messages from in to out. It replaces a crash by one line.
func passMessages(in io.Reader, out io.Writer) {
	messages := bufio.NewReader(in)
	crashed, told := false, false
	var causes []string
	for {
		line, err := messages.ReadString('\n')
		if crashed = crashed || crashStart.MatchString(line); !crashed && !strings.HasPrefix(line, abslWarning) {
			io.WriteString(out, line)
		}
		if cause := crashCause.FindStringSubmatch(strings.TrimSpace(line)); crashed && cause != nil && !told {
			if isSignal := strings.HasPrefix(cause[1], "SIG"); !isSignal || len(causes) == 0 {
				causes = append(causes, cause[2])
			}
			// Go's own line is the last that names a cause, and the process may be the first of a
			// container, with which the reader ends too: tell at once.
			if strings.HasPrefix(cause[1], "fatal") || strings.HasPrefix(cause[1], "panic") {
				fmt.Fprintln(out, crashText(causes))
				told = true
			}
		}
		if err != nil {
			if crashed && !told {
				fmt.Fprintln(out, crashText(causes))
			}
			return
		}
	}
}

// crashText is the line about a crash.
func crashText(causes []string) string {
	cause := strings.Join(causes, "; ")
	if memoryShort.MatchString(cause) {
		return fmt.Sprintf("eqflow: out of memory (%.300s); nothing is wrong with the input: "+
			"give more memory or ask for less, and run the same command again", cause)
	}
	return fmt.Sprintf("eqflow: the program has crashed (%.300s); this is a fault of eqflow or of a plugin: "+
		"please report it with what GOTRACEBACK=all shows", cause)
}
