package figure

import (
	"image/color"
	"math"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// palette holds the colours of Okabe and Ito, "Color Universal Design" (2008), in the order of use.
// Their yellow and black are left out: yellow is too pale on white, and black is lost on the ground
// of a dark theme. The last is Tol's olive.
var palette = []color.NRGBA{
	{0x00, 0x72, 0xB2, 0xFF}, // blue
	{0xD5, 0x5E, 0x00, 0xFF}, // vermillion
	{0x00, 0x9E, 0x73, 0xFF}, // bluish green
	{0xCC, 0x79, 0xA7, 0xFF}, // reddish purple
	{0xE6, 0x9F, 0x00, 0xFF}, // orange
	{0x56, 0xB4, 0xE9, 0xFF}, // sky blue
	{0x8A, 0x8A, 0x22, 0xFF}, // olive
}

// The ground of every picture is transparent, so that it is the ground of the page: white, or that
// of JupyterLab's dark theme. JupyterLab shows a picture as a document of its own, whose colours
// cannot follow the theme. So ink is the grey that has the same contrast with white and with #111,
// 4.3 : 1, and what was pale on white is translucent.
var (
	ink     = color.NRGBA{0x79, 0x79, 0x79, 0xFF}
	axisInk = color.NRGBA{0x80, 0x80, 0x80, 0xFF}
	gridInk = color.NRGBA{0x80, 0x80, 0x80, 0x38}
	backing = color.NRGBA{0x80, 0x80, 0x80, 0x14}
	white   = color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF}
	black   = color.NRGBA{0x00, 0x00, 0x00, 0xFF}
)

// Color returns the colour of series i of a figure, from 0. The colours repeat after the last.
func Color(i int) color.NRGBA { return palette[i%len(palette)] }

// grey is the colour of what others are held against.
var grey = color.NRGBA{0x7F, 0x7F, 0x7F, 0xFF}

// meanings are the colours that a name has in every figure.
var meanings = map[string]color.NRGBA{
	"MCMC": grey, "reference": grey, "known": ink,
	"eqBG": palette[0], "nBG": palette[1], "nBG-augmented": palette[2], "nBG, augmented data": palette[2],
	"Gaussian": palette[3], "Gaussian control": palette[3],
}

// colours returns a colour for each of the named series of a figure: that of the name's meaning,
// or else the next one of the palette that no meaning has taken.
func colours(names []string) []color.NRGBA {
	taken := map[color.NRGBA]bool{}
	for _, name := range names {
		if c, ok := meanings[name]; ok {
			taken[c] = true
		}
	}
	out, next := make([]color.NRGBA, len(names)), 0
	for i, name := range names {
		if c, ok := meanings[name]; ok {
			out[i] = c
			continue
		}
		for tries := 0; taken[Color(next)] && tries < len(palette); tries++ {
			next++
		}
		out[i] = Color(next)
		next++
	}
	return out
}

// Shades returns n shades of the colour that a name means, for its seeds, the colour itself first.
// For a name without a meaning it returns the first colours of the palette.
func Shades(name string, n int) []color.NRGBA {
	out := make([]color.NRGBA, n)
	base, known := meanings[name]
	for i := range out {
		if out[i] = Color(i); known {
			// As light and as dark as both themes can show.
			out[i] = []color.NRGBA{base, mix(base, white, 0.4), mix(base, black, 0.3)}[i%3]
		}
	}
	return out
}

// mix returns the mixture of a and b with the given fraction of b.
func mix(a, b color.NRGBA, fraction float64) color.NRGBA {
	blend := func(x, y uint8) uint8 { return uint8(float64(x)*(1-fraction) + float64(y)*fraction + 0.5) }
	return color.NRGBA{blend(a.R, b.R), blend(a.G, b.G), blend(a.B, b.B), 0xFF}
}

func translucent(c color.NRGBA, alpha float64) color.NRGBA {
	c.A = uint8(255*alpha + 0.5)
	return c
}

const (
	titleSize = 16 * px
	labelSize = 14 * px
	tickSize  = 13 * px
)

// style returns the text style of a size and colour.
func style(size vg.Length, c color.Color) text.Style {
	f := font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
	return text.Style{
		Color: c, Font: f, XAlign: draw.XLeft, YAlign: draw.YBottom,
		Handler: markup{plot.DefaultTextHandler.Cache()},
	}
}

func bold(size vg.Length) text.Style {
	s := style(size, ink)
	s.Font.Weight = xfont.WeightBold
	return s
}

func fill(c draw.Canvas, r vg.Rectangle, clr color.Color) {
	c.SetColor(clr)
	c.Fill(r.Path())
}

func disc(c draw.Canvas, center vg.Point, radius vg.Length, clr color.Color) {
	var p vg.Path
	p.Move(vg.Point{X: center.X + radius, Y: center.Y})
	p.Arc(center, radius, 0, 2*math.Pi)
	p.Close()
	c.SetColor(clr)
	c.Fill(p)
}

func line(width vg.Length, clr color.Color, dashed bool) draw.LineStyle {
	s := draw.LineStyle{Width: width, Color: clr}
	if dashed {
		s.Dashes = []vg.Length{6 * px, 4 * px}
	}
	return s
}

// centred writes text at a point, centred horizontally and with the given vertical alignment.
func centred(c draw.Canvas, s text.Style, at vg.Point, up text.YAlignment, txt string) {
	s.XAlign, s.YAlign = draw.XCenter, up
	c.FillText(s, at, txt)
}
