package figure

import (
	"cmp"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// seen is a particle on the paper: depth grows towards the eye and is 0 in the plane.
type seen struct {
	x, y, depth float64
	index       int
}

// Angles of the fixed view of three dimensions, in radians: a symmetric arrangement shows no two particles as one.
const turn, tilt = 0.55, 0.4

// view projects a configuration around its centre of mass.
func view(x []float64, d int) []seen {
	x = slices.Clone(x)
	particle.RemoveMean(x, d)
	out := make([]seen, len(x)/d)
	for i := range out {
		p := seen{index: i, x: x[i*d]}
		if d > 1 {
			p.y = x[i*d+1]
		}
		if d > 2 {
			z := x[i*d+2]
			p.x, z = p.x*math.Cos(turn)+z*math.Sin(turn), z*math.Cos(turn)-p.x*math.Sin(turn)
			p.y, p.depth = p.y*math.Cos(tilt)-z*math.Sin(tilt), z*math.Cos(tilt)+p.y*math.Sin(tilt)
		}
		out[i] = p
	}
	return out
}

// distance is the true distance of two seen particles: the view is a rotation.
func distance(a, b seen) float64 {
	return math.Sqrt((a.x-b.x)*(a.x-b.x) + (a.y-b.y)*(a.y-b.y) + (a.depth-b.depth)*(a.depth-b.depth))
}

// usualDistance is the mean distance to the nearest particle over the first configurations.
func usualDistance(b particle.Batch) float64 {
	sum, count := 0.0, 0
	for i := range min(b.Len(), 20) {
		points := view(b.At(i), b.D)
		for _, p := range points {
			nearest := math.Inf(1)
			for _, q := range points {
				if q.index != p.index {
					nearest = math.Min(nearest, distance(p, q))
				}
			}
			if finite(nearest) {
				sum += nearest
				count++
			}
		}
	}
	if sum == 0 {
		return 1 // single particles, or all in one place
	}
	return sum / float64(count)
}

// configuration draws bonds and discs of configuration i into the area, far ones first.
func (g Gallery) configuration(c draw.Canvas, area vg.Rectangle, b particle.Batch, i int) {
	points := view(b.At(i), b.D)
	perUnit := area.Size().X / vg.Length(2*g.Extent)
	at := func(p seen) vg.Point {
		return vg.Point{X: (area.Min.X+area.Max.X)/2 + vg.Length(p.x)*perUnit, Y: (area.Min.Y+area.Max.Y)/2 + vg.Length(p.y)*perUnit}
	}
	slices.SortFunc(points, func(p, q seen) int { return cmp.Compare(p.depth, q.depth) })
	inside := c
	inside.Rectangle = area
	for k, p := range points {
		g.bonds(inside, points, k, at)
		if inside.Contains(at(p)) {
			g.disc(inside, at(p), perUnit, p, g.color(i, p.index))
		}
	}
}

// bonds joins particle k to the nearer ones beyond it, so that discs in front cover the ends.
func (g Gallery) bonds(c draw.Canvas, points []seen, k int, at func(seen) vg.Point) {
	if g.Overlay {
		return
	}
	for _, q := range points[k+1:] {
		if distance(points[k], q) < g.Bond {
			clr := mix(axisInk, paper, g.fade((points[k].depth+q.depth)/2)*0.9)
			c.StrokeLines(line(2.5*px, clr, false), c.ClipLinesXY([]vg.Point{at(points[k]), at(q)})...)
		}
	}
}

func (g Gallery) disc(c draw.Canvas, at vg.Point, perUnit vg.Length, p seen, clr color.NRGBA) {
	radius := max(vg.Length(g.Radius)*perUnit, 2*px)
	if g.Overlay {
		disc(c, at, max(radius*0.25, 1.6*px), translucent(clr, 0.45))
		return
	}
	fade := g.fade(p.depth)
	disc(c, at, radius, mix(mix(clr, ink, 0.45), paper, fade))
	disc(c, at, radius-1.3*px, mix(clr, paper, fade))
	if g.Numbered {
		s := bold(min(14*px, radius*1.1))
		s.Color = paper
		s.XAlign, s.YAlign = draw.XCenter, draw.YCenter
		c.FillText(s, vg.Point{X: at.X, Y: at.Y + s.Font.Size*0.13}, strconv.Itoa(p.index+1))
	}
}

// fade is the share of paper in the colour of something at a depth: none in the plane and in front, most at the far end.
func (g Gallery) fade(depth float64) float64 {
	if depth == 0 {
		return 0
	}
	return 0.62 * math.Max(0, math.Min(1, (g.Extent*0.7-depth)/(1.4*g.Extent)))
}

func (g Gallery) color(configuration, index int) color.NRGBA {
	switch {
	case g.Numbered:
		return Color(index)
	case g.Groups != nil:
		return Color(g.Groups[configuration])
	}
	return Color(0)
}
