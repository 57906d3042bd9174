package figure

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Gallery says how configurations are drawn. The zero value shows plain discs, five to a row.
type Gallery struct {
	Name     string // of the file; from Title if empty
	Title    string
	Captions []string // one under each configuration; nil for none
	Columns  int      // 5 if zero
	// Panels are the panel of each configuration, from 0; nil for one after the other. With them, rows are whole, and Vacant
	// stands where no configuration is.
	Panels []int
	Vacant string
	// Bond joins particles that are closer than this; 0 joins none.
	Bond float64
	// Radius of the discs in the configurations' length unit; 0 means a fifth of the usual nearest distance.
	Radius float64
	// Extent is half the width of a panel in length units; 0 means all particles fit. A film keeps it.
	Extent float64
	// Numbered gives every particle its colour and number, to show relabelling.
	Numbered bool
	// Overlay puts all configurations into one panel, as small translucent discs: a cloud.
	Overlay bool
	// Groups colours each configuration by its number here, from 0; nil colours all alike.
	Groups []int
}

const maxPanel = 260 * px

// Particles draws each configuration of a batch in a panel of its own, all to one scale, centres of mass in the middle. In
// three dimensions they are seen from a fixed direction, pale where far. Lengths are shown by a bar in the first panel.
func Particles(g Gallery, batch particle.Batch) Figure {
	if err := g.check(batch); err != nil {
		return failed(g.name(), "%w", err)
	}
	g = g.settled(batch)
	panel, rows := g.layout(batch.Len())
	return Figure{Name: g.name(), width: vg.Length(g.Columns)*panel + 16*px, height: vg.Length(rows)*g.rowHeight(panel) + g.titleHeight() + 12*px,
		paint: func(c draw.Canvas) { g.paint(c, batch) }}
}

func (g Gallery) name() string {
	if g.Name == "" {
		return g.Title
	}
	return g.Name
}

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

// checkPanels wants a panel of its own for each configuration.
func (g Gallery) checkPanels(n int) error {
	if g.Panels == nil {
		return nil
	}
	if len(g.Panels) != n {
		return fmt.Errorf("%d panels for %d configurations; give one for each", len(g.Panels), n)
	}
	taken := map[int]bool{}
	for _, p := range g.Panels {
		if p < 0 || taken[p] {
			return fmt.Errorf("panel %d is negative or taken twice; give each configuration its own", p)
		}
		taken[p] = true
	}
	return nil
}

// settled fills in what is chosen from the data.
func (g Gallery) settled(b particle.Batch) Gallery {
	if g.Radius == 0 {
		g.Radius = 0.2 * usualDistance(b)
	}
	if g.Columns == 0 {
		g.Columns = 5
	}
	if g.Panels == nil {
		g.Columns = min(g.Columns, b.Len())
	}
	if g.Overlay {
		g.Columns = 1
	}
	if g.Extent == 0 {
		for i := range b.Len() {
			for _, p := range view(b.At(i), b.D) {
				g.Extent = math.Max(g.Extent, math.Max(math.Abs(p.x), math.Abs(p.y)))
			}
		}
		g.Extent = (g.Extent + g.Radius) * 1.06
	}
	return g
}

// layout gives the panel's side and the number of rows for n configurations.
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

func (g Gallery) titleHeight() vg.Length {
	if g.Title == "" {
		return 0
	}
	return bold(titleSize).Height(g.Title) + 7*px
}

// paint lays out the panels from the top left.
func (g Gallery) paint(c draw.Canvas, b particle.Batch) {
	c = header(c, g.Title, nil)
	panel, rows := g.layout(b.Len())
	panel = min(panel, (c.Max.X-c.Min.X)/vg.Length(g.Columns))
	if g.Overlay {
		area := square(vg.Point{X: c.Min.X, Y: c.Max.Y}, panel)
		fill(c, area, backing)
		for i := range b.Len() {
			g.configuration(c, area, b, i)
		}
		g.scaleBar(c, area)
		return
	}
	for p := range rows * g.Columns {
		i := g.inPanel(p, b.Len())
		if i < 0 && g.Panels == nil {
			break
		}
		corner := vg.Point{X: c.Min.X + vg.Length(p%g.Columns)*panel, Y: c.Max.Y - vg.Length(p/g.Columns)*g.rowHeight(panel)}
		area := square(corner, panel)
		middle := vg.Point{X: (area.Min.X + area.Max.X) / 2, Y: (area.Min.Y + area.Max.Y) / 2}
		fill(c, area, backing)
		if p == 0 {
			g.scaleBar(c, area)
		}
		if i < 0 {
			centred(c, style(tickSize, axisInk), middle, draw.YCenter, g.Vacant)
			continue
		}
		g.configuration(c, area, b, i)
		if g.Captions != nil {
			centred(c, style(tickSize, ink), vg.Point{X: middle.X, Y: area.Min.Y - 2*px}, draw.YTop, g.Captions[i])
		}
	}
}

// inPanel is which of n configurations stands in panel p, −1 for none.
func (g Gallery) inPanel(p, n int) int {
	switch {
	case g.Panels != nil:
		return slices.Index(g.Panels, p)
	case p < n:
		return p
	}
	return -1
}

// square is the panel under its top left corner, with a gap on all sides.
func square(corner vg.Point, side vg.Length) vg.Rectangle {
	const gap = 4 * px
	return vg.Rectangle{Min: vg.Point{X: corner.X + gap, Y: corner.Y - side + gap}, Max: vg.Point{X: corner.X + side - gap, Y: corner.Y - gap}}
}

// scaleBar shows a round length in the panel's lower left corner.
func (g Gallery) scaleBar(c draw.Canvas, area vg.Rectangle) {
	length := niceStep(g.Extent / 5)
	perUnit := area.Size().X / vg.Length(2*g.Extent)
	from := vg.Point{X: area.Min.X + 7*px, Y: area.Min.Y + 7*px}
	c.StrokeLine2(line(2*px, axisInk, false), from.X, from.Y, from.X+vg.Length(length)*perUnit, from.Y)
	s := style(11*px, axisInk)
	centred(c, s, vg.Point{X: from.X + vg.Length(length)*perUnit/2, Y: from.Y + 5*px}, draw.YBottom, short(length))
}
