//go:build browser

package browser

import (
	"fmt"
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

func (p *page) awaitOutput(cell int, want string) {
	p.t.Helper()
	p.await(time.Minute, want, fmt.Sprintf("codes[%d].outputArea.node.innerText.includes(%q)", cell, want))
}

// In either front end values live on, an error names its cell and line and shows the line, the last
// expression is a result, and a cell asks for a line of input.
func TestLivingCells(t *testing.T) {
	for name, front := range map[string]front{"JupyterLab": jupyterLab, "Notebook7": notebook7} {
		t.Run(name, func(t *testing.T) {
			file := "living-" + strings.ToLower(name) + ".ipynb"
			write(t, file, "x := 20", "x + 1", "y := 2\npanic(fmt.Errorf(\"x is %d\", x))", "x * 2",
				"var who string\nfmt.Scanln(&who)\nwho", "image.NewGray(image.Rect(0, 0, 200, 200))")
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
			p.screenshot("end")
		})
	}
}
