//go:build browser

package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// training is a cell that shows a log and a curve for some seconds, or until it is stopped.
const training = "fmt.Println(\"begun\")\nfor i := 0; ctx.Err() == nil && i < %d; i++ {\n\tfmt.Println(\"step\", i)\n" +
	"\tgonbui.UpdateHTML(\"curve\", fmt.Sprintf(\"<b class='curve'>curve at %%d</b>\", i))\n" +
	"\ttime.Sleep(100 * time.Millisecond)\n}\n\"trained\""

// train opens a notebook whose first cell trains, and begins the training.
func train(t *testing.T, front front, file string, steps int) *page {
	t.Helper()
	write(t, file, fmt.Sprintf(training, steps), "6 * 7")
	p := openIn(t, front, file)
	p.command("notebook:run-cell")
	p.awaitOutput(0, "step 3")
	return p
}

// awaitLive waits until a page shows the running training: all of the log, and a curve that moves.
func (p *page) awaitLive() {
	p.t.Helper()
	p.awaitOutput(0, "begun")
	p.awaitOutput(0, "step 0\n")
	p.await(10*time.Second, "a running cell", "prompt(codes[0]) === '[*]:'")
	const steps = `Math.max(...[...codes[0].outputArea.node.innerText.matchAll(/step (\d+)/g)].map(m => +m[1]))`
	const curve = `+(codes[0].outputArea.node.querySelector('.curve')?.textContent.match(/\d+/)?.[0] ?? -1)`
	log, shown := eval[int](p, steps), eval[int](p, curve)
	p.await(10*time.Second, "a log and a curve that go on", fmt.Sprintf("%s > %d && %s > %d", steps, log, curve, shown))
	if n := eval[int](p, "codes[0].outputArea.node.querySelectorAll('.curve').length"); n != 1 {
		p.t.Errorf("there are %d curves", n)
	}
}

// A training goes on in a page that is opened again, with all of its log and its curve, and in a
// second tab. It can be stopped there, and its end and result are shown.
func TestReopenedTraining(t *testing.T) {
	for name, front := range map[string]front{"JupyterLab": jupyterLab, "Notebook7": notebook7} {
		t.Run(name, func(t *testing.T) {
			file := "reopened-" + strings.ToLower(name) + ".ipynb"
			p := train(t, front, file, 3000)
			p.reload(file)
			p.awaitLive()
			p.screenshot("reopened")
			second := newTab(t, front)
			second.reload(file)
			second.awaitLive()
			second.screenshot("second-tab")
			second.click(toolbarButton("interrupt"))
			for _, p := range []*page{p, second} {
				p.awaitOutput(0, "trained")
				p.await(10*time.Second, "the end of the cell", "prompt(codes[0]) === '[1]:'")
			}
			second.run(1, "42")
		})
	}
}

// A training that ends while no page is open is there when the notebook is opened again, and so is
// output that was not saved. Output that its user has cleared is not.
func TestTrainingEndsWithoutAPage(t *testing.T) {
	const file = "unwatched.ipynb"
	p := train(t, jupyterLab, file, 60)
	p.navigate("about:blank")
	time.Sleep(8 * time.Second)
	p.reload(file)
	p.awaitOutput(0, "step 59")
	p.awaitOutput(0, "trained")
	p.await(10*time.Second, "the end of the cell", "prompt(codes[0]) === '[1]:'")
	p.run(1, "42")
	p.load(file) // which has not been saved
	p.awaitOutput(0, "step 59")
	p.awaitOutput(1, "42")
	p.command("notebook:clear-all-cell-outputs")
	p.command("docmanager:save")
	p.await(10*time.Second, "a saved notebook", "!panel.context.model.dirty")
	p.load(file)
	time.Sleep(3 * time.Second)
	if shown := eval[string](p, "codes[0].outputArea.node.innerText"); strings.TrimSpace(shown) != "" {
		t.Errorf("cleared output is back: %q", shown)
	}
}

// A line in the notebook shows the output of the running cell at once, also without the extension.
func TestOutputLine(t *testing.T) {
	const file = "output-line.ipynb"
	p := train(t, jupyterLab, file, 3000)
	eval[bool](p, "(codes[1].model.sharedModel.setSource('%eqflow output'), true)")
	p.run(1, "output of cell 1:\nbegun")
	p.awaitOutput(1, "step 8")
	p.screenshot("line")
	p.click(toolbarButton("interrupt"))
	p.awaitOutput(1, "trained")
}
