package figure

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// entry is one name in the legend with its sample, drawn into a box of thumbWidth × the line's height.
type entry struct {
	name  string
	thumb func(c draw.Canvas, box vg.Rectangle)
}

const (
	thumbWidth = 28 * px
	lineHeight = 21 * px
)

// header writes title and legend above the plot, where they cover no data, and returns the room below.
func header(c draw.Canvas, title string, entries []entry) draw.Canvas {
	if title != "" {
		s := bold(titleSize)
		s.YAlign = draw.YTop
		c.FillText(s, vg.Point{X: c.Min.X + 4*px, Y: c.Max.Y}, title)
		c.Max.Y -= s.Height(title) + 7*px
	}
	s := style(labelSize, ink)
	x, used := c.Min.X+4*px, false
	for _, e := range entries {
		if e.name == "" {
			continue
		}
		w := thumbWidth + 6*px + s.Width(e.name) + 18*px
		if used && x+w > c.Max.X {
			x = c.Min.X + 4*px
			c.Max.Y -= lineHeight
		}
		box := vg.Rectangle{Min: vg.Point{X: x, Y: c.Max.Y - lineHeight}, Max: vg.Point{X: x + thumbWidth, Y: c.Max.Y}}
		e.thumb(c, box)
		left := s
		left.YAlign = draw.YCenter
		c.FillText(left, vg.Point{X: box.Max.X + 6*px, Y: (box.Min.Y+box.Max.Y)/2 + 2*px}, e.name)
		x += w
		used = true
	}
	if used {
		c.Max.Y -= lineHeight + 7*px
	}
	return c
}

// framed draws header and plot.
func framed(title string, entries []entry, p *plot.Plot) func(draw.Canvas) {
	return func(c draw.Canvas) { p.Draw(header(c, title, entries)) }
}

// middle is the horizontal line through a box.
func middle(box vg.Rectangle) (from, to vg.Point) {
	y := (box.Min.Y + box.Max.Y) / 2
	return vg.Point{X: box.Min.X, Y: y}, vg.Point{X: box.Max.X, Y: y}
}

// block is the thumbnail of bars and filled areas.
func block(box vg.Rectangle) vg.Rectangle {
	return vg.Rectangle{
		Min: vg.Point{X: box.Min.X, Y: box.Min.Y + 4*px},
		Max: vg.Point{X: box.Max.X, Y: box.Max.Y - 4*px},
	}
}
