package train

import (
	"fmt"
	"testing"
)

// A training is told in one line, with what it had.
func TestHistorysText(t *testing.T) {
	for want, h := range map[string]History{
		"0 steps in 0s": {},
		"2000 steps in 1m12s, loss 8.104": {
			Steps: 2000, Best: 2000, Seconds: 72.3, Records: []Record{{Step: 1, Loss: 9}, {Step: 2000, Loss: 8.1043}},
		},
		"20 steps in 1.2s, loss 8.000, validation 8.100 nats, the parameters of step 10 are kept, " +
			"2.4e+07 energy evaluations": {
			Steps: 20, Best: 10, Seconds: 1.234, Energies: 24_000_000,
			Records: []Record{{Step: 10, Loss: 8.5, Validation: 8.1}, {Step: 20, Loss: 8}},
		},
	} {
		if got := fmt.Sprint(h); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
