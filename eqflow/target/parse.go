package target

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/spelling"
)

// namePattern reads dwN, ljN, ljN-pairs, ljN-ordered and harmonicNxD.
var namePattern = regexp.MustCompile(`^(dw|lj|harmonic)(\d{1,4})(?:x(\d{1,2}))?(?:-(pairs|ordered))?$`)

// examples are the names shown to someone who wrote another one.
var examples = []string{"dw4", "lj13", "lj55", "lj13-pairs", "harmonic4x2"}

// Parse returns the system of that name, without regard to case.
//
// dw4, lj13 and lj55 are DW4, LJ13 and LJ55; dwN and ljN have the same constants for N particles, ljN-pairs counts
// each pair once, harmonicNxD is N particles in D dimensions with k = 1. Other constants need a Spec.
func Parse(name string) (Target, error) {
	lower := strings.ToLower(strings.TrimSpace(name))
	match := namePattern.FindStringSubmatch(lower)
	if match == nil {
		return nil, unknownName(name)
	}
	family, dimension, convention := match[1], match[3], Convention(match[4])
	n, _ := strconv.Atoi(match[2])
	d, _ := strconv.Atoi(dimension)
	fits := map[string]bool{
		"dw":       dimension == "" && convention == "",
		"lj":       dimension == "",
		"harmonic": dimension != "" && convention == "",
	}
	if !fits[family] {
		return nil, unknownName(name)
	}
	switch family {
	case "dw":
		t := DW4()
		t.N = n
		return t, t.Validate()
	case "lj":
		t := lennardJones(n)
		if convention != "" {
			t.Convention = convention
		}
		return t, t.Validate()
	default:
		t := Harmonic{N: n, D: d, K: 1}
		return t, t.Validate()
	}
}

func unknownName(name string) error {
	hint := ""
	if best := spelling.Nearest(name, examples); best != "" {
		hint = fmt.Sprintf(" did you mean %q?", best)
	}
	return fmt.Errorf("target: unknown system %q;%s known are %s (dwN, ljN, ljN-pairs, harmonicNxD); other constants need a settings file",
		name, hint, strings.Join(examples, ", "))
}
