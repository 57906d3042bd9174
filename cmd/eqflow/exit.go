package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
)

// The exit codes. A crash, or memory that is short, ends the process by a signal (crash.go), which
// shells show as 131 to 139. Batch systems may try again after all but exitInput.
const (
	exitDone        = 0
	exitFailed      = 1
	exitInput       = 2
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// inputError marks an error that the user can mend: wrong flags, or files with the wrong contents.
type inputError struct{ error }

func (e inputError) Unwrap() error { return e.error }

// inputErrorf returns an error that ends the program with exit code 2.
func inputErrorf(format string, arguments ...any) error {
	return inputError{fmt.Errorf(format, arguments...)}
}

// asInput marks an existing error as wrong input. A nil error stays nil.
func asInput(err error) error {
	if err == nil {
		return nil
	}
	return inputError{err}
}

// stoppedError is an error of a command that a signal had stopped.
type stoppedError struct{ error }

func (e stoppedError) Unwrap() []error { return []error{e.error, context.Canceled} }

// exitCode is the program's exit code after err.
func exitCode(err error) int {
	var input inputError
	var spec *xla.SpecError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &input), errors.As(err, &spec):
		return exitInput
	}
	return exitFailed
}

// oneLine writes an error as one line of bounded length, without the stack of GoMLX's errors.
func oneLine(err error) string {
	const longest = 2000
	var parts []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	text := strings.Join(parts, "; ")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + " …"
	}
	return text
}

// correctable are the errors of models, data and shards that the user can correct.
var correctable = []error{train.ErrOtherModel, train.ErrLocked, engine.ErrChoice, dataset.ErrInput, campaign.ErrShards}

// modelError marks an error that the user can correct.
func modelError(err error) error {
	var settings *train.SettingsError
	of := func(known error) bool { return errors.Is(err, known) }
	if slices.ContainsFunc(correctable, of) || errors.As(err, &settings) {
		return asInput(err)
	}
	return err
}
