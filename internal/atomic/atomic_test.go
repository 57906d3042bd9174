package atomic

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// Temporary files of dead processes go, whatever file they were for. Those of living processes, of
// another machine that may still write, and other files stay.
func TestStaleFilesGo(t *testing.T) {
	folder := t.TempDir()
	const dead = 1 << 30 // no process has this number
	old := time.Now().Add(-2 * staleAfter)
	type place struct {
		modified time.Time
		stays    bool
	}
	name := func(base, machine string, pid int) string {
		return fmt.Sprintf(".%s.eqflow-%s-%d-x.tmp", base, machine, pid)
	}
	files := map[string]place{
		name("file", machine(), dead):                        {time.Now(), false},
		name("other.npz", machine(), dead):                   {time.Now(), false},
		name("file", machine(), os.Getppid()):                {old, true},
		name("file", "elsewhere", dead):                      {time.Now(), true},
		name("late", "elsewhere", os.Getppid()):              {old, false},
		".file.notes.tmp":                                    {old, true},
		"file.eqflow-" + machine() + "-1073741824-x.tmp":     {old, true},
		".file.eqflow-" + machine() + "-1073741824-x.tmp.gz": {old, true},
	}
	for name, p := range files {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, p.modified, p.modified)); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFile(filepath.Join(folder, "file"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	for name, p := range files {
		if _, err := os.Stat(filepath.Join(folder, name)); (err == nil) != p.stays {
			t.Errorf("%s: is there %t, want %t", name, err == nil, p.stays)
		}
	}
}

// Of several processes that create one file, one succeeds, and its file stays.
func TestCreateReplacesNothing(t *testing.T) {
	for name, rename := range map[string]func(from, to string) error{"system": renameNew, "link": linkNew} {
		path := filepath.Join(t.TempDir(), "file")
		err := put(path, func(w io.Writer) error {
			_, err := w.Write([]byte("late"))
			return errors.Join(err, os.WriteFile(path, []byte("first"), 0o600)) // somebody was faster
		}, rename)
		if !errors.Is(err, fs.ErrExist) || content(t, path) != "first" {
			t.Errorf("%s: %v, and the file holds %q", name, err, content(t, path))
		}
		path += "2"
		write := func(w io.Writer) error { _, err := w.Write([]byte("new")); return err }
		if err := put(path, write, rename); err != nil || content(t, path) != "new" {
			t.Errorf("%s: %v", name, err)
		}
		if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 2 {
			t.Errorf("%s: %d files are left", name, len(entries))
		}
	}
}

// A probe leaves nothing behind, and fails where nothing can be made.
func TestProbe(t *testing.T) {
	folder := t.TempDir()
	if err := Probe(folder); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 0 {
		t.Errorf("%d files are left", len(entries))
	}
	if err := Probe(filepath.Join(folder, "nowhere")); err == nil {
		t.Error("a folder that does not exist")
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
