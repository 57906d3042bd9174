package eqflow_test

import (
	"os"
	"strings"
	"testing"
)

// README's snippet is the part of Example between its marks, which go test compiles and runs.
func TestReadmeShowsTheExample(t *testing.T) {
	code, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(code), "\t// README begins\n")
	lines, _, found := strings.Cut(rest, "\t// README ends\n")
	if !found {
		t.Fatal("the example has lost its marks")
	}
	var want strings.Builder
	for line := range strings.Lines(lines) {
		want.WriteString(strings.TrimPrefix(line, "\t"))
	}
	if !strings.Contains(string(page), "```go\n"+want.String()+"```\n") {
		t.Errorf("README.md does not show the example; its block is to be\n%s", want.String())
	}
}
