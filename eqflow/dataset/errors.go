package dataset

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/printable"
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

func (e *inputError) Error() string {
	if e.path == "" {
		return e.text
	}
	return fmt.Sprintf("dataset: %s: %s", e.path, e.text)
}

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
	return &inputError{path: path, text: printable.Line(err.Error()), cause: errors.Unwrap(err)}
}

// Inputf returns an error that matches ErrInput and what %w wraps. Its text is that of the format
// alone. It is for other packages, about files that they read.
func Inputf(format string, args ...any) error { return inputErrorf("", format, args...) }

// Reason returns what is wrong with a file, without its path and without what to do, from an error
// of this package. It returns the text of any other error.
func Reason(err error) string {
	var e *inputError
	if !errors.As(err, &e) {
		return err.Error()
	}
	text, _, _ := strings.Cut(e.text, "; ")
	return text
}

// unsupportedType is NumPy's name of an element type that Array cannot hold: "<c16", "|O".
type unsupportedType string

// recordField finds the names of fields in the type of a record.
var recordField = regexp.MustCompile(`\(\s*['"]([^'"]+)['"]\s*,`)

// positionField matches the names of fields that are likely to be positions.
var positionField = regexp.MustCompile(`(?i)pos|coord|xyz|^[xr]$`)

// shortened returns a text of at most 200 bytes: a damaged file can hold anything in the place of a
// name.
func shortened(text string) string {
	const longest = 200
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}

// The text names the type and a way to save the values that Read accepts.
func (t unsupportedType) Error() string {
	if fields := recordField.FindAllStringSubmatch(string(t), -1); fields != nil {
		names := make([]string, len(fields))
		for k, field := range fields {
			names[k] = shortened(field[1])
		}
		best := names[max(0, slices.IndexFunc(names, positionField.MatchString))]
		return fmt.Sprintf("holds records with the fields %s; "+
			"save one field, such as array['%s'], as an array of numbers", shortened(strings.Join(names, ", ")), best)
	}
	what, advice := "elements", "save numbers, with .astype('float64')"
	switch kind := strings.TrimLeft(string(t), "<>|="); {
	case strings.HasPrefix(kind, "c"):
		what, advice = "complex numbers", "save the real part, with .real"
	case strings.HasPrefix(kind, "O"):
		what = "pickled Python objects"
		advice = "save one array of numbers, with numpy.stack(list(array)).astype('float64')"
	case strings.HasPrefix(kind, "U"), strings.HasPrefix(kind, "S"):
		what = "text"
	case strings.HasPrefix(kind, "M"), strings.HasPrefix(kind, "m"):
		what = "times"
	}
	return fmt.Sprintf("holds %s (type %s); %s", what, shortened(string(t)), advice)
}

// isText reports whether the type is text, which is never taken for positions.
func (t unsupportedType) isText() bool {
	return strings.HasPrefix(strings.TrimLeft(string(t), "<>|="), "U") ||
		strings.HasPrefix(strings.TrimLeft(string(t), "<>|="), "S")
}

// compressions names the methods of zip archives that Go's library does not read.
var compressions = map[uint16]string{
	9: "Deflate64", 12: "bzip2", 14: "LZMA", 20: "Zstandard", 93: "Zstandard", 95: "XZ", 98: "PPMd",
}

// unsupportedStorage is the way in which a member of an archive is stored and cannot be read.
type unsupportedStorage string

func (s unsupportedStorage) Error() string {
	return fmt.Sprintf("is %s, which is not read; write the file with numpy.savez or numpy.savez_compressed", string(s))
}
