package dataset

import (
	"errors"
	"fmt"
)

// ErrInput marks every error that the given file or name causes: a file that is absent, damaged, of
// another shape, or that exists already. Commands exit with their code for wrong input if
// errors.Is(err, ErrInput).
var ErrInput = errors.New("dataset: wrong input")

// inputError is the line "dataset: PATH: what is wrong; what to do". It matches ErrInput and its
// cause.
type inputError struct {
	path, text string
	cause      error
}

func (e *inputError) Error() string { return fmt.Sprintf("dataset: %s: %s", e.path, e.text) }

func (e *inputError) Unwrap() []error {
	if e.cause == nil {
		return []error{ErrInput}
	}
	return []error{ErrInput, e.cause}
}

// inputErrorf returns an error about the file at path. The text says what is wrong and ends with
// what to do.
func inputErrorf(path, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &inputError{path: path, text: err.Error(), cause: errors.Unwrap(err)}
}
