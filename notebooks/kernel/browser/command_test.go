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

// executed is a notebook that a program has executed.
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

// checkRun reads a notebook and checks that every code cell has run without an error. It returns
// the number of pictures.
func checkRun(t *testing.T, path string) (pictures int) {
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

// Programs that execute notebooks without a browser run 01 and 06, sliders included, and make as
// many pictures as are committed.
func TestNbconvert(t *testing.T) {
	for _, name := range []string{"01-symmetry.ipynb", "06-explore.ipynb"} {
		out := filepath.Join(t.TempDir(), name)
		err := run(desk.notebooks, []string{quick}, desk.environment.Jupyter(), "nbconvert",
			"--to", "notebook", "--execute", "--log-level", "WARN", "--output", out,
			"--ExecutePreprocessor.timeout=600", "--ExecutePreprocessor.kernel_name=eqflow",
			filepath.Join(desk.notebooks, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := checkRun(t, out), checkRun(t, committed(t, name)); got != want {
			t.Errorf("%s has %d pictures, %d are committed", name, got, want)
		}
		html := filepath.Join(t.TempDir(), "page.html")
		err = run(desk.notebooks, nil, desk.environment.Jupyter(), "nbconvert",
			"--to", "html", "--log-level", "WARN", "--output", html, out)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(html)
		if err != nil || strings.Count(string(text), "data:image/png;base64,") < checkRun(t, out) {
			t.Errorf("%s as HTML lacks pictures: %v", name, err)
		}
	}
}

// committed returns the path of a notebook of this clone.
func committed(t *testing.T, name string) string {
	t.Helper()
	root, err := gonb.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "notebooks", name)
}

// GoNB's own nbexec runs 06 in Notebook 7, without moving the sliders.
func TestNbexec(t *testing.T) {
	nbexec, tools := buildNbexec(t), t.TempDir()
	// nbexec starts Chrome by this name, in a sandbox, which does not work for root.
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
	if err := os.WriteFile(filepath.Join(desk.notebooks, name), withTicker(t, text), 0o644); err != nil {
		t.Fatal(err)
	}
	folders := []string{tools, filepath.Join(desk.environment.Prefix, "bin"), os.Getenv("PATH")}
	path := strings.Join(folders, string(os.PathListSeparator))
	args := []string{
		"-n", name, "-jupyter_dir", desk.notebooks, "-check_cells", "-logtostderr",
		"-screenshot", filepath.Join(desk.screenshots, t.Name()+".png"),
	}
	if os.Geteuid() == 0 {
		args = append(args, "-jupyter_args", "--allow-root")
	}
	command := exec.Command(nbexec, args...)
	command.Dir, command.Env = desk.notebooks, append(os.Environ(), quick, "PATH="+path, explore.EnvListen+"=1s")
	if out, err := command.CombinedOutput(); err != nil { // much of the output is Chromium's
		t.Fatalf("nbexec: %v\n%s", err, out)
	}
	got, want := checkRun(t, filepath.Join(desk.notebooks, name)), checkRun(t, committed(t, "06-explore.ipynb"))
	if got != want {
		t.Errorf("%d pictures, %d are committed", got, want)
	}
}

// withTicker adds a first cell whose output changes while cells run, since nbexec takes a page
// without changes for finished.
func withTicker(t *testing.T, text []byte) []byte {
	t.Helper()
	var nb map[string]any
	if err := json.Unmarshal(text, &nb); err != nil {
		t.Fatal(err)
	}
	const cell = `%%
gonbui.DisplayHTML(` + "`" + `<p id="tick"></p><script>
setInterval(() => {
  const prompts = [...document.querySelectorAll(".jp-InputPrompt")];
  if (prompts.some(p => p.textContent === "[*]:")) document.getElementById("tick").textContent = Date.now();
}, 200)
</script>` + "`" + `)`
	tick := map[string]any{
		"cell_type": "code", "id": "tick", "metadata": map[string]any{}, "source": []string{cell},
		"outputs": []any{}, "execution_count": nil,
	}
	nb["cells"] = append([]any{tick}, nb["cells"].([]any)...)
	text, err := json.Marshal(nb)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// buildNbexec builds nbexec at the version of GoNB in go.mod. nbexec needs further modules, which a
// copy of go.mod receives.
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
	err = run(root, nil, "go", "build", "-modfile", filepath.Join(dir, "nbexec.mod"), "-mod=mod", "-o", program,
		"github.com/janpfeifer/gonb/cmd/nbexec")
	if err != nil {
		t.Fatal(err)
	}
	return program
}
