package atomic

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A write that fails leaves the old file, and no other.
func TestFailureLeavesTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Write(path, func(w io.Writer) error {
		_, _ = w.Write([]byte("half"))
		return broken
	})
	if !errors.Is(err, broken) || content(t, path) != "old" {
		t.Errorf("after %v the file holds %q", err, content(t, path))
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%d files are left", len(entries))
	}
}

// The mode of the replaced file stays, and a symbolic link stays a link.
func TestModeAndLinkStay(t *testing.T) {
	folder := t.TempDir()
	path, link := filepath.Join(folder, "file"), filepath.Join(folder, "link")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	if err := WriteFile(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o640 || content(t, path) != "new" {
		t.Errorf("the file is %v and holds %q: %v", info.Mode(), content(t, path), err)
	}
	if to, err := os.Readlink(link); err != nil || to != "file" {
		t.Errorf("the link leads to %q: %v", to, err)
	}
	dangling := filepath.Join(folder, "dangling")
	if err := os.Symlink("later", dangling); err != nil {
		t.Fatal(err)
	}
	err = WriteFile(dangling, []byte("there"))
	if err != nil || content(t, filepath.Join(folder, "later")) != "there" {
		t.Errorf("a link to nothing: %v", err)
	}
}

// Temporary files of dead processes go; those of living ones, young ones and others' files stay.
func TestStaleFilesGo(t *testing.T) {
	folder := t.TempDir()
	const dead = 1 << 30 // no process has this number
	old := time.Now().Add(-2 * staleAfter)
	files := map[string]bool{ // whether the file stays
		fmt.Sprintf(".file.%d.x.tmp", dead):         false,
		fmt.Sprintf(".file.%d.x.tmp", os.Getppid()): true,
		fmt.Sprintf(".other.%d.x.tmp", dead):        true,
		".file.notes.tmp":                           true,
	}
	for name := range files {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFile(filepath.Join(folder, "file"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	for name, stays := range files {
		if _, err := os.Stat(filepath.Join(folder, name)); (err == nil) != stays {
			t.Errorf("%s: is there %t, want %t", name, err == nil, stays)
		}
	}
}

// A device takes the bytes and stays a device; a folder is refused; a long name has room.
func TestOtherTargets(t *testing.T) {
	if info, err := os.Stat(os.DevNull); err == nil && !info.Mode().IsRegular() {
		if err := WriteFile(os.DevNull, []byte("x")); err != nil {
			t.Error(err)
		}
		if info, err = os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
			t.Errorf("%s is %v now", os.DevNull, info.Mode())
		}
	}
	folder := t.TempDir()
	if err := WriteFile(folder, nil); err == nil {
		t.Error("a folder was replaced")
	}
	long := filepath.Join(folder, fmt.Sprintf("%0254d", 1))
	if err := WriteFile(long, []byte("x")); err != nil || content(t, long) != "x" {
		t.Errorf("a name of 254 bytes: %v", err)
	}
}
