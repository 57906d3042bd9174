package figure

import (
	"image"
	"image/color"
	"testing"
)

// axisLines returns the left ends of the horizontal axes in a picture, and their lengths.
func axisLines(img *image.RGBA) map[image.Point]int {
	axis := color.RGBAModel.Convert(axisInk).(color.RGBA)
	lines := map[image.Point]int{}
	for y := range img.Rect.Dy() {
		for x := 0; x < img.Rect.Dx(); x++ {
			from := x
			for x < img.Rect.Dx() && img.RGBAAt(x, y) == axis {
				x++
			}
			if x-from > 100 {
				lines[image.Pt(from, y)] = x - from
			}
		}
	}
	return lines
}

// The frames of a row are at the same height, and equally wide, to the dot, whatever the labels,
// titles and legends are. Rows without a colour bar are equally wide too.
func TestFramesAreAligned(t *testing.T) {
	y := func(scale float64) []float64 { return []float64{0, scale, -scale} }
	bare := Lines(Axes{Width: 560, Height: 380}, Series{X: ramp(3), Y: y(1)})
	labelled := Lines(Axes{Title: "t", X: "x", Y: "y", Width: 560, Height: 380},
		Series{Name: "a", X: ramp(3), Y: y(1e-3)}, Series{Name: "b", X: ramp(3), Y: y(10)})
	long := Lines(Axes{Title: "t", X: "x_{i}", LogY: true, Width: 560, Height: 380},
		Series{X: []float64{0, 1e4}, Y: []float64{1e-9, 1e9}})
	heat := FreeEnergyLandscape(Axes{Title: "t", Width: 560, Height: 380}, 4, ramp(9), ramp(9), nil)
	img := Grid("g", 2, bare, labelled, long, bare, heat, bare).image(192)
	lines := axisLines(img)
	rows, widths, lefts := map[int]int{}, map[int]bool{}, map[int]bool{}
	for at, width := range lines {
		rows[at.Y]++
		widths[width], lefts[at.X] = true, true
	}
	// A line of one pixel has two rows of dots, of which one or two are full.
	if len(widths) != 2 || len(lefts) != 2 || len(rows) < 3 || len(rows) > 6 {
		t.Errorf("axes begin at and are as long as %v", lines)
	}
	for y, n := range rows {
		if n != 2 {
			t.Errorf("%d of two frames end at row %d", n, y)
		}
	}
}
