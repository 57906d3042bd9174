package protocol

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// cells returns the code of the paper's notebooks, by file.
func cells(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../0[1-5]-*.ipynb")
	if err != nil || len(paths) != 5 {
		t.Fatalf("%d notebooks, %v", len(paths), err)
	}
	out := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var nb struct {
			Cells []struct {
				Type   string   `json:"cell_type"`
				Source []string `json:"source"`
			} `json:"cells"`
		}
		if err := json.Unmarshal(text, &nb); err != nil {
			t.Fatal(err)
		}
		for _, c := range nb.Cells {
			if c.Type == "code" {
				out[filepath.Base(path)] += strings.Join(c.Source, "") + "\n"
			}
		}
	}
	return out
}

// named matches the name of a recipe, of a data set or of a chain where a cell makes it.
var named = regexp.MustCompile(`(?:Recipe\{\s*Name: |s\.Equilibrium\(|\.TrajectoryInState\()"([^"]+)"`)

// made returns what follows each name in a code up to the closing bracket, without white space.
func made(code string) map[string]string {
	out := map[string]string{}
	for _, at := range named.FindAllStringSubmatchIndex(code, -1) {
		depth, end := 1, at[1]
		for ; depth > 0; end++ {
			switch code[end] {
			case '{', '(':
				depth++
			case '}', ')':
				depth--
			}
		}
		text := strings.NewReplacer(" ", "", "\t", "", "\n", "", ",}", "}", "l.steps(", "s.Steps(").Replace(code[at[1]:end])
		out[code[at[2]:at[3]]] = strings.ReplaceAll(text, "\"", "")
	}
	return out
}

// Notebooks share data and generators by name. Two of them that made one name in two ways would
// undo each other's work, and compare results of different generators.
func TestNotebooksMakeOneNameInOneWay(t *testing.T) {
	code := cells(t)
	recipes, err := os.ReadFile("recipes.go")
	if err != nil {
		t.Fatal(err)
	}
	code["recipes.go"] = string(recipes)
	first, where, shared := map[string]string{}, map[string]string{}, 0
	for file, text := range code {
		for name, how := range made(text) {
			switch {
			case first[name] == "":
				first[name], where[name] = how, file
			case first[name] != how:
				t.Errorf("%s makes %q by\n%s\nand %s by\n%s", file, name, how, where[name], first[name])
			default:
				shared++
			}
		}
	}
	for _, name := range []string{"trainA", "testA", "ref", "all-train", "eqBG", "nBG", "nBG-augmented", "eqBG-all"} {
		if first[name] == "" {
			t.Errorf("no notebook makes %q", name)
		}
	}
	// 03 and 04 share six names, and 01, 04 and 05 two of all states.
	if shared < 9 {
		t.Errorf("only %d names are shared; the test has lost the cells", shared)
	}
}

// Every claim of the paper's notebooks stands in the one table at the end of its notebook.
func TestClaimsStandInOneTable(t *testing.T) {
	for file, code := range cells(t) {
		if strings.Contains(code, "lab.Claim(") || strings.Count(code, "lab.ShowClaims()") != 1 {
			t.Errorf("%s shows claims beside the table at its end", file)
		}
	}
}
