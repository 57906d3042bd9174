package figure

import (
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// This file takes colour away again: on a transparent ground nothing can be covered by the colour
// of the ground.

// erase makes a disc transparent.
func erase(c draw.Canvas, center vg.Point, radius vg.Length) {
	box := vg.Rectangle{
		Min: vg.Point{X: center.X - radius, Y: center.Y - radius},
		Max: vg.Point{X: center.X + radius, Y: center.Y + radius},
	}
	scale(c, box, func(at vg.Point, dot vg.Length) float64 {
		beyond := vg.Length(math.Hypot(float64(at.X-center.X), float64(at.Y-center.Y))) - radius
		return math.Max(0, math.Min(1, float64(beyond/dot)+0.5))
	})
}

// replace draws a disc in the place of what lies under it, which would shine through a translucent
// disc.
func replace(c draw.Canvas, center vg.Point, radius vg.Length, clr color.Color) {
	erase(c, center, radius)
	disc(c, center, radius, clr)
}

// fade leaves a fraction of the colour in a rectangle.
func fade(c draw.Canvas, box vg.Rectangle, fraction float64) {
	scale(c, box, func(at vg.Point, _ vg.Length) float64 {
		if at.X < box.Min.X || at.X > box.Max.X || at.Y < box.Min.Y || at.Y > box.Max.Y {
			return 1
		}
		return fraction
	})
}

// inkIn returns how much is drawn in a rectangle, in dots that are covered.
func inkIn(c draw.Canvas, box vg.Rectangle) float64 {
	sum := 0.0
	eachDot(c, box, func(picture *image.RGBA, x, y int, at vg.Point, _ vg.Length) {
		if at.X >= box.Min.X && at.X <= box.Max.X && at.Y >= box.Min.Y && at.Y <= box.Max.Y {
			sum += float64(picture.RGBAAt(x, y).A) / 255
		}
	})
	return sum
}

// scale multiplies all dots in a rectangle by factors in [0, 1], which depend on the middle and the
// width of a dot.
func scale(c draw.Canvas, box vg.Rectangle, factor func(at vg.Point, dot vg.Length) float64) {
	eachDot(c, box, func(picture *image.RGBA, x, y int, at vg.Point, dot vg.Length) {
		f := factor(at, dot)
		if f == 1 {
			return
		}
		d := picture.RGBAAt(x, y)
		of := func(v uint8) uint8 { return uint8(float64(v)*f + 0.5) }
		picture.SetRGBA(x, y, color.RGBA{of(d.R), of(d.G), of(d.B), of(d.A)})
	})
}

// eachDot calls visit for the dots of the picture in and around a rectangle, with the middle and
// the width of a dot.
func eachDot(
	c draw.Canvas, box vg.Rectangle, visit func(picture *image.RGBA, x, y int, at vg.Point, dot vg.Length),
) {
	for { // every crop wraps the canvas once more
		inner, ok := c.Canvas.(draw.Canvas)
		if !ok {
			break
		}
		c = inner
	}
	canvas, ok := c.Canvas.(*vgimg.Canvas)
	if !ok {
		return
	}
	picture := canvas.Image().(*image.RGBA) // the type that vgimg creates by default
	dot := vg.Inch / vg.Length(canvas.DPI())
	_, height := canvas.Size()
	area := image.Rect(
		int(box.Min.X/dot)-1, int((height-box.Max.Y)/dot)-1, int(box.Max.X/dot)+2, int((height-box.Min.Y)/dot)+2,
	).Intersect(picture.Rect)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			visit(picture, x, y, vg.Point{X: (vg.Length(x) + 0.5) * dot, Y: height - (vg.Length(y)+0.5)*dot}, dot)
		}
	}
}

// arc draws a circle.
func arc(c draw.Canvas, center vg.Point, radius, width vg.Length, clr color.Color) {
	var p vg.Path
	p.Move(vg.Point{X: center.X + radius, Y: center.Y})
	p.Arc(center, radius, 0, 2*math.Pi)
	p.Close()
	c.SetLineStyle(line(width, clr, false))
	c.Stroke(p)
}
