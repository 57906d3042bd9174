//go:build browser

package browser

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// look returns what the screen shows of an element.
func (p *page) look(selector string) *image.NRGBA {
	p.t.Helper()
	left, top, width, height := p.box(selector)
	text, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	screen, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		p.t.Fatal(err)
	}
	area := image.Rect(int(left), int(top), int(left+width), int(top+height)).Intersect(screen.Bounds())
	part := image.NewNRGBA(area.Sub(area.Min))
	for y := range area.Dy() {
		for x := range area.Dx() {
			part.Set(x, y, screen.At(area.Min.X+x, area.Min.Y+y))
		}
	}
	return part
}

// share returns the fraction of a picture whose mean of red, green and blue lies in a range.
func share(img *image.NRGBA, low, high int) float64 {
	count, all := 0, len(img.Pix)/4
	for i := range all {
		if mean := (int(img.Pix[4*i]) + int(img.Pix[4*i+1]) + int(img.Pix[4*i+2])) / 3; mean >= low && mean <= high {
			count++
		}
	}
	return float64(count) / float64(max(1, all))
}

// theme sets JupyterLab's theme.
func (p *page) theme(name string, light bool) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf("(app.commands.execute('apputils:change-theme', {theme: %q}), true)", name))
	p.await(30*time.Second, name, fmt.Sprintf("document.body.dataset.jpThemeLight === '%v'", light))
	time.Sleep(time.Second) // for the new style sheet
}

// pictureCells show a plot, particles in a plane and in space, a film of a flow and one of a chain.
var pictureCells = []string{
	`var line = figure.Series{Name: "eqBG", X: []float64{0, 1, 2}, Y: []float64{0, 1, 0}, YErr: []float64{.1, .1, .1}}
figure.Lines(figure.Axes{Title: "plot", X: "x", Y: "u / kT"}, line)`,
	`var plane = particle.Batch{N: 4, D: 2, X: []float64{0, 5, -3, 0, 3, 0, 0, 0}}
figure.Particles(figure.Gallery{Title: "plane", Bond: 4}, plane)`,
	`import "math"

var space = particle.NewBatch(2, 13, 3)
for i := range space.X {
	space.X[i] = 2 * math.Sin(float64(i*i))
}
figure.MustShow(figure.Particles(figure.Gallery{Title: "space", Captions: []string{"a", "b"}, Bond: 2}, space))`,
	`figure.MustShow([]particle.Batch{plane, plane})`,
	"%eqflow film dw4",
}

// In the dark theme no picture is a slab of white: its ground is that of the page, and its text can
// be read. In the light theme the ground is white.
func TestDarkThemeShowsNoWhiteSlab(t *testing.T) {
	write(t, "theme.ipynb", pictureCells...)
	p := open(t, "theme.ipynb")
	p.runAll(2 * time.Minute)
	pictures := map[string]string{
		"plot": "img", "plane": "img", "space": ".eqflow-turn canvas", "film": ".eqflow-film canvas",
		"chain": ".eqflow-film canvas",
	}
	for i, name := range []string{"plot", "plane", "space", "film", "chain"} {
		p.mark(pictureCells[i], name)
		p.await(20*time.Second, name, query(in(name, pictures[name])))
	}
	for _, theme := range []struct {
		name      string
		light     bool
		low, high int // of the ground
	}{{"JupyterLab Dark", false, 0x0c, 0x20}, {"JupyterLab Light", true, 0xf0, 0xff}} {
		p.theme(theme.name, theme.light)
		for name, selector := range pictures {
			img := p.look(in(name, selector))
			if ground := share(img, theme.low, theme.high); ground < 0.6 {
				t.Errorf("%s, %s: %.0f %% of the picture are ground", theme.name, name, 100*ground)
			}
			if bright := share(img, 0xe0, 0xff); !theme.light && bright > 0.02 {
				t.Errorf("%s, %s: %.1f %% of the picture are white", theme.name, name, 100*bright)
			}
			if text := share(img, 0x60, 0xb0); text < 0.001 {
				t.Errorf("%s, %s: no text", theme.name, name)
			}
			p.screenshot(theme.name + "-" + name)
		}
	}
	// A picture has its own size, not one dot per pixel.
	if _, _, width, _ := p.box(in("plane", "img")); width != 276 {
		t.Errorf("a single panel is %.0f pixels wide, not 276", width)
	}
}

// Particles in space turn as the mouse drags them, and by the arrow keys, which do not move between
// cells. Where scripts do not run their picture is shown.
func TestParticlesTurn(t *testing.T) {
	write(t, "turn.ipynb", pictureCells...)
	p := open(t, "turn.ipynb")
	p.runAll(2 * time.Minute)
	p.mark(pictureCells[2], "space")
	canvas := in("space", ".eqflow-turn canvas")
	p.await(20*time.Second, "the view", query(canvas)+"?.dataset.drawn")
	drawn := func() string { return eval[string](p, query(canvas)+".toDataURL()") }
	first := drawn()
	p.screenshot("first")
	p.drag(canvas, 0.2, 0.4)
	p.await(10*time.Second, "another view", query(canvas)+".dataset.drawn > 2")
	time.Sleep(200 * time.Millisecond)
	dragged := drawn()
	if dragged == first {
		t.Error("the view is the same after dragging")
	}
	p.screenshot("dragged")
	left := eval[bool](p, fmt.Sprintf(`(() => {
	const canvas = %s;
	canvas.focus();
	const cell = panel.content.activeCellIndex;
	const key = {key: "ArrowDown", code: "ArrowDown", keyCode: 40, bubbles: true, cancelable: true};
	canvas.dispatchEvent(new KeyboardEvent("keydown", key));
	return panel.content.activeCellIndex === cell;
})()`, query(canvas)))
	time.Sleep(200 * time.Millisecond)
	if !left || drawn() == dragged {
		t.Errorf("an arrow key leaves JupyterLab's cell: %v; turns: %v", left, drawn() != dragged)
	}
	eval[bool](p, fmt.Sprintf(`(%s.dispatchEvent(new MouseEvent("dblclick")), true)`, query(canvas)))
	if drawn() != first {
		t.Error("a double click does not bring the first view back")
	}
	p.command("docmanager:save")
	p.await(10*time.Second, "a saved notebook", "!panel.context.model.dirty")
	p.load(copied(t, "turn.ipynb"))
	p.mark(pictureCells[2], "space")
	p.await(20*time.Second, "the picture", query(in("space", ".eqflow-turn img"))+"?.naturalWidth > 100")
	if eval[bool](p, "!!"+query(canvas)) {
		t.Error("a script of an untrusted notebook ran")
	}
	p.screenshot("untrusted")
}
