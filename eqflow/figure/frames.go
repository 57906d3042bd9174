package figure

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// framedPlot is a plot below a title and a legend. Its frame is the area between its axes.
type framedPlot struct {
	title   string
	entries []legendEntry
	plot    *plot.Plot
	room    vg.Length // to the right of the frame, for what beside draws
	beside  func(c draw.Canvas, frame vg.Rectangle)
}

// draw draws everything as large as the canvas allows.
func (f *framedPlot) draw(c draw.Canvas) { f.drawAt(c, f.frame(c)) }

// frame returns the frame of a plot that is as large as the canvas allows.
func (f *framedPlot) frame(c draw.Canvas) vg.Rectangle {
	below := placeHeader(c, f.title, f.entries, false)
	return f.plot.DataCanvas(draw.Crop(below, 0, -f.room, 0, 0)).Rectangle
}

// drawAt draws title and legend at the top of the canvas, and the plot with a given frame.
func (f *framedPlot) drawAt(c draw.Canvas, frame vg.Rectangle) {
	header(c, f.title, f.entries)
	around := c
	around.Rectangle = frame
	// gonum leaves room for the labels around the frame, which depends a little on its size.
	for range 5 {
		got := f.plot.DataCanvas(around).Rectangle
		around.Min = around.Min.Add(frame.Min.Sub(got.Min))
		around.Max = around.Max.Add(frame.Max.Sub(got.Max))
	}
	f.plot.Draw(around)
	if f.beside != nil {
		f.beside(c, frame)
	}
}

// cut returns the places of n figures in rows of the given heights, from the top left.
func cut(c draw.Canvas, columns int, heights []vg.Length, n int) []draw.Canvas {
	parts, top, width := make([]draw.Canvas, n), c.Max.Y, (c.Max.X-c.Min.X)/vg.Length(columns)
	for i := range parts {
		if i > 0 && i%columns == 0 {
			top -= heights[i/columns-1]
		}
		part := c
		part.Min.X = c.Min.X + vg.Length(i%columns)*width
		part.Max.X = part.Min.X + width
		part.Max.Y = top
		part.Min.Y = top - heights[i/columns]
		parts[i] = draw.Crop(part, 5*px, -5*px, 8*px, -2*px)
	}
	return parts
}

// alignedFrames returns the frames of the figures that are plots. Whatever their labels, titles and
// legends are, all frames begin equally far to the right, and those of a row have the same width
// and height.
func alignedFrames(columns int, figures []Figure, parts []draw.Canvas) []vg.Rectangle {
	frames := make([]vg.Rectangle, len(figures))
	var left, right vg.Length
	rows := len(figures)/columns + 1
	top, bottom, room := make([]vg.Length, rows), make([]vg.Length, rows), make([]vg.Length, rows)
	for i, f := range figures {
		if f.plot == nil {
			continue
		}
		frame, part, row := f.plot.frame(parts[i]), parts[i], i/columns
		left, right = max(left, frame.Min.X-part.Min.X), max(right, part.Max.X-frame.Max.X-f.plot.room)
		room[row] = max(room[row], f.plot.room)
		bottom[row], top[row] = max(bottom[row], frame.Min.Y-part.Min.Y), max(top[row], part.Max.Y-frame.Max.Y)
	}
	for i, part := range parts {
		row := i / columns
		frames[i] = vg.Rectangle{
			Min: vg.Point{X: part.Min.X + left, Y: part.Min.Y + bottom[row]},
			Max: vg.Point{X: part.Max.X - right - room[row], Y: part.Max.Y - top[row]},
		}
	}
	return frames
}
