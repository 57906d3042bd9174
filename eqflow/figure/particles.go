package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Gallery says how configurations are drawn. The zero value shows discs of one colour, five
// configurations to a row.
type Gallery struct {
	Name     string // of the file; default Title
	Title    string
	Captions []string // one under each configuration; nil for none
	Columns  int      // default 5
	// Panels are the panel numbers of the configurations, from 0; nil for one after another. If
	// they are set, all panels of a row are drawn, and the text Vacant marks panels without a
	// configuration.
	Panels []int
	Vacant string
	// Bond is the largest distance of particles that a line joins; 0 for no lines.
	Bond float64
	// Radius of the discs, in the length unit of the configurations; 0 means a fifth of the mean
	// nearest distance.
	Radius float64
	// Extent is half the width of a panel, in length units; 0 means that all particles fit. All
	// frames of a film share it.
	Extent float64
	// Numbered gives every particle its own colour and number, to show relabelling.
	Numbered bool
	// Overlay draws all configurations into one panel, as small translucent discs.
	Overlay bool
	// Groups are the numbers of the colours of the configurations, from 0; nil for one colour.
	Groups []int

	flat bool // not in space
}

const maxPanel = 260 * px

// Particles draws each configuration of a batch in its own panel, all at one scale, with the centre
// of mass in the middle. Distant particles in space are pale; in a notebook they turn as the mouse
// drags them. The first panel has a scale bar.
func Particles(g Gallery, batch particle.Batch) Figure {
	if err := g.check(batch); err != nil {
		return failed(g.name(), "%w", err)
	}
	g = g.withDefaults(batch)
	panel, rows := g.layout(batch.Len())
	f := Figure{
		Name:   g.name(),
		width:  g.width(panel),
		height: vg.Length(rows)*g.rowHeight(panel) + g.titleHeight() + 12*px,
		paint:  func(c draw.Canvas) { g.paint(c, batch) },
	}
	if batch.D == 3 && !g.Overlay {
		f.scene = g.scene(batch)
	}
	return f
}

func (g Gallery) name() string { return cmp.Or(g.Name, g.Title) }

// check returns an error for a batch that cannot be drawn.
func (g Gallery) check(b particle.Batch) error {
	if b.Len() == 0 && g.Panels == nil {
		return fmt.Errorf("no configurations; give at least one")
	}
	if err := b.Validate(); err != nil {
		return err
	}
	if b.D > 3 {
		return fmt.Errorf("%d dimensions cannot be drawn; project them to 2 or 3", b.D)
	}
	if !g.Overlay && g.Captions != nil && len(g.Captions) != b.Len() {
		return fmt.Errorf("%d captions for %d configurations; give one for each", len(g.Captions), b.Len())
	}
	if g.Groups != nil && len(g.Groups) != b.Len() {
		return fmt.Errorf("%d groups for %d configurations; give one for each", len(g.Groups), b.Len())
	}
	return g.checkPanels(b.Len())
}

// checkPanels returns an error unless every configuration has its own panel.
func (g Gallery) checkPanels(n int) error {
	if g.Panels == nil {
		return nil
	}
	if len(g.Panels) != n {
		return fmt.Errorf("%d panels for %d configurations; give one for each", len(g.Panels), n)
	}
	used := map[int]bool{}
	for _, p := range g.Panels {
		if p < 0 || used[p] {
			return fmt.Errorf("panel %d is negative or used twice; give each configuration its own panel", p)
		}
		used[p] = true
	}
	return nil
}

// withDefaults returns the gallery with radius, columns and extent chosen from the data where they
// are 0.
func (g Gallery) withDefaults(b particle.Batch) Gallery {
	if g.Radius == 0 {
		g.Radius = 0.2 * nearestDistance(b)
	}
	g.Columns, g.flat = cmp.Or(g.Columns, 5), b.D < 3
	if g.Panels == nil {
		g.Columns = min(g.Columns, b.Len())
	}
	if g.Overlay {
		g.Columns = 1
	}
	if g.Extent == 0 {
		for i := range b.Len() {
			for _, p := range project(b.At(i), b.D) {
				reach := math.Max(math.Abs(p.x), math.Abs(p.y))
				if !g.flat { // from any side
					reach = distance(p, projected{})
				}
				g.Extent = math.Max(g.Extent, reach)
			}
		}
		g.Extent = (g.Extent + g.Radius) * 1.06
	}
	return g
}

// layout returns the side of a panel and the number of rows for n configurations.
func (g Gallery) layout(n int) (panel vg.Length, rows int) {
	if g.Overlay {
		return 420 * px, 1
	}
	if len(g.Panels) > 0 {
		n = 1 + slices.Max(g.Panels)
	}
	panel = min(maxPanel, (defaultWidth-16)*px/vg.Length(g.Columns))
	return panel, max(1, (n+g.Columns-1)/g.Columns)
}

func (g Gallery) rowHeight(panel vg.Length) vg.Length {
	if g.Captions == nil {
		return panel
	}
	lines := 1
	for _, caption := range g.Captions {
		lines = max(lines, len(markup{}.Lines(caption)))
	}
	return panel + vg.Length(lines)*17*px + 3*px
}

// width returns the width of the picture, which has room for the title.
func (g Gallery) width(panel vg.Length) vg.Length {
	width := vg.Length(g.Columns)*panel + 16*px
	if g.Title != "" {
		width = max(width, min(bold(titleSize).Width(g.Title)+24*px, defaultWidth*px))
	}
	return width
}

func (g Gallery) titleHeight() vg.Length {
	if g.Title == "" {
		return 0
	}
	return bold(titleSize).Height(g.Title) + 7*px
}

// paint draws the panels from the top left.
func (g Gallery) paint(c draw.Canvas, b particle.Batch) {
	c = header(c, g.Title, nil)
	panel, rows := g.layout(b.Len())
	panel = min(panel, (c.Max.X-c.Min.X)/vg.Length(g.Columns))
	if g.Overlay {
		area := panelArea(vg.Point{X: c.Min.X, Y: c.Max.Y}, panel)
		fill(c, area, backing)
		for i := range b.Len() {
			g.drawConfiguration(c, area, b, i)
		}
		g.scaleBar(c, area)
		return
	}
	for p := range rows * g.Columns {
		i := g.configurationIn(p, b.Len())
		if i < 0 && g.Panels == nil {
			break
		}
		area := g.areaOf(p, vg.Point{X: c.Min.X, Y: c.Max.Y}, panel)
		middle := vg.Point{X: (area.Min.X + area.Max.X) / 2, Y: (area.Min.Y + area.Max.Y) / 2}
		fill(c, area, backing)
		if p == 0 {
			g.scaleBar(c, area)
		}
		if i < 0 {
			centred(c, style(tickSize, axisInk), middle, draw.YCenter, g.Vacant)
			continue
		}
		g.drawConfiguration(c, area, b, i)
		if g.Captions != nil {
			below := vg.Point{X: middle.X, Y: area.Min.Y - 2*px}
			centred(c, style(tickSize, ink), below, draw.YTop, g.Captions[i])
		}
	}
}

// configurationIn returns the index of the configuration in panel p, of n configurations, or −1 for
// none.
func (g Gallery) configurationIn(p, n int) int {
	switch {
	case g.Panels != nil:
		return slices.Index(g.Panels, p)
	case p < n:
		return p
	}
	return -1
}

// areaOf returns the area of panel p, below the top left corner of all panels.
func (g Gallery) areaOf(p int, corner vg.Point, side vg.Length) vg.Rectangle {
	corner.X += vg.Length(p%g.Columns) * side
	corner.Y -= vg.Length(p/g.Columns) * g.rowHeight(side)
	return panelArea(corner, side)
}

// panelArea returns the area of a panel below its top left corner, with a gap on all sides.
func panelArea(corner vg.Point, side vg.Length) vg.Rectangle {
	const gap = 4 * px
	return vg.Rectangle{
		Min: vg.Point{X: corner.X + gap, Y: corner.Y - side + gap},
		Max: vg.Point{X: corner.X + side - gap, Y: corner.Y - gap},
	}
}

// scaleLength is the length of the scale bar.
func (g Gallery) scaleLength() float64 { return roundStep(g.Extent / 5) }

// scaleBar draws a bar of round length in the lower left corner of a panel.
func (g Gallery) scaleBar(c draw.Canvas, area vg.Rectangle) {
	length := g.scaleLength()
	perUnit := area.Size().X / vg.Length(2*g.Extent)
	from := vg.Point{X: area.Min.X + 7*px, Y: area.Min.Y + 7*px}
	c.StrokeLine2(line(2*px, axisInk, false), from.X, from.Y, from.X+vg.Length(length)*perUnit, from.Y)
	above := vg.Point{X: from.X + vg.Length(length)*perUnit/2, Y: from.Y + 5*px}
	centred(c, style(11*px, axisInk), above, draw.YBottom, compactNumber(length))
}
