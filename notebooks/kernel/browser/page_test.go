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

// front is the path under which a front end shows notebooks.
type front string

// The front ends, which one server has both.
const (
	jupyterLab front = "/lab/tree/"
	notebook7  front = "/notebooks/"
)

// find has the page's notebook panel as "panel": without a window no panel is ever the current one.
const find = `const app = window.jupyterapp, panel = app && [...app.shell.widgets('main')].find(w => w.content && w.content.widgets);
const codes = panel ? panel.content.widgets.filter(w => w.model.type === 'code' && w.model.sharedModel.source.trim()) : [];
const prompt = cell => cell.inputArea.promptNode ? cell.inputArea.promptNode.textContent : '';`

// open shows a notebook in JupyterLab and waits until its kernel is ready.
func open(t *testing.T, notebook string) *page {
	t.Helper()
	return openIn(t, jupyterLab, notebook)
}

func openIn(t *testing.T, front front, notebook string) *page {
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
	p.load(notebook)
	return p
}

// load goes to a notebook, anew if it is there already.
func (p *page) load(notebook string) {
	p.t.Helper()
	// "reset" forgets the panels of the last visit, which would come back beside this one.
	address := strings.Replace(desk.server.Address(notebook), string(jupyterLab), string(p.front), 1)
	if err := chromedp.Do(p.ctx, chromedp.Navigate(address+"&reset")); err != nil {
		p.t.Fatal(err)
	}
	p.await(time.Minute, "the notebook", `panel && panel.context.isReady && codes.length > 0`)
	p.await(time.Minute, "an idle kernel", `panel.sessionContext.session?.kernel?.status === 'idle'`)
}

// eval is the value of a JavaScript expression, with panel, codes and prompt at hand.
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
			p.t.Fatalf("%s has not come after %s; cells are %v, the kernel is %s", what, limit, eval[[]string](p, "codes.map(prompt)"),
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

// accept presses the button of a question that is on the screen.
func (p *page) accept() {
	p.t.Helper()
	const button = ".jp-Dialog button.jp-mod-accept"
	p.await(10*time.Second, "a question", "document.querySelector('"+button+"')")
	p.click(button)
}

// click presses what a CSS selector finds, with the mouse.
func (p *page) click(selector string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		p.t.Fatalf("click on %s: %v", selector, err)
	}
}

// runAll runs every cell and waits until the last has ended.
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

// noErrors looks for tracebacks.
func (p *page) noErrors() {
	p.t.Helper()
	if wrong := eval[[]string](p, `codes.flatMap(c => c.model.outputs.toJSON()).filter(o => o.output_type === 'error').map(o => o.ename + ': ' + o.evalue)`); len(wrong) > 0 {
		p.t.Errorf("cells that failed: %q", wrong)
	}
}

// pictures scrolls through the notebook and returns how many images a reader sees; one that is broken or blank is an error.
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
			fmt.Sprintf(`[...panel.content.widgets[%d].node.querySelectorAll('.jp-OutputArea img')].filter(m => m.complete && m.naturalWidth > 100 && m.getBoundingClientRect().width > 100).length >= %d`, i, wanted))
		seen += wanted
	}
	return seen
}

// text is everything that a cell with this source has put out, as plain text.
func (p *page) text(source string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`codes.filter(c => c.model.sharedModel.source.includes(%q)).map(c => c.outputArea.node.innerText).join('\n')`, source))
}

// screenshot keeps what is on the screen.
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
