package host

import (
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// The text of samples stands beside their picture, for front ends without pictures.
func TestSamplesAsAResult(t *testing.T) {
	s := density.Samples{X: particle.NewBatch(8, 4, 2), LogQ: make([]float64, 8)}
	for i := range s.X.X {
		s.X.X[i] = float64(i%7) / 3
	}
	s.Energy, s.LogWeight = make([]float64, 8), make([]float64, 8)
	forms := bundle(s)
	if got, _ := forms["text/plain"].(string); !strings.HasPrefix(got, "8 samples of 4 particles") {
		t.Errorf("the text is %q", got)
	}
	if forms["image/png"] == nil {
		t.Error("there is no picture")
	}
}
