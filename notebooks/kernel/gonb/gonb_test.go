package gonb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A message that is written and read again is the same. A message with another key's signature is
// refused.
func TestMessagesRoundTrip(t *testing.T) {
	sent := Message{
		Identities: [][]byte{[]byte("front")}, Header: NewHeader("x", "execute_request"),
		Content: map[string]any{"code": "1"}, Buffers: [][]byte{[]byte("raw")},
	}
	raw, err := Signer("key").Frames(sent)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := Signer("key").Parse(raw.Frames)
	if !ok || got.Header != sent.Header || got.Content["code"] != "1" ||
		!bytes.Equal(got.Identities[0], sent.Identities[0]) || !bytes.Equal(got.Buffers[0], sent.Buffers[0]) {
		t.Errorf("read %+v, %t", got, ok)
	}
	if _, ok := Signer("other").Parse(raw.Frames); ok {
		t.Error("a wrong signature is accepted")
	}
	if text, err := json.Marshal(Header{}); err != nil || string(text) != "{}" {
		t.Errorf("an absent header is %s, %v", text, err)
	}
}

// Cells of an installed program compile against the code that the program was built from, whatever
// the folder.
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

// GoNB starts gopls in a process group of its own. An option must end gopls after its last
// connection.
func TestGoplsIsStartedWithATimeout(t *testing.T) {
	root, err := FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	tools, err := BuildToolchain(context.Background(), root, "")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	record := filepath.Join(dir, "arguments")
	script := "#!/bin/sh\necho \"$@\" > " + record + "\n"
	if err := os.WriteFile(filepath.Join(dir, "gopls"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	c, err := Open(context.Background(), tools, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var arguments []byte
	end := time.Now().Add(10 * time.Second)
	for ; len(arguments) == 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		arguments, _ = os.ReadFile(record)
	}
	if !strings.HasPrefix(string(arguments), "-listen.timeout=20s -listen unix;") {
		t.Errorf("gopls is started with %q", arguments)
	}
}

// The folder of a process that has ended is removed. The folder of a running process stays.
func TestStaleFoldersAreRemoved(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	for name, owner := range map[string]int{"stale": gone.Process.Pid, "live": os.Getpid()} {
		folder := filepath.Join(dir, kernelFolders+name)
		number := []byte(fmt.Sprint(owner))
		err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, ownerFile), number, 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	RemoveStale()
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 || !strings.HasSuffix(left[0], "live") {
		t.Errorf("left: %v", left)
	}
}

// The last words of a GoNB are its errors, without its steps, its warnings and its colours.
func TestLastWords(t *testing.T) {
	const advice = "E1130 15:39:10.5 1 goexec.go:180] \x1b[7m[35ff]\x1b[0m \nProgram gopls is not installed. It is\n" +
		"a tool. Install it with:\n\n```\n!go install golang.org/x/tools/gopls@latest\n```\n\n"
	for log, want := range map[string]string{
		"": "",
		"I1130 15:39:10.5 1 a.go:1] a step\nW1130 15:39:10.5 1 a.go:2] a warning\n" +
			"E1130 15:39:10.5 1 main.go:191] \x1b[7m[35ff]\x1b[0m Error message\n" + advice: "",
		advice + "I1130 15:39:10.5 1 a.go:1] a step\nthe reason": "the reason",
		"1\n2\n3\n4\n5\n6\n7":                              "3\n4\n5\n6\n7",
		"before\npanic: wrong\n\ngoroutine 1:\na\nb\nc\nd": "panic: wrong\n\ngoroutine 1:\na\nb",
	} {
		if got := lastWords(log); got != want {
			t.Errorf("%q gives %q, not %q", log, got, want)
		}
	}
}
