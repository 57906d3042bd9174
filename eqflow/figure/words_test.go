package figure

import "testing"

// The name of a job becomes what a physicist would write. Words stay, and so do hyphens that no job
// has made.
func TestWords(t *testing.T) {
	for name, want := range map[string]string{
		"eqBG-short-1": "eqBG, short trajectory, seed 1", "nBG-augmented-12": "nBG, augmented data, seed 12",
		"eqBG-no-penalty": "eqBG, without penalty", "lj13-egnn-shipped": "LJ13, EGNN, as shipped",
		"annealed-lj13, path gradients": "annealed, LJ13, path gradients", "energy-matching": "energy matching",
		"eqBG": "eqBG", "egnn": "EGNN", "DW4": "DW4", "Shares of all-trans": "Shares of all-trans",
		"one-hop, forces": "one-hop, forces", "reverse KL, path gradients-1": "reverse KL, path gradients-1",
		"my_model.2": "my_model.2", "": "", "ring": "ring", "my-model-3": "my-model, seed 3",
	} {
		if got := Words(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}
