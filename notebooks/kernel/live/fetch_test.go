package live

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// proxied is a module that a test's own proxy serves.
const proxied = "eqflow.test/greeting"

// proxy writes a module proxy, from which the go command of this test fetches. The module is
// removed from the cache of modules at the end.
func proxy(t *testing.T) {
	t.Helper()
	const version = "v1.0.0"
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	goMod := "module " + proxied + "\n\ngo 1.20\n"
	for name, text := range map[string]string{
		"go.mod": goMod, "greeting.go": "package greeting\n\nfunc Hello() string { return \"fetched\" }\n",
	} {
		f, err := w.Create(proxied + "@" + version + "/" + name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	versions := filepath.Join(folder, filepath.FromSlash(proxied), "@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"list": []byte(version + "\n"), version + ".mod": []byte(goMod), version + ".zip": archive.Bytes(),
		version + ".info": fmt.Appendf(nil, `{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, version),
	} {
		if err := os.WriteFile(filepath.Join(versions, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOPROXY", "file://"+folder)
	t.Setenv("GONOSUMDB", "*")
	t.Setenv("GONOSUMCHECK", "1")
	t.Setenv("GOFLAGS", "-buildvcs=false -modcacherw")
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		_ = os.RemoveAll(filepath.Join(modules, "eqflow.test"))
		_ = os.RemoveAll(filepath.Join(modules, "cache", "download", "eqflow.test"))
	})
}

// copyModule gives a kernel a module of its own, which a fetch may change.
func copyModule(t *testing.T, root string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	edit := exec.Command("go", "mod", "edit", "-module=notebook", "-replace=github.com/eqflow/gonb-eqflow="+root,
		"-require=github.com/eqflow/gonb-eqflow@v0.0.0")
	edit.Dir = folder
	if out, err := edit.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return folder
}

// The go command has several words for a package that a module must be added for.
func TestIsMissing(t *testing.T) {
	for text, want := range map[string]bool{
		"no required module provides package a.b/c; to add it:\n\tgo get a.b/c":          true,
		"missing go.sum entry for module providing package a.b/c; to add:\n\tgo get a.b": true,
		"go: updates to go.mod needed; to update it:\n\tgo mod tidy":                     true,
		"a.go:1:1: expected 'package', found x":                                          false,
	} {
		if got := isMissing(errors.New(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// An import of a package that is in no module says what to do, or fetches it if the user has asked
// for that. A fetch that fails leaves the module as it was.
func TestAutoGet(t *testing.T) {
	proxy(t)
	k := kernelIn(t, func(root string) string { return copyModule(t, root) })
	const code = "import \"" + proxied + "\"\ngreeting.Hello()"
	err := k.Run(1, code, &recorder{})
	if err == nil || !strings.Contains(err.Error(), "cell 1, line 1: could not import "+proxied) ||
		!strings.Contains(err.Error(), "begin the cell with %autoget, or run !*go get "+proxied) {
		t.Errorf("without %%autoget the import fails with %v", err)
	}
	run(t, k, 2, "kept := 1")
	k.AutoGet(true)
	if r := run(t, k, 3, code); r.result["text/plain"] != "fetched" {
		t.Errorf("the package says %v", r.result)
	}
	if r := run(t, k, 4, "greeting.Hello() + fmt.Sprint(kept)"); r.result["text/plain"] != "fetched1" {
		t.Errorf("in the next cell the package says %v", r.result)
	}
	before, err := os.ReadFile(filepath.Join(k.options.Module, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	err = k.Run(5, "import \"eqflow.test/nowhere\"", &recorder{})
	if err == nil || !strings.Contains(err.Error(), "%autoget cannot fetch eqflow.test/nowhere") ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("a module that is nowhere: %v", err)
	}
	after, err := os.ReadFile(filepath.Join(k.options.Module, "go.mod"))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the failed fetch leaves go.mod as %s", after)
	}
}
