package molecule

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/printable"
)

// ErrInput marks every error that a given file or configuration causes: a file that is absent or
// damaged, a system outside what the package computes, a structure of another molecule, atoms on
// top of each other. Commands exit with their code for wrong input if errors.Is(err, ErrInput).
var ErrInput = errors.New("molecule: wrong input")

// ErrConstraints marks the refusal of a System for its constraints. Options.LiftConstraints lifts
// them.
var ErrConstraints = errors.New("molecule: constraints")

// inputError is one line that matches ErrInput and its cause.
type inputError struct {
	text  string
	cause error
}

func (e *inputError) Error() string { return "molecule: " + e.text }

func (e *inputError) Unwrap() []error {
	if e.cause == nil {
		return []error{ErrInput}
	}
	return []error{ErrInput, e.cause}
}

// inputErrorf returns an error that says what is wrong, where, and what to do.
func inputErrorf(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &inputError{text: printable.Line(err.Error()), cause: errors.Unwrap(err)}
}

// InputErrorf returns an error that matches ErrInput and its cause, for packages that build on this
// one.
func InputErrorf(format string, args ...any) error { return inputErrorf(format, args...) }

// InFile says in which file an error arose. The result matches ErrInput and the error.
func InFile(path string, err error) error {
	text := printable.Line(strings.TrimPrefix(err.Error(), "molecule: "))
	return &inputError{text: path + ": " + text, cause: err}
}

// Refusal is a part of a System that changes the energy and that the package does not compute.
type Refusal struct {
	What  string `json:"what"`  // the part, by the name that OpenMM gives it
	Needs string `json:"needs"` // what would be needed to compute the energy
}

func (r Refusal) String() string { return r.What + " is not supported: " + r.Needs }

// ConfigurationError says which configuration of a batch has no finite energy, and why.
type ConfigurationError struct {
	Configuration int // from 0
	Err           error
}

func (e *ConfigurationError) Error() string {
	return fmt.Sprintf("molecule: configuration %d (from 0): %s",
		e.Configuration, strings.TrimPrefix(e.Err.Error(), "molecule: "))
}

func (e *ConfigurationError) Unwrap() []error { return []error{ErrInput, e.Err} }
