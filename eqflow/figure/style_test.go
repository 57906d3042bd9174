package figure

import (
	"image/color"
	"testing"
)

// A name with a meaning has its colour in every figure, and no other series has that colour.
func TestColoursHaveOneMeaning(t *testing.T) {
	for _, names := range [][]string{
		{"MCMC", "eqBG", "nBG", "nBG-augmented", "Gaussian"}, {"a", "eqBG", "b", "reference"}, {"a", "b", "c"},
		{"nBG", "", ""}, {"MCMC", "known"}, {"eqBG", "known", "MCMC"},
	} {
		seen := map[color.NRGBA]bool{}
		for i, c := range colours(names) {
			if want, known := meanings[names[i]]; known && c != want {
				t.Errorf("%q of %q is %v, want %v", names[i], names, c, want)
			}
			if seen[c] {
				t.Errorf("two of %q are %v", names, c)
			}
			seen[c] = true
		}
	}
	if many := colours(make([]string, 20)); len(many) != 20 || many[0] != Color(0) {
		t.Errorf("more series than colours: %v", many)
	}
}
