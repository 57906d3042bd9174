package dataset

import (
	"errors"
	"fmt"
)

// ErrInput marks every error whose cause is the file or the name that was given, not this program: absent, of another
// shape, damaged, already there. A command line that sees errors.Is(err, ErrInput) exits with its code for wrong input.
var ErrInput = errors.New("dataset: wrong input")

// inputError is one line "dataset: PATH: what is wrong; what to do" that matches ErrInput and its cause.
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

// wrong builds an error of the file at path. The text says what is wrong and ends with what to do.
func wrong(path, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &inputError{path: path, text: err.Error(), cause: errors.Unwrap(err)}
}
