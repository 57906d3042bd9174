package explore

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/dom"
	"github.com/janpfeifer/gonb/gonbui/widgets"
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
	return strings.Replace(strconv.FormatFloat(s.Value, 'f', s.decimals(), 64), "-", "−", 1)
}

// attachLimit is how long the browser gets to answer for all sliders.
const attachLimit = 15 * time.Second

// attach puts the sliders on the screen, and tells whether anybody answers.
func (p *panel) attach() bool {
	gonbui.UpdateHTML(p.place, p.frame())
	gonbui.Sync()
	attached := make(chan struct{})
	go func() { // GoNB's widgets wait for ever for a browser that does not answer
		p.build()
		close(attached)
	}()
	select {
	case <-attached:
		return true
	case <-time.After(attachLimit):
		return false
	}
}

// frame has a row for each slider: its name, the slider, its value.
func (p *panel) frame() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div id=%q class="eqflow-sliders" style="display:grid;grid-template-columns:max-content 24em max-content;gap:0.2em 1em;align-items:center">`, p.place)
	for i, s := range p.sliders {
		fmt.Fprintf(&b, `<span>%s</span><span id="%s-%d"></span><output id="%s-%d-value">%s</output>`, html.EscapeString(s.Name), p.place, i, p.place, i, s.text())
	}
	fmt.Fprintf(&b, `<span></span><span id="%s-end"></span><small>the picture follows while this cell runs</small></div>`, p.place)
	return b.String()
}

// build fills the frame with GoNB's widgets, and lets the browser write the values while they move.
func (p *panel) build() {
	var script strings.Builder
	script.WriteString("(() => {\n")
	for i, s := range p.sliders {
		w := widgets.Slider(0, positions, s.position()).AppendTo(fmt.Sprintf("%s-%d", p.place, i))
		subscribe(w.Address(), func(position int) { p.move(i, position) })
		w.Done()
		fmt.Fprintf(&script, `{
	const slider = document.getElementById(%q), value = document.getElementById("%s-%d-value");
	slider.style.width = "100%%";
	slider.setAttribute("aria-label", %q);
	slider.addEventListener("input", () => { value.textContent = (%g + %g * slider.value).toFixed(%d).replace("-", "−"); });
}
`, w.HtmlId(), p.place, i, s.Name, s.From, (s.To-s.From)/positions, s.decimals())
	}
	script.WriteString("})();")
	button := widgets.Button("Done").AppendTo(p.place + "-end")
	subscribe(button.Address(), func(clicks int) {
		if clicks > 0 {
			tell(p.ended)
		}
	})
	button.Done()
	dom.TransientJavascript(script.String())
}
