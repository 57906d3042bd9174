//go:build browser

package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// mark gives a name for CSS selectors to the code cell whose source contains a text, and scrolls to
// it.
func (p *page) mark(source, name string) {
	p.t.Helper()
	found := eval[bool](p, fmt.Sprintf(`(() => {
	const cell = codes.find(c => c.model.sharedModel.source.includes(%q));
	if (!cell) return false;
	panel.content.scrollToItem(panel.content.widgets.indexOf(cell));
	cell.node.dataset.test = %q;
	return true;
})()`, source, name))
	if !found {
		p.t.Fatalf("no cell has %q", source)
	}
}

// in returns the selector of an element in the outputs of a marked cell.
func in(name, selector string) string {
	return fmt.Sprintf(`[data-test="%s"] .jp-OutputArea %s`, name, selector)
}

func query(selector string) string { return fmt.Sprintf("document.querySelector(%q)", selector) }

// box scrolls to an element and returns its place on the screen, once it has come to rest.
func (p *page) box(selector string) (left, top, width, height float64) {
	p.t.Helper()
	var last []float64
	for range 50 {
		r := eval[[]float64](p, fmt.Sprintf(`(() => {
	const e = %s;
	e.scrollIntoView({block: "center"});
	const r = e.getBoundingClientRect();
	return [r.left, r.top, r.width, r.height];
})()`, query(selector)))
		if slices.Equal(r, last) {
			break
		}
		last = r
		time.Sleep(100 * time.Millisecond)
	}
	return last[0], last[1], last[2], last[3]
}

// press clicks in the middle of an element.
func (p *page) press(selector string) {
	p.t.Helper()
	left, top, width, height := p.box(selector)
	if err := chromedp.Do(p.ctx, chromedp.MouseClickXY(left+width/2, top+height/2)); err != nil {
		p.t.Fatalf("press %s: %v", selector, err)
	}
}

// drag moves a slider with the mouse, between two positions that are fractions of its width.
func (p *page) drag(selector string, from, to float64) {
	p.t.Helper()
	left, top, width, height := p.box(selector)
	const thumb = 8 // half the width of the thumb, whose centre stays inside the slider
	at := func(share float64) float64 { return left + thumb + share*(width-2*thumb) }
	move := chromedp.DragAndDropXY(at(from), top+height/2, at(to), top+height/2, 5)
	if err := chromedp.Do(p.ctx, move); err != nil {
		p.t.Fatalf("drag %s: %v", selector, err)
	}
}

// picture returns the source of the last picture of a marked cell.
func (p *page) picture(name string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`[...document.querySelectorAll(%q)]
	.filter(m => m.naturalWidth > 100).map(m => m.src).pop() ?? ""`, in(name, "img")))
}

// awaitOther waits until a marked cell shows another picture, and returns the time that this took.
func (p *page) awaitOther(name, before string) time.Duration {
	p.t.Helper()
	start := time.Now()
	for p.picture(name) == before {
		if time.Since(start) > 20*time.Second {
			p.t.Fatal("the picture has not changed")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(start)
}

// slide waits for the sliders of a marked cell, moves the first slider, and checks that the picture
// and the value beside the slider change.
func (p *page) slide(name string, from, to float64) {
	p.t.Helper()
	slider, value := in(name, `input[type="range"]`), in(name, "output")
	p.await(4*time.Minute, "sliders", query(in(name, ".eqflow-sliders"))+"?.dataset.ready")
	p.await(20*time.Second, "a picture", fmt.Sprintf("%s?.naturalWidth > 100", query(in(name, "img"))))
	before, text := p.picture(name), eval[string](p, query(value)+".textContent")
	p.drag(slider, from, to)
	p.t.Logf("%s: the picture changed %s after the mouse", name, p.awaitOther(name, before).Round(10*time.Millisecond))
	now := eval[string](p, query(value)+".textContent")
	if now == text {
		p.t.Errorf("%s: the value beside the slider stays %s", name, now)
	}
	if p.front != jupyterLab {
		return // Notebook 7 takes the arrow keys before the page sees them
	}
	// JupyterLab, which moves between cells by arrow keys, leaves them to the slider.
	left := eval[bool](p, fmt.Sprintf(`(() => {
	const slider = %s;
	slider.focus();
	const cell = panel.content.activeCellIndex;
	const key = {key: "ArrowDown", code: "ArrowDown", keyCode: 40, bubbles: true, cancelable: true};
	return slider.dispatchEvent(new KeyboardEvent("keydown", key)) && panel.content.activeCellIndex === cell;
})()`, query(slider)))
	if !left {
		p.t.Errorf("%s: an arrow key on the slider is JupyterLab's", name)
	}
}

// In either front end the picture follows the mouse. The stop button ends a cell with sliders
// without an error, the cell keeps its last picture and values, and the next cell runs.
func TestSliders(t *testing.T) {
	for name, front := range map[string]front{"JupyterLab": jupyterLab, "Notebook7": notebook7} {
		t.Run(name, func(t *testing.T) { sliders(t, front) })
	}
}

func sliders(t *testing.T, front front) {
	write(t, "sliders.ipynb", `import "github.com/eqflow/gonb-eqflow/notebooks/explore"`, `%%
kT := explore.NewSlider("kT", 0.5, 2.5, 1)
explore.Run(func() figure.Figure {
	well := target.DW4()
	well.KT = kT.Value
	return explore.Landscape(well, target.DW4())
}, kT)`, "%%\nfmt.Println(\"goes on\")")
	p := openIn(t, front, "sliders.ipynb")
	p.mark("explore.Run", "landscape")
	p.command("notebook:run-all-cells")
	p.slide("landscape", 0.25, 0.8)
	for _, share := range []float64{0.2, 0.6, 0.4} { // faster than pictures are drawn
		p.drag(in("landscape", `input[type="range"]`), 0.8, share)
		p.drag(in("landscape", `input[type="range"]`), share, 0.8)
	}
	p.screenshot("moved")
	value := eval[string](p, query(in("landscape", "output"))+".textContent")
	time.Sleep(2 * time.Second) // for the last move to arrive
	p.click(toolbarButton("interrupt"))
	p.await(20*time.Second, "the next cell", "codes[2].outputArea.node.innerText.includes('goes on')")
	if text := p.text("explore.Run"); !strings.Contains(text, "kT = "+value) {
		t.Errorf("the slider was left at %s, the cell says %q", value, text)
	}
	if p.picture("landscape") == "" || eval[bool](p, "!!"+query(in("landscape", "input"))) {
		t.Error("the picture is gone, or the sliders are still there")
	}
	p.noErrors()
	p.screenshot("stopped")
}

// In notebook 06 the committed films move although the notebook is not trusted, sliders change
// pictures, films play in both directions, and a saved notebook shows the same when it is opened
// again.
func TestExplore(t *testing.T) {
	const notebook = "06-explore.ipynb"
	p := open(t, notebook)
	p.fallback("untrusted-film")
	before := p.pictures()
	eval[bool](p, "(panel.content.scrollToItem(0), codes.forEach(c => c.model.clearExecution()), true)")
	p.command("notebook:run-all-cells")
	for _, cell := range []struct {
		source, name string
		from, to     float64
	}{
		{"explore.Landscape", "landscape", 0.5, 0.75}, {"journey.At", "journey", 0.5, 0.1},
		{"ensemble.At", "temperature", 0.35, 0.7},
	} {
		p.mark(cell.source, cell.name)
		p.slide(cell.name, cell.from, cell.to)
		p.screenshot(cell.name)
		p.press(in(cell.name, "button"))
		p.await(20*time.Second, "the end of the cell",
			fmt.Sprintf("%s && !%s", query(in(cell.name, ".eqflow-chosen")), query(in(cell.name, "input"))))
	}
	p.await(time.Minute, "the end of all cells", `codes.every(c => prompt(c) !== '[*]:')`)
	p.noErrors()
	p.play()
	left := p.picture("landscape")
	p.command("docmanager:save")
	p.await(10*time.Second, "a saved notebook", "!panel.context.model.dirty")
	p.load(notebook)
	p.mark("explore.Landscape", "landscape")
	p.await(20*time.Second, "the picture", fmt.Sprintf("%s?.naturalWidth > 100", query(in("landscape", "img"))))
	if p.picture("landscape") != left {
		t.Error("the landscape has changed after opening the notebook again")
	}
	if after := p.pictures(); after != before {
		t.Errorf("%d pictures as committed, %d after", before, after)
	}
	p.play()
	p.screenshot("opened-again")
	p.load(copied(t, notebook))
	p.fallback("copied-film")
}

// play plays the first film forwards and backwards, and stops at a frame by its slider.
func (p *page) play() {
	p.t.Helper()
	p.mark("explore.Forwards", "film")
	canvas := in("film", ".eqflow-film canvas")
	frame := func() int { return eval[int](p, "+"+query(canvas)+".dataset.frame") }
	p.await(20*time.Second, "a player", query(canvas)+"?.dataset.frame")
	press := func(label string) { p.press(in("film", fmt.Sprintf(`button[aria-label="%s"]`, label))) }
	press("play forwards")
	p.await(10*time.Second, "the tenth frame", "+"+query(canvas)+".dataset.frame >= 10")
	press("play backwards")
	from := frame()
	p.await(10*time.Second, "an earlier frame", fmt.Sprintf("+%s.dataset.frame < %d", query(canvas), from-3))
	press("pause")
	stood := frame()
	time.Sleep(500 * time.Millisecond)
	if frame() != stood {
		p.t.Errorf("paused at frame %d, the film is at %d", stood, frame())
	}
	p.drag(in("film", `input[aria-label="frame"]`), float64(stood)/30, 0.9)
	if at := frame(); at < 24 || at > 30 {
		p.t.Errorf("nine tenths of the slider show frame %d of 31", at)
	}
	p.screenshot("film")
}

// fallback checks that a film moves where its script does not run.
func (p *page) fallback(screenshot string) {
	p.t.Helper()
	p.mark("explore.Forwards", "film")
	img := in("film", ".eqflow-film img")
	p.await(20*time.Second, "the film as a picture", fmt.Sprintf("%s?.naturalWidth > 100", query(img)))
	if eval[bool](p, "!!"+query(in("film", "canvas"))) {
		p.t.Error("a script of an untrusted notebook ran")
	}
	p.box(img)
	look := func() string {
		picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			p.t.Fatal(err)
		}
		return string(picture)
	}
	first, end := look(), time.Now().Add(5*time.Second)
	for look() == first {
		if time.Now().After(end) {
			p.t.Error("the film stands still")
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	p.screenshot(screenshot)
}

// copied makes a copy of a notebook with other bytes, which Jupyter has not signed as trusted.
func copied(t *testing.T, notebook string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(desk.notebooks, notebook))
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	content["metadata"].(map[string]any)["title"] = "a copy"
	if text, err = json.Marshal(content); err != nil {
		t.Fatal(err)
	}
	name := "copy-of-" + notebook
	if err := os.WriteFile(filepath.Join(desk.notebooks, name), text, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}
