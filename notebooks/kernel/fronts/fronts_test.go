//go:build fronts

package fronts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The 27 tests of github.com/runtimed/kernel-testbed.
func TestKernelTestbed(t *testing.T) {
	stdout, stderr, err := script(t, "testbed.py")
	t.Log("\n" + stdout)
	if err != nil || !strings.Contains(stdout, "27 of 27") {
		t.Errorf("%v\n%s", err, stderr)
	}
}

// Jupyter's own tests of a kernel.
func TestJupyterKernelTest(t *testing.T) {
	_, stderr, err := script(t, "kernel_test.py")
	t.Log("\n" + stderr)
	if err != nil || !strings.Contains(stderr, "Ran 13 tests") || strings.Contains(stderr, "skipped") {
		t.Error(err)
	}
}

// The front ends and the features, in the order of the table.
var (
	fronts = []string{
		"jupyter_client, as in VS Code", "jupyter console", "nbclient", "jupyter nbconvert", "papermill", "jupyter run",
	}
	features = []string{
		"value kept", "last expression", "error text", "picture", "input", "interrupt", "completion",
	}
)

// The marks around the table in the page.
const (
	begin = "<!-- fronts -->\n"
	end   = "<!-- /fronts -->\n"
)

// The table in the page says what the front ends do.
func TestFrontEnds(t *testing.T) {
	stdout, stderr, err := script(t, "fronts.py")
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	found := map[string]map[string]string{}
	if err := json.Unmarshal([]byte(stdout), &found); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| front end | %s |\n", strings.Join(features, " | "))
	table.WriteString("|" + strings.Repeat("---|", 1+len(features)) + "\n")
	for _, front := range fronts {
		row := []string{front}
		for _, feature := range features {
			row = append(row, found[front][feature])
		}
		if why := found[front]["failed"]; why != "" {
			t.Errorf("%s: %s", front, why)
		}
		fmt.Fprintf(&table, "| %s |\n", strings.Join(row, " | "))
	}
	compare(t, table.String())
}

// compare holds the page's table against the right one.
func compare(t *testing.T, table string) {
	t.Helper()
	page := filepath.Join(bench.root, "notebooks", "README.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := bytes.Cut(text, []byte(begin))
	shown, after, marked := bytes.Cut(rest, []byte(end))
	switch {
	case !marked:
		t.Fatalf("%s has no marks %q and %q", page, begin, end)
	case string(shown) == table:
	case os.Getenv("EQFLOW_WRITE") != "":
		text = fmt.Appendf(nil, "%s%s%s%s%s", before, begin, table, end, after)
		if err := os.WriteFile(page, text, 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the page shows\n%s\nand the front ends do\n%s\nEQFLOW_WRITE=1 writes that", shown, table)
	}
}
