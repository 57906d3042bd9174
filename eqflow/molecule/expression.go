package molecule

import (
	"regexp"
	"strconv"
	"strings"
)

// expression is one of OpenMM's expressions, such as "a*b; a=2; b=c+1", without blanks: the main
// part, the definitions that are numbers, and the other definitions.
type expression struct {
	main    string
	numbers map[string]float64
	defined map[string]string
}

// parseExpression splits an expression. It returns false if a definition has no name or appears
// twice with different contents.
func parseExpression(text string) (expression, bool) {
	parts := strings.Split(strings.Join(strings.Fields(text), ""), ";")
	x := expression{main: parts[0], numbers: map[string]float64{}, defined: map[string]string{}}
	for _, part := range parts[1:] {
		if part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok || name == "" {
			return x, false
		}
		number, err := strconv.ParseFloat(value, 64)
		if _, twice := x.numbers[name]; twice {
			return x, false
		}
		if _, twice := x.defined[name]; twice {
			return x, false
		}
		if err == nil {
			x.numbers[name] = number
		} else {
			x.defined[name] = value
		}
	}
	return x, true
}

// numberPattern matches a number in an expression.
const numberPattern = `([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)`

// template is the main part of an expression in which # stands for any number.
type template struct{ pattern *regexp.Regexp }

func newTemplate(text string) template {
	quoted := regexp.QuoteMeta(strings.Join(strings.Fields(text), ""))
	return template{regexp.MustCompile("^" + strings.ReplaceAll(quoted, "#", numberPattern) + "$")}
}

// match returns the numbers of an expression's main part, and whether it fits.
func (t template) match(main string) ([]float64, bool) {
	found := t.pattern.FindStringSubmatch(main)
	if found == nil {
		return nil, false
	}
	values := make([]float64, len(found)-1)
	for k, text := range found[1:] {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, false
		}
		values[k] = v
	}
	return values, true
}

// defines reports whether the definitions that are not numbers are the given ones, and no others.
func (x expression) defines(want map[string]string) bool {
	if len(x.defined) != len(want) {
		return false
	}
	for name, value := range want {
		if x.defined[name] != value {
			return false
		}
	}
	return true
}
