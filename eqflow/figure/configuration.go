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

// projected is a particle projected onto the picture. depth grows towards the eye and is 0 in two
// dimensions.
type projected struct {
	x, y, depth float64
	index       int
}

// azimuth and elevation are the angles of the view of three dimensions, in radians. They avoid
// symmetry planes, in which one particle of a symmetric arrangement would hide another.
const azimuth, elevation = 0.55, 0.4

// project returns the particles of x [n*d] relative to their centre of mass, as seen in the
// picture.
func project(x []float64, d int) []projected {
	x = slices.Clone(x)
	particle.RemoveMean(x, d)
	out := make([]projected, len(x)/d)
	for i := range out {
		p := projected{index: i, x: x[i*d]}
		if d > 1 {
			p.y = x[i*d+1]
		}
		if d > 2 {
			z := x[i*d+2]
			p.x, z = p.x*math.Cos(azimuth)+z*math.Sin(azimuth), z*math.Cos(azimuth)-p.x*math.Sin(azimuth)
			p.y, p.depth = p.y*math.Cos(elevation)-z*math.Sin(elevation), z*math.Cos(elevation)+p.y*math.Sin(elevation)
		}
		out[i] = p
	}
	return out
}

// distance returns the true distance of two particles. It needs no inverse, because the projection
// is a rotation.
func distance(a, b projected) float64 {
	return math.Sqrt((a.x-b.x)*(a.x-b.x) + (a.y-b.y)*(a.y-b.y) + (a.depth-b.depth)*(a.depth-b.depth))
}

// nearestDistance returns the mean distance to the nearest particle in the first 20 configurations.
// It returns 1 for single particles, and if all particles coincide.
func nearestDistance(b particle.Batch) float64 {
	sum, count := 0.0, 0
	for i := range min(b.Len(), 20) {
		points := project(b.At(i), b.D)
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
		return 1
	}
	return sum / float64(count)
}

// drawConfiguration draws bonds and discs of configuration i into the area, distant particles
// first.
func (g Gallery) drawConfiguration(c draw.Canvas, area vg.Rectangle, b particle.Batch, i int) {
	points := project(b.At(i), b.D)
	perUnit := area.Size().X / vg.Length(2*g.Extent)
	at := func(p projected) vg.Point {
		return vg.Point{
			X: (area.Min.X+area.Max.X)/2 + vg.Length(p.x)*perUnit,
			Y: (area.Min.Y+area.Max.Y)/2 + vg.Length(p.y)*perUnit,
		}
	}
	slices.SortFunc(points, func(p, q projected) int { return cmp.Compare(p.depth, q.depth) })
	inside := c
	inside.Rectangle = area
	for k, p := range points {
		g.drawBonds(inside, points, k, at)
		if inside.Contains(at(p)) {
			g.drawDisc(inside, at(p), perUnit, p, g.color(i, p.index))
		}
	}
}

// drawBonds draws the bonds from particle k to the particles nearer to the eye, so that discs in
// front cover the ends.
func (g Gallery) drawBonds(c draw.Canvas, points []projected, k int, at func(projected) vg.Point) {
	if g.Overlay {
		return
	}
	for _, q := range points[k+1:] {
		if distance(points[k], q) < g.Bond {
			clr := translucent(axisInk, 1-g.fade((points[k].depth+q.depth)/2)*0.9)
			c.StrokeLines(line(2.5*px, clr, false), c.ClipLinesXY([]vg.Point{at(points[k]), at(q)})...)
		}
	}
}

func (g Gallery) drawDisc(c draw.Canvas, at vg.Point, perUnit vg.Length, p projected, clr color.NRGBA) {
	radius := max(vg.Length(g.Radius)*perUnit, 2*px)
	if g.Overlay {
		disc(c, at, max(radius*0.25, 1.6*px), translucent(clr, 0.45))
		return
	}
	near := 1 - g.fade(p.depth)
	replace(c, at, radius, translucent(mix(clr, black, 0.38), near))
	replace(c, at, radius-1.3*px, translucent(clr, near))
	if g.Numbered {
		s := bold(min(14*px, radius*1.1))
		s.Color = white
		s.XAlign, s.YAlign = draw.XCenter, draw.YCenter
		c.FillText(s, vg.Point{X: at.X, Y: at.Y + s.Font.Size*0.13}, strconv.Itoa(p.index+1))
	}
}

// mostFaded is how transparent the most distant particle is.
const mostFaded = 0.62

// fade returns how transparent a particle at a depth is: not at all in two dimensions and in front,
// and most at the far end.
func (g Gallery) fade(depth float64) float64 {
	if g.flat {
		return 0
	}
	return mostFaded * math.Max(0, math.Min(1, (g.Extent*0.7-depth)/(1.4*g.Extent)))
}

// color returns the colour of a particle of a configuration, both given by their indices.
func (g Gallery) color(configuration, index int) color.NRGBA {
	switch {
	case g.Numbered:
		return Color(index)
	case g.Groups != nil:
		return Color(g.Groups[configuration])
	}
	return Color(0)
}
