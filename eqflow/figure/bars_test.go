package figure

import (
	"image"
	"math"
	"testing"

	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Three seeds are three marks on one vertical line, at the heights of their values.
func TestSeedsAreMarksOnOneLine(t *testing.T) {
	seeds := []float64{20, 50, 80}
	f := Bars(Axes{YRange: [2]float64{0, 100}}, []string{"a"}, BarSeries{Name: "s", Seeds: [][]float64{seeds}})
	img := f.image(192)
	// The frame, by the axis below it and the axis beside it.
	var bottom image.Point
	for at := range axisLines(img) {
		if at.Y > bottom.Y {
			bottom = at
		}
	}
	width := axisLines(img)[bottom]
	frame := f.plot.frame(croppedCanvas(f))
	height := 2 * float64((frame.Max.Y-frame.Min.Y)/px)
	x := bottom.X + width/2
	for _, v := range seeds {
		y := bottom.Y - int(math.Round(v/100*height))
		for _, side := range []int{-6, 6} { // the line between the marks is 3 dots wide
			c := img.RGBAAt(x+side, y)
			if int(c.B) < int(c.R)+60 || c.A < 150 {
				t.Errorf("no mark beside the line at %g: %v", v, c)
			}
		}
	}
	if c := img.RGBAAt(x+6, bottom.Y-int(0.35*height)); c.A > 120 {
		t.Errorf("a mark between the seeds: %v", c)
	}
	means := BarSeries{Seeds: [][]float64{{1, 2, 3}, nil}}.withMeans(2).Values
	if means[0] != 2 || !math.IsNaN(means[1]) {
		t.Errorf("the means are %v", means)
	}
}

// croppedCanvas returns the canvas on which a figure paints.
func croppedCanvas(f Figure) draw.Canvas {
	c := draw.New(vgimg.New(f.width, f.height))
	return draw.Crop(c, 6*px, -10*px, 6*px, -6*px)
}
