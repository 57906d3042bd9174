//go:build browser

package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/notebooks/explore"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// executed is what a program has left of a notebook.
type executed struct {
	Cells []struct {
		Type    string `json:"cell_type"`
		Source  any    `json:"source"`
		Count   *int   `json:"execution_count"`
		Outputs []struct {
			Type string         `json:"output_type"`
			Data map[string]any `json:"data"`
		} `json:"outputs"`
	} `json:"cells"`
}

// ran reads a notebook, and wants every cell of code to have run without an error. It returns the number of pictures.
func ran(t *testing.T, path string) (pictures int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var nb executed
	if err := json.Unmarshal(text, &nb); err != nil {
		t.Fatal(err)
	}
	for i, c := range nb.Cells {
		if c.Type == "code" && c.Count == nil {
			t.Errorf("cell %d of %s has not run: %v", i+1, filepath.Base(path), c.Source)
		}
		for _, o := range c.Outputs {
			if o.Type == "error" {
				t.Errorf("cell %d of %s failed", i+1, filepath.Base(path))
			}
			if o.Data["image/png"] != nil {
				pictures++
			}
		}
	}
	return pictures
}

// Programs that execute notebooks without a browser run 01 and 06, sliders and all, to the pictures that are committed.
func TestNbconvert(t *testing.T) {
	for _, name := range []string{"01-symmetry.ipynb", "06-explore.ipynb"} {
		out := filepath.Join(t.TempDir(), name)
		err := run(desk.notebooks, []string{quick}, desk.environment.Jupyter(), "nbconvert", "--to", "notebook", "--execute", "--log-level", "WARN",
			"--ExecutePreprocessor.timeout=600", "--output", out, "--ExecutePreprocessor.kernel_name=eqflow", filepath.Join(desk.notebooks, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := ran(t, out), ran(t, committed(t, name)); got != want {
			t.Errorf("%s has %d pictures, %d are committed", name, got, want)
		}
		html := filepath.Join(t.TempDir(), "page.html")
		if err := run(desk.notebooks, nil, desk.environment.Jupyter(), "nbconvert", "--to", "html", "--log-level", "WARN", "--output", html, out); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(html); err != nil || strings.Count(string(text), "data:image/png;base64,") < ran(t, out) {
			t.Errorf("%s as HTML lacks pictures: %v", name, err)
		}
	}
}

// committed is a notebook of this clone.
func committed(t *testing.T, name string) string {
	t.Helper()
	root, err := gonb.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "notebooks", name)
}

// GoNB's own nbexec runs 06 in Notebook 7, whose sliders nobody moves.
func TestNbexec(t *testing.T) {
	nbexec, tools := buildNbexec(t), t.TempDir()
	// nbexec looks for Chrome by this name, and starts it in a sandbox, which root has not.
	sandbox := ""
	if os.Geteuid() == 0 {
		sandbox = "--no-sandbox "
	}
	chrome := fmt.Sprintf("#!/bin/sh\nexec chromium %s\"$@\"\n", sandbox)
	if err := os.WriteFile(filepath.Join(tools, "google-chrome"), []byte(chrome), 0o755); err != nil {
		t.Fatal(err)
	}
	const name = "nbexec-06.ipynb"
	text, err := os.ReadFile(committed(t, "06-explore.ipynb"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(desk.notebooks, name), watchful(t, text), 0o644); err != nil {
		t.Fatal(err)
	}
	path := strings.Join([]string{tools, filepath.Join(desk.environment.Prefix, "bin"), os.Getenv("PATH")}, string(os.PathListSeparator))
	args := []string{"-n", name, "-jupyter_dir", desk.notebooks, "-check_cells", "-logtostderr", "-screenshot", filepath.Join(desk.screenshots, t.Name()+".png")}
	if os.Geteuid() == 0 {
		args = append(args, "-jupyter_args", "--allow-root")
	}
	command := exec.Command(nbexec, args...)
	command.Dir, command.Env = desk.notebooks, append(os.Environ(), quick, "PATH="+path, explore.EnvListen+"=1s")
	if said, err := command.CombinedOutput(); err != nil { // much of it is Chromium's
		t.Fatalf("nbexec: %v\n%s", err, said)
	}
	if got, want := ran(t, filepath.Join(desk.notebooks, name)), ran(t, committed(t, "06-explore.ipynb")); got != want {
		t.Errorf("%d pictures, %d are committed", got, want)
	}
}

// watchful adds a first cell whose output ticks while cells run: nbexec takes a page that stands still for finished.
func watchful(t *testing.T, text []byte) []byte {
	t.Helper()
	var nb map[string]any
	if err := json.Unmarshal(text, &nb); err != nil {
		t.Fatal(err)
	}
	const cell = `%%
gonbui.DisplayHTML("<p id='tick'></p><script>setInterval(() => { if ([...document.querySelectorAll('.jp-InputPrompt')].some(p => p.textContent === '[*]:')) document.getElementById('tick').textContent = Date.now(); }, 200)</script>")`
	tick := map[string]any{"cell_type": "code", "id": "tick", "metadata": map[string]any{}, "source": []string{cell}, "outputs": []any{}, "execution_count": nil}
	nb["cells"] = append([]any{tick}, nb["cells"].([]any)...)
	text, err := json.Marshal(nb)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// buildNbexec builds it at the version that go.mod has of GoNB, with what it needs beside go.mod's modules.
func buildNbexec(t *testing.T) string {
	t.Helper()
	root, err := gonb.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for from, to := range map[string]string{"go.mod": "nbexec.mod", "go.sum": "nbexec.sum"} {
		text, err := os.ReadFile(filepath.Join(root, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "nbexec")
	if err := run(root, nil, "go", "build", "-modfile", filepath.Join(dir, "nbexec.mod"), "-mod=mod", "-o", program, "github.com/janpfeifer/gonb/cmd/nbexec"); err != nil {
		t.Fatal(err)
	}
	return program
}
