package explore

import (
	_ "embed"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Slider is a number that a person moves.
type Slider struct {
	Name     string
	From, To float64
	Value    float64 // at first what it begins with, then what it was moved to
}

// NewSlider makes a slider between two numbers that begins at a third.
func NewSlider(name string, from, to, value float64) *Slider {
	if !(from < to) || !(value >= from && value <= to) {
		panic(fmt.Errorf("explore: slider %q from %g to %g cannot stand at %g; give a value between two numbers that differ", name, from, to, value))
	}
	return &Slider{Name: name, From: from, To: to, Value: value}
}

// positions is how many steps a slider has: GoNB's count in whole numbers.
const positions = 100

// position is the step nearest to the value.
func (s *Slider) position() int {
	return int(math.Round((s.Value - s.From) / (s.To - s.From) * positions))
}

// at is the value of a step.
func (s *Slider) at(position int) float64 {
	return s.From + (s.To-s.From)*float64(position)/positions
}

// decimals are as many as neighbouring steps need to differ.
func (s *Slider) decimals() int {
	return max(0, int(math.Ceil(-math.Log10((s.To-s.From)/positions)-1e-9)))
}

// text is the value as it stands beside the slider.
func (s *Slider) text() string {
	return minus(strconv.FormatFloat(s.Value, 'f', s.decimals(), 64))
}

// minus sets true minus signs.
func minus(text string) string { return strings.ReplaceAll(text, "-", "−") }

//go:embed sliders.js
var script string

// frame has a row for each slider: its name, the slider, its value; and the button that ends the cell.
func (p *panel) frame() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div id=%q class="eqflow-sliders" style="display:grid;grid-template-columns:max-content 24em max-content;gap:0.2em 1em;align-items:center">`, p.place)
	for _, s := range p.sliders {
		name := html.EscapeString(s.Name)
		fmt.Fprintf(&b, `<span>%s</span><span><input type="range" aria-label="%s" min="0" max="%d" value="%d" style="width:100%%" data-from="%g" data-step="%g" data-decimals="%d"></span><output>%s</output>`,
			name, name, positions, s.position(), s.From, (s.To-s.From)/positions, s.decimals(), s.text())
	}
	fmt.Fprintf(&b, "<span></span><span><button type=\"button\">Done</button></span><small>the picture follows while this cell runs</small></div>\n<script>(%s)(%q)</script>", script, p.place)
	return b.String()
}
