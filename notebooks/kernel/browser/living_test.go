//go:build browser

package browser

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// run runs the cell of that number, from 0, and waits until its output holds a text.
func (p *page) run(cell int, want string) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf("(panel.content.activeCellIndex = %d, true)", cell))
	p.command("notebook:run-cell")
	p.awaitOutput(cell, want)
}

// complete asks for completions at the end of a cell's text.
func (p *page) complete(cell int) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf("(panel.content.activeCellIndex = %d, true)", cell))
	p.command("notebook:enter-edit-mode")
	eval[bool](p, fmt.Sprintf("(codes[%d].editor.focus(), codes[%[1]d].editor.setCursorPosition("+
		"codes[%[1]d].editor.getPositionAt(codes[%[1]d].model.sharedModel.source.length)), true)", cell))
	p.command("completer:invoke-notebook")
}

func (p *page) awaitOutput(cell int, want string) {
	p.t.Helper()
	p.await(time.Minute, want, fmt.Sprintf("codes[%d].outputArea.node.innerText.includes(%q)", cell, want))
}

// fullRow is a front end's row in the table of notebooks/README.md, whose columns are those of the
// test of package fronts: all that TestLivingCells finds.
const fullRow = "| %s | yes | yes | yes | yes | yes | yes | yes |\n"

// In either front end values live on, the last expression is a result, an error names its cell and
// line and shows the line, pictures appear, a cell asks for a line of input, the stop button ends a
// cell, and names are completed. The page's table says so.
func TestLivingCells(t *testing.T) {
	table, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, front := range map[string]front{"JupyterLab": jupyterLab, "Notebook 7": notebook7} {
		t.Run(name, func(t *testing.T) {
			if row := fmt.Sprintf(fullRow, name); !strings.Contains(string(table), row) {
				t.Errorf("the page lacks the row %s", row)
			}
			file := "living-" + strings.ToLower(strings.ReplaceAll(name, " ", "")) + ".ipynb"
			write(t, file, "x := 20", "x + 1", "y := 2\npanic(fmt.Errorf(\"x is %d\", x))", "x * 2",
				"var who string\nfmt.Scanln(&who)\nwho", "image.NewGray(image.Rect(0, 0, 200, 200))",
				"fmt.Println(\"begun\")\ntime.Sleep(time.Hour)", "strings.ToUp")
			p := openIn(t, front, file)
			p.command("notebook:run-cell")
			p.await(time.Minute, "the first cell", "prompt(codes[0]) === '[1]:'")
			p.run(1, "21")
			p.run(2, "cell 3, line 2: x is 20")
			p.awaitOutput(2, "panic(fmt.Errorf(")
			p.screenshot("error")
			p.run(3, "40")
			const field = ".jp-Stdin-input"
			eval[bool](p, "(panel.content.activeCellIndex = 4, true)")
			p.command("notebook:run-cell")
			p.await(time.Minute, "a field for input", "document.querySelector('"+field+"')")
			err := chromedp.Do(p.ctx, chromedp.SendKeys(chromedp.CSS(field), "Ada\r"))
			if err != nil {
				t.Fatal(err)
			}
			p.awaitOutput(4, "Ada")
			eval[bool](p, "(panel.content.activeCellIndex = 5, true)")
			p.command("notebook:run-cell")
			p.await(time.Minute, "a picture", "codes[5].outputArea.node.querySelector('img')?.naturalWidth === 200")
			p.run(6, "begun")
			p.command("notebook:interrupt-kernel")
			p.await(10*time.Second, "the end of the cell", "prompt(codes[6]) === '[7]:'")
			p.awaitOutput(6, "Interrupted")
			p.complete(7)
			p.await(10*time.Second, "a completion", "codes[7].model.sharedModel.source.includes('ToUpper') || "+
				"[...document.querySelectorAll('.jp-Completer-item')].some(i => i.innerText.includes('ToUpper'))")
			p.screenshot("end")
		})
	}
}
