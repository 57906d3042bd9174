//go:build browser

package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// page is a notebook in a tab of its own.
type page struct {
	t     *testing.T
	ctx   context.Context
	front front
}

// front is the path at which a front end shows notebooks.
type front string

// The front ends. One server has both.
const (
	jupyterLab front = "/lab/tree/"
	notebook7  front = "/notebooks/"
)

// find defines the page's notebook panel as "panel", its code cells as "codes", and the text of a
// cell's prompt as the function "prompt". Without a window no panel is ever the current panel.
const find = `const app = window.jupyterapp;
const panel = app && [...app.shell.widgets('main')].find(w => w.content && w.content.widgets);
const isCode = w => w.model.type === 'code' && w.model.sharedModel.source.trim();
const codes = panel ? panel.content.widgets.filter(isCode) : [];
const prompt = cell => cell.inputArea.promptNode ? cell.inputArea.promptNode.textContent : '';`

// open opens a notebook in JupyterLab and waits until its kernel is ready.
func open(t *testing.T, notebook string) *page {
	t.Helper()
	return openIn(t, jupyterLab, notebook)
}

func openIn(t *testing.T, front front, notebook string) *page {
	t.Helper()
	p := newTab(t, front)
	p.load(notebook)
	return p
}

// newTab opens an empty tab for a front end.
func newTab(t *testing.T, front front) *page {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(desk.browser)
	t.Cleanup(closeTab)
	ctx, stop := context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(stop)
	p := &page{t, ctx, front}
	t.Cleanup(func() {
		if t.Failed() {
			p.screenshot("failed")
		}
	})
	return p
}

// navigate leaves the page for another address.
func (p *page) navigate(address string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Navigate(address)); err != nil {
		p.t.Fatal(err)
	}
}

// reload opens a notebook in the page, again if the page shows it already.
func (p *page) reload(notebook string) {
	p.t.Helper()
	// "reset" forgets the panels of the last visit, which would otherwise open beside this panel.
	p.navigate(strings.Replace(desk.server.Address(notebook), string(jupyterLab), string(p.front), 1) + "&reset")
	p.await(time.Minute, "the notebook", `panel && panel.context.isReady && codes.length > 0`)
}

// load is reload for a kernel that is idle, or becomes so.
func (p *page) load(notebook string) {
	p.t.Helper()
	p.reload(notebook)
	p.await(time.Minute, "an idle kernel", `panel.sessionContext.session?.kernel?.status === 'idle'`)
}

// eval returns the value of a JavaScript expression, which may use panel, codes and prompt.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T]("(() => {"+find+" return ("+expression+"); })()"))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// await waits until a JavaScript expression is true.
func (p *page) await(limit time.Duration, what, condition string) {
	p.t.Helper()
	end := time.Now().Add(limit)
	for !eval[bool](p, "!!("+condition+")") {
		if time.Now().After(end) {
			p.t.Fatalf("no sign of %s after %s; cells are %v, the kernel is %s",
				what, limit, eval[[]string](p, "codes.map(prompt)"),
				eval[string](p, "String(panel?.sessionContext?.session?.kernel?.status)"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// command runs one of JupyterLab's commands on the notebook, as a menu would.
func (p *page) command(id string) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf("(app.shell.activateById(panel.id), app.commands.execute('%s'), true)", id))
}

// accept presses the accepting button of a dialog.
func (p *page) accept() {
	p.t.Helper()
	const button = ".jp-Dialog button.jp-mod-accept"
	p.await(10*time.Second, "a dialog", "document.querySelector('"+button+"')")
	p.click(button)
}

// toolbarButton returns the selector of a button in the toolbar of either front end.
func toolbarButton(name string) string {
	return fmt.Sprintf(`[data-command="notebook:%[1]s-kernel"], [data-jp-item-name="%[1]s"] button, `+
		`[data-jp-item-name="%[1]s"] jp-button`, name)
}

// click presses an element with the mouse.
func (p *page) click(selector string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		p.t.Fatalf("click on %s: %v", selector, err)
	}
}

// runAll runs all cells and waits until the last cell has ended.
func (p *page) runAll(limit time.Duration) {
	p.t.Helper()
	p.command("notebook:run-all-cells")
	p.await(10*time.Second, "a running cell", `codes.some(c => prompt(c) === '[*]:') || codes.every(c => /\[\d+\]/.test(prompt(c)))`)
	p.await(limit, "the end of all cells", `codes.every(c => prompt(c) !== '[*]:') && panel.sessionContext.session.kernel.status === 'idle'`)
	if never := eval[[]string](p, `codes.filter(c => !/\[\d+\]/.test(prompt(c))).map(c => c.model.sharedModel.source)`); len(never) > 0 {
		p.t.Errorf("cells that did not run: %q", never)
	}
	p.noErrors()
}

// noErrors checks that no cell has failed.
func (p *page) noErrors() {
	p.t.Helper()
	if wrong := eval[[]string](p, `codes.flatMap(c => c.model.outputs.toJSON()).filter(o => o.output_type === 'error').map(o => o.ename + ': ' + o.evalue)`); len(wrong) > 0 {
		p.t.Errorf("cells that failed: %q", wrong)
	}
}

// pictures scrolls through the notebook and returns the number of visible images. A broken or blank
// image is an error.
func (p *page) pictures() int {
	p.t.Helper()
	seen := 0
	for i := range eval[int](p, "panel.content.widgets.length") {
		wanted := eval[int](p, fmt.Sprintf(`(panel.content.widgets[%d].model.outputs?.toJSON() ?? []).filter(o => o.data?.['image/png']).length`, i))
		if wanted == 0 {
			continue
		}
		eval[bool](p, fmt.Sprintf("(panel.content.scrollToItem(%d), true)", i))
		p.await(10*time.Second, fmt.Sprintf("the pictures of cell %d", i),
			fmt.Sprintf(`[...panel.content.widgets[%d].node.querySelectorAll('.jp-OutputArea :is(img, .eqflow-turn canvas)')]
				.filter(m => (m.tagName === 'CANVAS' || m.complete && m.naturalWidth > 100) &&
					m.getBoundingClientRect().width > 100).length >= %d`, i, wanted))
		seen += wanted
	}
	return seen
}

// text returns the whole output of the cells whose source contains a text, as plain text.
func (p *page) text(source string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`codes.filter(c => c.model.sharedModel.source.includes(%q)).map(c => c.outputArea.node.innerText).join('\n')`, source))
}

// screenshot writes a picture of the screen to a file.
func (p *page) screenshot(name string) {
	p.t.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Errorf("screenshot: %v", err)
		return
	}
	file := strings.ReplaceAll(p.t.Name(), "/", "-") + "-" + name + ".png"
	if err := os.WriteFile(filepath.Join(desk.screenshots, file), picture, 0o644); err != nil {
		p.t.Error(err)
	}
}
