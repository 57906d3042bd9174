package kernel

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/resident"
)

// served is a kernel as Jupyter sees it.
type served struct {
	*Session
	folder string // for temporary files of the kernel
	count  any    // the number of the last cell
	ended  chan error
}

// connectionFile writes what Jupyter would, for sockets in a folder of their own.
func connectionFile(t testing.TB, dir string, key signer) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"transport": "ipc", "ip": filepath.Join(dir, "s"), "key": string(key), "signature_scheme": "hmac-sha256",
		"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "kernel-0123.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func builtTools(t testing.TB) (root string, tools Toolchain) {
	t.Helper()
	root, err := FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	if tools, err = BuildToolchain(context.Background(), root, ""); err != nil {
		t.Fatal(err)
	}
	return root, tools
}

// temporary is the folder for temporary files, before tests give their kernels others.
var temporary = os.TempDir()

// shortTemp is a temporary folder with a path short enough for sockets.
func shortTemp(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(temporary, "eqk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serve starts a kernel and connects to it. The cells compile against root, the checkout's own if it is empty.
func serve(t testing.TB, root string, magics ...Magic) *served {
	t.Helper()
	here, tools := builtTools(t)
	if root == "" {
		root = here
	}
	dir := shortTemp(t)
	t.Setenv("TMPDIR", dir)
	k := &served{folder: dir, ended: make(chan error, 1)}
	key := signer(randomToken())
	launch := Launch{Connection: connectionFile(t, dir, key), Root: root, Program: program, Tools: tools, Magics: magics, Version: "test"}
	t.Setenv(resident.EnvSocket, "") // Serve tells its own process
	ctx, stop := context.WithCancel(context.Background())
	go func() { k.ended <- Serve(ctx, launch) }()
	client := &engine{dir: dir, key: key, process: &process{done: make(chan struct{})}}
	var err error
	if k.Session, err = client.session(context.Background()); err != nil {
		stop()
		t.Fatal(err, <-k.ended)
	}
	t.Cleanup(func() {
		k.channels.close()
		stop()
		select {
		case <-k.ended:
		case <-time.After(10 * time.Second):
			t.Error("the kernel has not ended with its context")
		}
	})
	return k
}

// cell runs code and returns what it showed, and whether it failed.
func (k *served) cell(t testing.TB, code string) (shown, echo string, failure string) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	out := &collector{tell: func(string) {}, displays: map[string]map[string]any{}}
	_, err := k.execute(ctx, code, grace, func(m message) {
		if m.Header.Type == "execute_input" {
			echo, k.count = text(m.Content["code"]), m.Content["execution_count"]
		}
		out.take(m)
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.failure != "" { // GoNB shows what the compiler says as HTML
		everything, err := json.Marshal(out.final())
		if err != nil {
			t.Fatal(err)
		}
		out.failure += string(everything)
	}
	return out.streamed("stdout"), echo, out.failure
}

// ask sends a request on the shell socket and returns the content of its answer.
func (k *served) ask(t *testing.T, kind string, content map[string]any) map[string]any {
	t.Helper()
	id, err := k.send(k.shell, kind, content)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	m, err := k.reply(ctx, id)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return m.Content
}
