package target

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/spelling"
)

// Parse returns the system with the given name, in either case: dw4, lj13, lj55, lj8+5, chain5 and
// others. Names lists the forms. Systems with other constants need a Spec.
func Parse(name string) (Target, error) {
	lower := strings.ToLower(strings.TrimSpace(name))
	for _, k := range kinds {
		if t := k.Parse(lower); t != nil {
			return t, t.Validate()
		}
	}
	return nil, unknownName(name)
}

// Names lists the forms of the names that Parse reads.
func Names() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Patterns...)
	}
	return names
}

// groups returns the groups of a pattern that matches the whole name, nil if it does not match.
func groups(pattern *regexp.Regexp, name string) []string {
	if match := pattern.FindStringSubmatch(name); match != nil {
		return match[1:]
	}
	return nil
}

// integer reads digits that a pattern has matched, few enough not to overflow.
func integer(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

func unknownName(name string) error {
	hint, examples := "", []string{}
	for _, k := range kinds {
		examples = append(examples, k.Examples...)
	}
	if best := spelling.Nearest(name, examples); best != "" {
		hint = fmt.Sprintf(" did you mean %q?", best)
	}
	return fmt.Errorf("target: unknown system %q;%s known are %s (%s); other constants need a settings file",
		name, hint, strings.Join(examples, ", "), strings.Join(Names(), ", "))
}
