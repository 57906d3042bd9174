package finite

import (
	"encoding/json"
	"math"
	"testing"
)

type point struct {
	X float64 `json:"x"`
}

type inner struct {
	Error float64 `json:"error"`
}

type outer struct {
	inner
	N       int      `json:"n"`
	Nan     float64  `json:"nan"`
	Left    float64  `json:"left,omitempty"`
	Points  []point  `json:"points"`
	At      *point   `json:"at"`
	Nowhere *point   `json:"nowhere"`
	Halves  [2]point `json:"halves"`
	private int
}

func TestFields(t *testing.T) {
	value := outer{inner: inner{math.Inf(1)}, N: 3, Nan: math.NaN(), Points: []point{{math.Inf(-1)}, {2}}, private: 1}
	value.At, value.Halves = &point{math.NaN()}, [2]point{{1}, {math.Inf(1)}}
	text, err := json.Marshal(Fields(value))
	if want := `{"at":{"x":null},"error":null,"halves":[{"x":1},{"x":null}],"n":3,"nan":null,"nowhere":null,` +
		`"points":[{"x":null},{"x":2}]}`; err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
}
