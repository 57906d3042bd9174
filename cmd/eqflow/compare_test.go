package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	folder := t.TempDir()
	a, b := filepath.Join(folder, "a.json"), filepath.Join(folder, "b.json")
	for path, nll := range map[string]string{a: "8.01", b: "7.17"} {
		if err := os.WriteFile(path, []byte(`{"system":"dw4","flow":"kernel","nll_4n":`+nll+`,"trustworthy":true}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, stderr := runCaptured("compare", a, b, "--out", folder)
	if code != exitDone || !strings.Contains(stdout, "8.010") || !strings.Contains(stdout, "7.170") {
		t.Fatalf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	for _, name := range []string{"comparison.png", "comparison.json"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() < 50 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if code, _, stderr := runCaptured("compare", a, folder); code != exitInput || strings.Count(stderr, "\n") != 1 {
		t.Errorf("a folder without a model: code %d, %q", code, stderr)
	}
	if code, _, _ := runCaptured("compare"); code != exitInput {
		t.Errorf("nothing to compare: code %d", code)
	}
}
