package figure

import (
	"math"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// markup is a gonum/plot text handler with superscripts ^{…} and subscripts _{…}.
type markup struct{ fonts *font.Cache }

// textRun is a part of a line. Its level is 1 for superscripts, −1 for subscripts and 0 otherwise.
type textRun struct {
	text  string
	level int
}

// scriptSize and scriptShift are the size and the shift of superscripts and subscripts, in font
// sizes.
const scriptSize, scriptShift = 0.72, 0.31

// available replaces characters that Liberation Sans lacks. It has only some superscript digits, so
// all are replaced.
var available = strings.NewReplacer(
	"⟨", "‹", "⟩", "›", "∝", "~", "∇", "grad ", "⁻", "^{−}", "⁺", "^{+}",
	"⁰", "^{0}", "¹", "^{1}", "²", "^{2}", "³", "^{3}", "⁴", "^{4}",
	"⁵", "^{5}", "⁶", "^{6}", "⁷", "^{7}", "⁸", "^{8}", "⁹", "^{9}",
	"₀", "_{0}", "₁", "_{1}", "₂", "_{2}", "₃", "_{3}", "₄", "_{4}",
	"₅", "_{5}", "₆", "_{6}", "₇", "_{7}", "₈", "_{8}", "₉", "_{9}",
)

// textRuns splits one line. Braces that are not closed remain text.
func textRuns(line string) []textRun {
	line = available.Replace(line)
	var out []textRun
	for line != "" {
		start := strings.IndexAny(line, "^_")
		for start >= 0 && !(strings.HasPrefix(line[start+1:], "{") && strings.Contains(line[start:], "}")) {
			next := strings.IndexAny(line[start+1:], "^_")
			if next < 0 {
				start = -1
				break
			}
			start += 1 + next
		}
		if start < 0 {
			return append(out, textRun{text: line})
		}
		if start > 0 {
			out = append(out, textRun{text: line[:start]})
		}
		level := 1
		if line[start] == '_' {
			level = -1
		}
		inner, rest, _ := strings.Cut(line[start+2:], "}")
		out = append(out, textRun{inner, level})
		line = rest
	}
	return out
}

func (m markup) face(r textRun, f font.Font) font.Face {
	size := f.Size
	if r.level != 0 {
		size *= scriptSize
	}
	return m.fonts.Lookup(f, size)
}

func (m markup) width(line string, f font.Font) vg.Length {
	w := vg.Length(0)
	for _, r := range textRuns(line) {
		face := m.face(r, f)
		w += face.Width(r.text)
	}
	return w
}

// Cache returns the fonts.
func (m markup) Cache() *font.Cache { return m.fonts }

// Extents returns the extents of the font.
func (m markup) Extents(f font.Font) font.Extents {
	face := m.fonts.Lookup(f, f.Size)
	return face.Extents()
}

// Lines splits text at its line breaks.
func (m markup) Lines(txt string) []string { return strings.Split(strings.TrimRight(txt, "\n"), "\n") }

// Box returns width, ascent and descent of one line of text.
func (m markup) Box(txt string, f font.Font) (width, height, depth vg.Length) {
	e := m.Extents(f)
	return m.width(txt, f), e.Ascent, e.Descent
}

// Draw draws the text at the position that gonum's plain handler would use.
func (m markup) Draw(c vg.Canvas, txt string, sty text.Style, pt vg.Point) {
	if txt = strings.TrimRight(txt, "\n"); txt == "" {
		return
	}
	c.SetColor(sty.Color)
	if sty.Rotation != 0 {
		c.Push()
		c.Rotate(sty.Rotation)
		defer c.Pop()
	}
	sin, cos := math.Sincos(sty.Rotation)
	x, y := pt.Y*vg.Length(sin)+pt.X*vg.Length(cos), pt.Y*vg.Length(cos)-pt.X*vg.Length(sin)
	y += sty.Height(txt)*vg.Length(sty.YAlign) - m.Extents(sty.Font).Ascent
	lines := m.Lines(txt)
	for i, line := range lines {
		at := vg.Point{
			X: x + vg.Length(sty.XAlign)*m.width(line, sty.Font),
			Y: y + vg.Length(len(lines)-i)*sty.Font.Size,
		}
		for _, r := range textRuns(line) {
			face := m.face(r, sty.Font)
			c.FillString(face, at.Add(vg.Point{Y: vg.Length(r.level) * scriptShift * sty.Font.Size}), r.text)
			at.X += face.Width(r.text)
		}
	}
}
