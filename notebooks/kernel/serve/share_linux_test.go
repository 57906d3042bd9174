package serve

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

func TestCheckPrefix(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if err := CheckPrefix(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("a missing prefix gives %v", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("the prefix was made")
	}
	if err := CheckPrefix("/dev/null"); err == nil {
		t.Error("a file is accepted as a prefix")
	}
	empty := t.TempDir()
	if err := CheckPrefix(empty); err == nil || !strings.Contains(err.Error(), "no Python environment") {
		t.Errorf("an empty folder gives %v", err)
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("the check made %v, %v", left, err)
	}
	for _, part := range []string{"pyvenv.cfg", "bin/python3", "conda-meta/history", "share/jupyter/kernels"} {
		prefix := t.TempDir()
		path := filepath.Join(prefix, part)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o755))
		if err = errors.Join(err, CheckPrefix(prefix)); err != nil {
			t.Errorf("with %s: %v", part, err)
		}
	}
	if err := CheckPrefix("/usr/local/"); err != nil {
		t.Error(err)
	}
}

// The parts of a shared kernel can be read by everybody, whatever the umask, and hold what cells
// import. A part that others cannot reach is refused by name.
func TestShareIsReadable(t *testing.T) {
	root, _ := builtTools(t)
	if closed := closedAt(filepath.Join(os.TempDir(), "x")); closed != "" {
		t.Skip("others cannot read ", closed)
	}
	mask := syscall.Umask(0o077)
	defer syscall.Umask(mask)
	prefix, err := os.MkdirTemp("", "eqflow-prefix-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(prefix)
	if _, err := NewShare(context.Background(), prefix, root); err == nil || !strings.Contains(err.Error(), prefix) {
		t.Errorf("a prefix that others cannot enter gives %v", err)
	}
	if err := os.Chmod(prefix, 0o755); err != nil {
		t.Fatal(err)
	}
	s := testShare(t, prefix, root)
	i := Installation{Prefix: prefix, Binary: filepath.Join(s.Folder, "bin", "eqflow"), Root: s.Root(), Share: &s}
	folder, err := i.Install()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "kernel.json"))
	if err != nil || strings.Contains(string(text), root) {
		t.Errorf("the kernelspec names %s, which others may not read: %s, %v", root, text, err)
	}
	if _, _, err := Uninstall(prefix); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.Folder); err == nil {
		t.Error("uninstalling leaves the parts")
	}
}

// testShare copies the code below a prefix, and checks that others can read and import it.
func testShare(t *testing.T, prefix, root string) Share {
	t.Helper()
	restore := LetOthersRead()
	s := Share{shareFolder(prefix)}
	err := os.MkdirAll(s.Folder, 0o755)
	if err == nil {
		err = replace(s.Root(), func(part string) error { return copyCode(part, root) })
	}
	restore()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Folder, "late"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(s.Folder, func(path string, entry os.DirEntry, err error) error {
		if closed := closedAt(path); closed != "" {
			t.Errorf("others cannot read %s", closed)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := checkImports(s.Root()); err != nil {
		t.Error(err)
	}
	if _, err := gonb.FindRoot(s.Root()); err != nil {
		t.Error(err)
	}
	return s
}
