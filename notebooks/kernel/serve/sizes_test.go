package serve

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"reflect"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
)

// A picture that states its resolution is shown at its size. Another picture is left to the front
// end, and so is what only looks like one.
func TestSizes(t *testing.T) {
	line := figure.Series{X: []float64{0, 1}, Y: []float64{0, 1}}
	own, err := figure.Lines(figure.Axes{Width: 300, Height: 200}, line).PNG()
	if err != nil {
		t.Fatal(err)
	}
	var other bytes.Buffer
	if err := png.Encode(&other, image.NewGray(image.Rect(0, 0, 300, 200))); err != nil {
		t.Fatal(err)
	}
	zero := bytes.Clone(own)
	copy(zero[41:], make([]byte, 8)) // the resolution, of which nothing can be concluded
	none := map[string]any{}
	for name, c := range map[string]struct {
		data any
		want map[string]any
	}{
		"eqflow's": {own, map[string]any{"image/png": map[string]any{"width": 300, "height": 200}}},
		"another":  {other.Bytes(), none}, "zero": {zero, none}, "short": {own[:40], none}, "no bytes": {7, none},
		"long, but none": {make([]byte, 100), none},
	} {
		data := c.data
		if raw, ok := data.([]byte); ok {
			data = base64.StdEncoding.EncodeToString(raw)
		}
		if got := sizes(map[string]any{"image/png": data}); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
