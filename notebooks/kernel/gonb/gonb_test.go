package gonb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An installed program, run anywhere, has cells compile against what it was built from.
func TestFindCodeOutsideAClone(t *testing.T) {
	here, err := FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := FindCode(t.TempDir()); err != nil || found != here {
		t.Errorf("found %s, %v, not %s", found, err, here)
	}
}

func TestFindRootOutsideAClone(t *testing.T) {
	if _, err := FindRoot(os.TempDir()); err == nil || !strings.Contains(err.Error(), "git clone") {
		t.Errorf("error is %v", err)
	}
}

// GoNB starts gopls in a process group of its own: it must be told to end when nobody is connected any more.
func TestGoplsIsToldToLeave(t *testing.T) {
	root, err := FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	tools, err := BuildToolchain(context.Background(), root, "")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	told := filepath.Join(dir, "told")
	if err := os.WriteFile(filepath.Join(dir, "gopls"), []byte("#!/bin/sh\necho \"$@\" > "+told+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	s, err := StartSession(context.Background(), tools, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var arguments []byte
	for end := time.Now().Add(10 * time.Second); len(arguments) == 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		arguments, _ = os.ReadFile(told)
	}
	if !strings.HasPrefix(string(arguments), "-listen.timeout=20s -listen unix;") {
		t.Errorf("gopls is started with %q", arguments)
	}
}

// What a machine that went down left behind is removed, what lives is not.
func TestStaleFoldersAreRemoved(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	for name, owner := range map[string]int{"stale": gone.Process.Pid, "live": os.Getpid()} {
		folder := filepath.Join(dir, engineFolders+name)
		if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, ownerFile), []byte(fmt.Sprint(owner)), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	RemoveStale()
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 || !strings.HasSuffix(left[0], "live") {
		t.Errorf("left: %v", left)
	}
}
