package explore

import (
	_ "embed"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Slider is a number that the user changes with the mouse.
type Slider struct {
	Name     string
	From, To float64
	Value    float64 // the initial value, then the value of the last move
}

// NewSlider makes a slider from one number to another with an initial value.
func NewSlider(name string, from, to, value float64) *Slider {
	if !(from < to) || !(value >= from && value <= to) {
		panic(fmt.Errorf("explore: slider %q from %g to %g cannot have the value %g; "+
			"give a value between two different numbers", name, from, to, value))
	}
	return &Slider{Name: name, From: from, To: to, Value: value}
}

// positions is the number of steps of a slider. GoNB transmits positions as whole numbers.
const positions = 100

// position returns the step nearest to the value.
func (s *Slider) position() int {
	return int(math.Round((s.Value - s.From) / (s.To - s.From) * positions))
}

// at returns the value of a step.
func (s *Slider) at(position int) float64 {
	return s.From + (s.To-s.From)*float64(position)/positions
}

// decimals returns the number of decimals by which neighbouring steps differ.
func (s *Slider) decimals() int {
	return max(0, int(math.Ceil(-math.Log10((s.To-s.From)/positions)-1e-9)))
}

// text returns the value as it stands beside the slider.
func (s *Slider) text() string {
	return minus(strconv.FormatFloat(s.Value, 'f', s.decimals(), 64))
}

// minus replaces hyphens by minus signs.
func minus(text string) string { return strings.ReplaceAll(text, "-", "−") }

//go:embed sliders.js
var script string

const (
	// JupyterLab leaves the arrow keys to the sliders, because of the attribute data-lm-….
	frameStart = `<div id=%q class="eqflow-sliders" data-lm-suppress-shortcuts="true" style="display:grid;` +
		`grid-template-columns:max-content 24em max-content;gap:0.2em 1em;align-items:center">`
	frameRow = `<span>%s</span><span><input type="range" aria-label="%s" min="0" max="%d" value="%d" ` +
		`style="width:100%%" data-from="%g" data-step="%g" data-decimals="%d"></span><output>%s</output>`
	frameEnd = `<span></span><span><button type="button" class="jp-mod-styled">Done</button></span>` +
		"<small>the picture follows while this cell runs</small></div>\n<script>(%s)(%q)</script>"
)

// frame returns the HTML of the sliders: a row with name, slider and value for each, and the button
// that ends the cell.
func (p *panel) frame() string {
	var b strings.Builder
	fmt.Fprintf(&b, frameStart, p.place)
	for _, s := range p.sliders {
		name := html.EscapeString(s.Name)
		fmt.Fprintf(&b, frameRow, name, name, positions, s.position(),
			s.From, (s.To-s.From)/positions, s.decimals(), s.text())
	}
	fmt.Fprintf(&b, frameEnd, script, p.place)
	return b.String()
}

// values returns the HTML that replaces the sliders when the cell has ended: their values.
func values(sliders []*Slider) string {
	texts := make([]string, len(sliders))
	for i, s := range sliders {
		texts[i] = html.EscapeString(s.Name + " = " + s.text())
	}
	return `<div class="eqflow-chosen">` + strings.Join(texts, " &nbsp; ") +
		` &nbsp; <small>run this cell to move the sliders</small></div>`
}
