package live

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
)

// special matches the lines that GoNB runs.
var special = regexp.MustCompile(`(?m)^(!|%[^%])(.*\\\n)*.*$`)

// The committed notebooks, which run in stock GoNB, are living cells too.
func TestNotebooksLive(t *testing.T) {
	k := newKernel(t)
	root, err := gonb.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	notebooks, err := filepath.Glob(filepath.Join(root, "notebooks", "*.ipynb"))
	if err != nil || len(notebooks) < 10 {
		t.Fatalf("%d notebooks, %v", len(notebooks), err)
	}
	for _, path := range notebooks {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		nb, err := ipynb.Decode(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		state := k.state.Renewed()
		for i, cell := range nb.CodeCells() {
			c, err := state.Compile(i+1, special.ReplaceAllString(cell.Source(), ""))
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(path), err)
				continue
			}
			state.Commit(c)
		}
	}
}
