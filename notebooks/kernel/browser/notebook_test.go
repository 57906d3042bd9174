//go:build browser

package browser

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write writes a notebook of code cells for the kernel.
func write(t *testing.T, name string, cells ...string) {
	t.Helper()
	var list []any
	for _, source := range cells {
		list = append(list, map[string]any{
			"cell_type": "code", "id": "c" + name[:1] + string(rune('a'+len(list))), "metadata": map[string]any{},
			"source": source, "outputs": []any{}, "execution_count": nil,
		})
	}
	spec := map[string]any{"name": "eqflow", "display_name": "eqflow (Go)", "language": "go"}
	text, err := json.Marshal(map[string]any{
		"cells": list, "nbformat": 4, "nbformat_minor": 5, "metadata": map[string]any{"kernelspec": spec},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(desk.notebooks, name), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A committed notebook shows its pictures before it runs, although it is not trusted. Then it runs
// from top to bottom, is saved, and shows the new outputs when it is opened again.
func TestSymmetry(t *testing.T) {
	const notebook = "01-symmetry.ipynb"
	if err := os.RemoveAll(filepath.Join(desk.notebooks, "work")); err != nil { // a kept model shows no training
		t.Fatal(err)
	}
	p := open(t, notebook)
	if title := eval[string](p, "panel.sessionContext.kernelDisplayName"); title != "eqflow (Go)" {
		t.Errorf("the kernel is %q", title)
	}
	if eval[bool](p, "codes.some(c => c.model.trusted && c.model.outputs.length)") {
		t.Error("a notebook that this Jupyter has not signed is trusted")
	}
	before := p.pictures()
	if before < 3 {
		t.Errorf("%d pictures before it runs", before)
	}
	p.screenshot("untrusted")
	eval[bool](p, "(panel.content.scrollToItem(0), codes.forEach(c => c.model.clearExecution()), true)")
	p.runAll(8 * time.Minute)
	if after := p.pictures(); after != before {
		t.Errorf("%d pictures before it ran, %d after", before, after)
	}
	p.screenshot("run")
	p.command("docmanager:save")
	p.await(10*time.Second, "a saved notebook", "!panel.context.model.dirty")
	p.load(notebook)
	if again := p.pictures(); again != before {
		t.Errorf("%d pictures before it was saved, %d after it was opened again", before, again)
	}
	p.screenshot("opened-again")
	p.noErrors()
}

// The quick start runs from top to bottom with living values, and shows as many pictures as are
// committed.
func TestQuickStart(t *testing.T) {
	p := open(t, "00-quick-start.ipynb")
	before := p.pictures()
	eval[bool](p, "(panel.content.scrollToItem(0), codes.forEach(c => c.model.clearExecution()), true)")
	p.runAll(8 * time.Minute)
	if after := p.pictures(); after != before {
		t.Errorf("%d pictures before it ran, %d after", before, after)
	}
	p.mark("fmt.Println(drawn)", "samples") // a cell out of sight has no text
	p.await(10*time.Second, "the samples' ESS", query(`[data-test="samples"]`)+"?.innerText.includes('ESS')")
	p.screenshot("run")
}

// Opening the committed notebooks one after the other, and doing nothing, changes no file.
func TestOpeningChangesNothing(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(desk.notebooks, "[0-9][0-9]-*.ipynb"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d notebooks, %v", len(paths), err)
	}
	git := func(args ...string) string {
		text, err := exec.Command("git", append([]string{"-C", desk.notebooks}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, text)
		}
		return string(text)
	}
	git("checkout", "-q", "--", ".") // other tests save notebooks
	var p *page
	for _, path := range paths {
		if name := filepath.Base(path); p == nil {
			p = open(t, name)
		} else {
			p.load(name)
		}
		time.Sleep(time.Second) // for what the kernel's description changes
		if eval[bool](p, "panel.context.model.dirty") {
			t.Errorf("%s is changed by opening it", filepath.Base(path))
		}
		p.command("docmanager:save") // as JupyterLab does by itself, after two minutes, where it sees a change
		p.await(10*time.Second, "a saved notebook", "!panel.context.model.dirty")
	}
	if status := git("status", "--porcelain", "--untracked-files=no"); status != "" {
		t.Errorf("git status:\n%s%s", status, git("diff", "--stat"))
	}
}

// The stop button ends a long cell, and the next cell runs.
func TestInterrupt(t *testing.T) {
	write(t, "interrupt.ipynb", "%%\nfmt.Println(\"begun\")\ntime.Sleep(time.Hour)", "%%\nfmt.Println(\"goes on\")")
	p := open(t, "interrupt.ipynb")
	p.command("notebook:run-cell")
	p.await(time.Minute, "the cell's first line", "codes[0].outputArea.node.innerText.includes('begun')")
	pressed := time.Now()
	p.click(toolbarButton("interrupt"))
	p.await(10*time.Second, "the end of the cell", "prompt(codes[0]) !== '[*]:'")
	t.Logf("interrupted after %s", time.Since(pressed).Round(time.Millisecond))
	p.screenshot("stopped")
	eval[bool](p, "(panel.content.activeCellIndex = 1, true)")
	p.command("notebook:run-cell")
	p.await(time.Minute, "the next cell", "codes[1].outputArea.node.innerText.includes('goes on')")
}

// The restart button ends a running cell. Earlier declarations are gone, and the kernel answers
// again.
func TestRestart(t *testing.T) {
	write(t, "restart.ipynb", "const declared = 42", "%%\nfmt.Println(\"begun\")\ntime.Sleep(time.Hour)",
		"%%\nfmt.Println(declared)", "%%\nfmt.Println(\"anew\")")
	p := open(t, "restart.ipynb")
	p.command("notebook:run-cell")
	p.await(time.Minute, "the declaration", "prompt(codes[0]) === '[1]:'")
	eval[bool](p, "(panel.content.activeCellIndex = 1, true)")
	p.command("notebook:run-cell")
	p.await(time.Minute, "the cell's first line", "codes[1].outputArea.node.innerText.includes('begun')")
	before := eval[string](p, "panel.sessionContext.session.kernel.id")
	pressed := time.Now()
	p.click(toolbarButton("restart"))
	p.accept()
	p.await(20*time.Second, "the end of the cell", "prompt(codes[1]) !== '[*]:'")
	p.await(30*time.Second, "an idle kernel", "panel.sessionContext.session.kernel.status === 'idle'")
	t.Logf("restarted after %s", time.Since(pressed).Round(time.Millisecond))
	if after := eval[string](p, "panel.sessionContext.session.kernel.id"); after != before {
		t.Errorf("kernel %s became %s", before, after)
	}
	for cell, want := range map[int]string{2: "undefined: declared", 3: "anew"} {
		eval[bool](p, "(panel.content.activeCellIndex = "+string(rune('0'+cell))+", true)")
		p.command("notebook:run-cell")
		p.await(time.Minute, want, "codes["+string(rune('0'+cell))+"].outputArea.node.innerText.includes('"+want+"')")
	}
	p.screenshot("restarted")
}

// The kernel lists its magics, and code is coloured as Go.
func TestEditing(t *testing.T) {
	write(t, "editing.ipynb", "%eqflow help", "func f() int { return 1 }")
	p := open(t, "editing.ipynb")
	p.command("notebook:run-cell")
	p.await(time.Minute, "the list of magics", "codes[0].outputArea.node.innerText.includes('backend')")
	if shown := p.text("%eqflow"); !strings.Contains(shown, "models") {
		t.Errorf("%%eqflow help shows %q", shown)
	}
	p.await(10*time.Second, "coloured code", `[...codes[1].node.querySelectorAll('.cm-line span')].some(s => s.textContent === 'func')`)
	p.screenshot("magics")
}
