//go:build long

package serve

import "testing"

// Twenty kernels in a row start, run a cell and end.
func TestTwentyStarts(t *testing.T) {
	for range 20 {
		t.Run("start", func(t *testing.T) {
			if got, _, _ := serve(t, "").cell(t, "%%\nfmt.Print(1)"); got != "1" {
				t.Errorf("the cell shows %q", got)
			}
		})
	}
}

// The same for a thousand cells.
func TestInputAndDisplaysAlternateLong(t *testing.T) { alternate(t, 1000) }
