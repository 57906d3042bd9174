package scratch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A TMPDIR that serves is used. Others are named, with the reason.
func TestMake(t *testing.T) {
	short, err := os.MkdirTemp("/tmp", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	need := Need{Pattern: "eqflow-test-", Sockets: len("/socket"), Execute: true}
	for _, c := range []struct{ folder, note string }{
		{short, ""}, {long, "too long"}, {"/nosuch/folder", "no such file"}, {file, "not a directory"},
	} {
		t.Setenv("TMPDIR", c.folder)
		folder, note, err := makeAndRemove(need)
		if err != nil {
			t.Errorf("%s: %v", c.folder, err)
			continue
		}
		inPlace := filepath.Dir(folder) == c.folder
		if inPlace != (c.note == "") || inPlace != (note == "") || !strings.Contains(note, c.note) {
			t.Errorf("TMPDIR=%s gives %s, %q", c.folder, folder, note)
		}
		if c.note != "" && !strings.Contains(note, c.folder) {
			t.Errorf("the note does not name %s: %s", c.folder, note)
		}
		if path := filepath.Join(folder, "socket"); len(path) > socketPath {
			t.Errorf("a socket's path has %d bytes", len(path))
		}
	}
}

func makeAndRemove(n Need) (folder, note string, err error) {
	folder, note, err = Make(n)
	if err == nil {
		err = os.Remove(folder)
	}
	return folder, note, err
}

// A need that no folder meets gives one line, with the reasons.
func TestNothingServes(t *testing.T) {
	_, _, err := Make(Need{Pattern: "eqflow-test-", Sockets: 1000})
	if err == nil || !strings.Contains(err.Error(), "TMPDIR") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %v", err)
	}
}

func TestFree(t *testing.T) {
	if free, known := Free(t.TempDir()); known && (free == 0 || free > 1<<60) {
		t.Errorf("%d bytes are free", free)
	}
	if _, known := Free("/no/such/folder"); known {
		t.Error("the free space of a missing folder is known")
	}
}
