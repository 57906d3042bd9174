package figure

import (
	"image"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// viridis is the colour map of Smith and van der Walt (2015) at nine evenly spaced values. Its
// lightness rises evenly, so that it is readable in grey.
var viridis = []color.NRGBA{
	{0x44, 0x01, 0x54, 0xFF}, {0x48, 0x28, 0x78, 0xFF}, {0x3E, 0x49, 0x89, 0xFF},
	{0x31, 0x68, 0x8E, 0xFF}, {0x26, 0x82, 0x8E, 0xFF}, {0x1F, 0x9E, 0x89, 0xFF},
	{0x35, 0xB7, 0x79, 0xFF}, {0x6E, 0xCE, 0x58, 0xFF}, {0xFD, 0xE7, 0x25, 0xFF},
}

// viridisAt returns the colour of t in [0, 1].
func viridisAt(t float64) color.NRGBA {
	t = math.Max(0, math.Min(1, t)) * float64(len(viridis)-1)
	k := min(int(t), len(viridis)-2)
	return mix(viridis[k], viridis[k+1], t-float64(k))
}

// HeatMap draws z[row][column] over the ranges XRange and YRange of the axes, rows from the bottom,
// with a labelled colour bar. Cells that are not finite stay blank.
func HeatMap(a Axes, z [][]float64, label string) Figure {
	if len(z) == 0 || len(z[0]) == 0 {
		return a.fail("no cells; give at least one row with one column")
	}
	if a.XRange == [2]float64{} || a.YRange == [2]float64{} {
		return a.fail("no ranges; set XRange and YRange to the ranges of the cells")
	}
	zs := emptySpan()
	for r, row := range z {
		if len(row) != len(z[0]) {
			return a.fail("row %d has %d cells, row 0 has %d; give as many in each", r, len(row), len(z[0]))
		}
		for _, v := range row {
			if finite(v) {
				zs.add(v)
			}
		}
	}
	if zs.min > zs.max {
		return a.fail("no cell is finite; check the values")
	}
	if zs.min == zs.max {
		zs = zs.padded(0.05, false)
	}
	p := a.plot(axisRange(a.XRange, span{}, 0, false), axisRange(a.YRange, span{}, 0, false), cells(z, zs))
	bar := func(c draw.Canvas, frame vg.Rectangle) { colorBar(c, frame, zs, label) }
	return a.placed(&framedPlot{title: a.Title, plot: p, room: barRoom, beside: bar})
}

// barRoom is the width of the colour bar with its numbers and label.
const barRoom = 92 * px

// cells draws every finite cell of z as a rectangle. zs is the range of the colours.
func cells(z [][]float64, zs span) drawing {
	img := image.NewNRGBA(image.Rect(0, 0, len(z[0]), len(z)))
	for r, row := range z {
		for k, v := range row {
			if finite(v) {
				img.SetNRGBA(k, len(z)-1-r, viridisAt((v-zs.min)/(zs.max-zs.min)))
			}
		}
	}
	return func(c draw.Canvas, _, _ func(float64) vg.Length) {
		size := c.Size()
		w, h := size.X/vg.Length(len(z[0])), size.Y/vg.Length(len(z))
		for r := range z {
			for k := range z[0] {
				clr := img.NRGBAAt(k, len(z)-1-r)
				if clr.A == 0 {
					continue
				}
				at := vg.Point{X: c.Min.X + vg.Length(k)*w, Y: c.Min.Y + vg.Length(r)*h}
				// Without a small overlap, antialiasing would leave pale seams.
				corner := vg.Point{X: min(at.X+w+0.5*px, c.Max.X), Y: min(at.Y+h+0.5*px, c.Max.Y)}
				fill(c, vg.Rectangle{Min: at, Max: corner}, clr)
			}
		}
	}
}

// colorBar draws a labelled bar of colours to the right of the data area, with its height.
func colorBar(c draw.Canvas, data vg.Rectangle, zs span, label string) {
	const levels = 128
	left := data.Max.X + 18*px
	height := (data.Max.Y - data.Min.Y) / levels
	for k := range levels {
		low := data.Min.Y + vg.Length(k)*height
		corner := vg.Point{X: left + 16*px, Y: min(low+height+0.5*px, data.Max.Y)}
		fill(c, vg.Rectangle{Min: vg.Point{X: left, Y: low}, Max: corner}, viridisAt((float64(k)+0.5)/levels))
	}
	s := style(tickSize, ink)
	s.YAlign = draw.YCenter
	for _, tick := range (linearTicks{}).Ticks(zs.min, zs.max) {
		y := data.Min.Y + vg.Length((tick.Value-zs.min)/(zs.max-zs.min))*(data.Max.Y-data.Min.Y)
		c.StrokeLine2(line(px, axisInk, false), left+16*px, y, left+20*px, y)
		c.FillText(s, vg.Point{X: left + 24*px, Y: y + 2*px}, tick.Label)
	}
	l := style(labelSize, ink)
	l.Rotation, l.XAlign, l.YAlign = math.Pi/2, draw.XCenter, draw.YBottom
	c.FillText(l, vg.Point{X: data.Max.X + barRoom, Y: (data.Min.Y + data.Max.Y) / 2}, label)
}

// FreeEnergyLandscape draws −ln p(x, y) of points in bins × bins cells, in kT above its minimum.
// bins of 0 means 80. Nil weights mean equal weights. Points outside the ranges of the axes, if
// these are set, are ignored.
func FreeEnergyLandscape(a Axes, bins int, x, y, weights []float64) Figure {
	if bins <= 0 {
		bins = 80
	}
	if len(x) == 0 || len(y) != len(x) || (weights != nil && len(weights) != len(x)) {
		return a.fail("%d x, %d y and %d weights; give as many of each, at least one", len(x), len(y), len(weights))
	}
	xs, ys := emptySpan(), emptySpan()
	for i := range x {
		if !finite(x[i]) || !finite(y[i]) {
			return a.fail("point %d is (%g, %g), which is not finite; leave it out", i, x[i], y[i])
		}
		xs.add(x[i])
		ys.add(y[i])
	}
	xs, ys = axisRange(a.XRange, xs, 0.01, false), axisRange(a.YRange, ys, 0.01, false)
	a.XRange, a.YRange = [2]float64{xs.min, xs.max}, [2]float64{ys.min, ys.max}
	z := counts(bins, x, y, weights, xs, ys)
	highest := 0.0
	for _, row := range z {
		highest = math.Max(highest, slices.Max(row))
	}
	for _, row := range z {
		for k := range row {
			row[k] = -math.Log(row[k] / highest)
		}
	}
	return HeatMap(a, z, "free energy / kT")
}

// counts returns the sum of the weights in each cell, [row][column].
func counts(bins int, x, y, weights []float64, xs, ys span) [][]float64 {
	z := make([][]float64, bins)
	for r := range z {
		z[r] = make([]float64, bins)
	}
	sample := Sample{Weights: weights}
	for i := range x {
		k := int(math.Floor((x[i] - xs.min) / (xs.max - xs.min) * float64(bins)))
		r := int(math.Floor((y[i] - ys.min) / (ys.max - ys.min) * float64(bins)))
		if k >= 0 && k < bins && r >= 0 && r < bins {
			z[r][k] += sample.weight(i)
		}
	}
	return z
}
