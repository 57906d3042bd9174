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

// The seeds of a generator are shades of its colour, which both themes can show.
func TestShades(t *testing.T) {
	for _, name := range []string{"eqBG", "nBG", "nBG-augmented"} {
		shades := Shades(name, 3)
		if shades[0] != meanings[name] || shades[1] == shades[0] || shades[2] == shades[0] {
			t.Errorf("%s has the shades %v", name, shades)
		}
		for _, c := range shades {
			if onWhite, onDark := contrast(c, white), contrast(c, dark); onWhite < 1.6 || onDark < 1.9 {
				t.Errorf("%s: %v has the contrasts %.2f and %.2f", name, c, onWhite, onDark)
			}
		}
	}
	if other := Shades("a", 2); other[0] != Color(0) || other[1] != Color(1) {
		t.Errorf("a name without a meaning has %v", other)
	}
}
