package figure

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// legendEntry is one name in the legend. symbol draws the style of the series into a box of
// symbolWidth × lineHeight.
type legendEntry struct {
	name   string
	symbol func(c draw.Canvas, box vg.Rectangle)
}

const (
	symbolWidth = 28 * px
	lineHeight  = 21 * px
)

// header writes title and legend above the plot, where they cover no data, and returns the canvas
// below them.
func header(c draw.Canvas, title string, entries []legendEntry) draw.Canvas {
	return placeHeader(c, title, entries, true)
}

// placeHeader returns the canvas below title and legend, and writes them if visible.
func placeHeader(c draw.Canvas, title string, entries []legendEntry, visible bool) draw.Canvas {
	if title != "" {
		s := bold(titleSize)
		s.YAlign = draw.YTop
		if visible {
			c.FillText(s, vg.Point{X: c.Min.X + 4*px, Y: c.Max.Y}, title)
		}
		c.Max.Y -= s.Height(title) + 7*px
	}
	s := style(labelSize, ink)
	s.YAlign = draw.YCenter
	x, hasEntries := c.Min.X+4*px, false
	for _, e := range entries {
		if e.name == "" {
			continue
		}
		w := symbolWidth + 6*px + s.Width(e.name) + 18*px
		if hasEntries && x+w > c.Max.X {
			x = c.Min.X + 4*px
			c.Max.Y -= lineHeight
		}
		box := vg.Rectangle{
			Min: vg.Point{X: x, Y: c.Max.Y - lineHeight},
			Max: vg.Point{X: x + symbolWidth, Y: c.Max.Y},
		}
		if visible {
			e.symbol(c, box)
			c.FillText(s, vg.Point{X: box.Max.X + 6*px, Y: (box.Min.Y+box.Max.Y)/2 + 2*px}, e.name)
		}
		x += w
		hasEntries = true
	}
	if hasEntries {
		c.Max.Y -= lineHeight + 7*px
	}
	return c
}

// midline returns the ends of the horizontal line through the middle of a box.
func midline(box vg.Rectangle) (from, to vg.Point) {
	y := (box.Min.Y + box.Max.Y) / 2
	return vg.Point{X: box.Min.X, Y: y}, vg.Point{X: box.Max.X, Y: y}
}

// blockIn returns the area of the legend symbol of bars and filled areas.
func blockIn(box vg.Rectangle) vg.Rectangle {
	return vg.Rectangle{
		Min: vg.Point{X: box.Min.X, Y: box.Min.Y + 4*px},
		Max: vg.Point{X: box.Max.X, Y: box.Max.Y - 4*px},
	}
}
