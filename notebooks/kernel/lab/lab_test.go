package lab_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/lab"
)

// jupyterVariable is set where the test program is to act as jupyter.
const jupyterVariable = "EQFLOW_TEST_JUPYTER"

// TestMain is also jupyter: it answers at the given port, to requests with the token. And it is the
// process that runs a server until it is killed.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(jupyterVariable) != "":
	case os.Getenv(ownerVariable) != "":
		own(os.Getenv(ownerVariable))
	default:
		os.Exit(m.Run())
	}
	address := ""
	for _, argument := range os.Args {
		if port, ok := strings.CutPrefix(argument, "--port="); ok {
			address = "127.0.0.1:" + port
		}
	}
	err := http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("token") != os.Getenv("JUPYTER_TOKEN") {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// ownerVariable names the folder in which the test program runs a server until it is killed.
const ownerVariable = "EQFLOW_TEST_LAB_OWNER"

// own starts the server of the environment in a folder, and writes its port and token there.
func own(folder string) {
	s, err := lab.Environment{Prefix: folder}.Start(context.Background(), lab.Options{Folder: folder, Log: os.Stderr})
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(folder, "token"), []byte(s.Token), 0o600),
			os.WriteFile(filepath.Join(folder, "port"), fmt.Append(nil, s.Port), 0o600))
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// environment makes a Python environment whose jupyter is the given shell script.
func environment(t *testing.T, script string) lab.Environment {
	t.Helper()
	e := lab.Environment{Prefix: t.TempDir()}
	if err := os.MkdirAll(filepath.Dir(e.Jupyter()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(e.Jupyter(), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return e
}

// A server answers requests with its token at an address of this machine, until it is closed.
func TestServerStartsAndEnds(t *testing.T) {
	e := environment(t, fmt.Sprintf(`exec env %s=1 %q "$@"`, jupyterVariable, os.Args[0]))
	s, err := e.Start(context.Background(), lab.Options{Folder: t.TempDir(), Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	a := s.Address("01 a.ipynb")
	if !strings.HasPrefix(a, "http://127.0.0.1:") || !strings.Contains(a, "/lab/tree/01%20a.ipynb?token="+s.Token) {
		t.Errorf("address is %s", a)
	}
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/api/status?token=wrong", s.Port))
	if err != nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("without the token: %v, %v", response, err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	if err := s.Wait(ctx); err != nil {
		t.Errorf("a running server has ended: %v", err)
	}
	s.Close()
	if _, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port)); err == nil {
		t.Error("a closed server answers")
	}
}

func TestFailingStarts(t *testing.T) {
	ctx, o := context.Background(), lab.Options{Folder: t.TempDir(), Log: os.Stderr}
	if _, err := environment(t, "exit 3").Start(ctx, o); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("a server that ends at once gives %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	o.Port = listener.Addr().(*net.TCPAddr).Port
	if _, err := environment(t, "").Start(ctx, o); err == nil || !strings.Contains(err.Error(), "--port") {
		t.Errorf("a taken port gives %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	_, err = lab.Prepare(ctx, filepath.Join(t.TempDir(), "lab"), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "python3") {
		t.Errorf("without python3: %v", err)
	}
}

// git runs git in a folder.
func git(t *testing.T, folder string, args ...string) {
	t.Helper()
	identity := []string{"-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.org"}
	if text, err := exec.Command("git", append(identity, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v: %s", args, err, text)
	}
}

// fill writes files of one line each into a folder.
func fill(t *testing.T, folder string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(folder, name)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o644))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Only notebooks that are as they were committed are signed: not the user's, and none outside a
// clone.
func TestCommittedNotebooks(t *testing.T) {
	folder, ctx := t.TempDir(), context.Background()
	fill(t, folder, "notebooks/01 a.ipynb", "notebooks/02-b.ipynb", "notebooks/README.md")
	if got := lab.Committed(ctx, folder); len(got) > 0 {
		t.Errorf("outside a clone: %v", got)
	}
	git(t, folder, "init", "-q")
	git(t, folder, "add", ".")
	git(t, folder, "commit", "-qm", "x")
	fill(t, folder, "notebooks/mine.ipynb")
	if err := os.WriteFile(filepath.Join(folder, "notebooks/02-b.ipynb"), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	notebooks := filepath.Join(folder, "notebooks")
	want := []string{filepath.Join(notebooks, "01 a.ipynb")}
	if got := lab.Committed(ctx, notebooks); !slices.Equal(got, want) {
		t.Errorf("committed are %v, want %v", got, want)
	}
}

// The folders of Go code are named, unless they hold a notebook.
func TestCodeFolders(t *testing.T) {
	folder := t.TempDir()
	fill(t, folder, "a.go", "kernel/serve/run.go", "figures/x.png", "work/session/x.json", "mixed/x.go",
		"mixed/below/x.ipynb", ".git/hook.go")
	if got, want := lab.CodeFolders(folder), []string{"kernel"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Notebooks are copied once: what the user has changed stays.
func TestCopyNotebooks(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copies")
	fill(t, from, "01-a.ipynb", "02-b.ipynb", "own.ipynb", "README.md", "setup.sh", "x.go")
	fill(t, to, "01-a.ipynb")
	if err := os.WriteFile(filepath.Join(to, "01-a.ipynb"), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	written, err := lab.CopyNotebooks(from, to)
	if want := []string{filepath.Join(to, "02-b.ipynb")}; err != nil || !slices.Equal(written, want) {
		t.Errorf("copied %v, %v", written, err)
	}
	var names []string
	entries, _ := os.ReadDir(to)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"01-a.ipynb", "02-b.ipynb", "README.md", "setup.sh"}; !slices.Equal(names, want) {
		t.Errorf("the copies are %v, want %v", names, want)
	}
	if text, _ := os.ReadFile(filepath.Join(to, "01-a.ipynb")); string(text) != "changed" {
		t.Errorf("the user's notebook now holds %q", text)
	}
}
