//go:build browser

package browser

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// papermill writes parameters in Go behind the tagged cell, and later cells see them.
func TestPapermill(t *testing.T) {
	root, err := gonb.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "papermill") // pip builds in the folder
	if err := os.CopyFS(source, os.DirFS(filepath.Join(root, "notebooks", "papermill"))); err != nil {
		t.Fatal(err)
	}
	programs := filepath.Join(desk.environment.Prefix, "bin")
	err = run(desk.notebooks, nil, filepath.Join(programs, "python"), "-m", "pip", "install",
		"--quiet", "--disable-pip-version-check", source)
	if err != nil {
		t.Fatal(err)
	}
	write(t, "papermill.ipynb", "var steps = 300\nvar rate = 1e-3\nvar name = \"none\"\nvar sizes []int",
		`fmt.Println(steps+1, rate/2, strings.ToUpper(name), sizes)`)
	tag(t, filepath.Join(desk.notebooks, "papermill.ipynb"))
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(settings, []byte("sizes: [1, 2]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out.ipynb")
	err = run(desk.notebooks, nil, filepath.Join(programs, "papermill"), "--log-level", "WARNING", "--no-progress-bar",
		"papermill.ipynb", out, "-p", "steps", "42", "-p", "rate", "3.0", "-p", "name", "a \"b\"", "-f", settings)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if want := `43 1.5 A \"B\" [1 2]`; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("no %s in the output: %v\n%s", want, err, text)
	}
}

// tag marks the first cell of a notebook as the cell of its parameters.
func tag(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var nb map[string]any
	if err := json.Unmarshal(text, &nb); err != nil {
		t.Fatal(err)
	}
	nb["cells"].([]any)[0].(map[string]any)["metadata"] = map[string]any{"tags": []string{"parameters"}}
	if text, err = json.Marshal(nb); err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
