package serve

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
)

// served is a kernel as Jupyter sees it.
type served struct {
	*gonb.Client
	key    gonb.Signer
	folder string // the kernel's temporary files
	count  any    // the number of the last cell
	ended  chan error
}

// connectionFile writes Jupyter's connection file, for sockets in a folder of their own.
func connectionFile(t testing.TB, dir string, key gonb.Signer) string {
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

func builtTools(t testing.TB) (root string, tools gonb.Toolchain) {
	t.Helper()
	root, err := gonb.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	if tools, err = gonb.BuildToolchain(context.Background(), root, ""); err != nil {
		t.Fatal(err)
	}
	return root, tools
}

// temporary is the folder for temporary files, read before tests set other folders for their
// kernels.
var temporary = os.TempDir()

// shortTemp makes a temporary folder whose path is short enough for sockets.
func shortTemp(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(temporary, "eqk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serve starts a kernel and connects to it. The cells compile against root or, if root is empty,
// against this clone.
func serve(t testing.TB, root string, magics ...Magic) *served {
	t.Helper()
	dir := shortTemp(t)
	return serveIn(t, dir, dir, root, Launch{Magics: magics})
}

// serveLive is serve for a kernel whose values live on.
func serveLive(t testing.TB, magics ...Magic) *served {
	t.Helper()
	dir := shortTemp(t)
	return serveIn(t, dir, dir, "", Launch{Magics: magics, Live: true})
}

// serveIn is serve with the sockets in the folder dir, and with a TMPDIR.
func serveIn(t testing.TB, dir, temp, root string, launch Launch) *served {
	t.Helper()
	here, tools := builtTools(t)
	if root == "" {
		root = here
	}
	key := gonb.Signer(gonb.RandomToken())
	t.Setenv("TMPDIR", temp)
	t.Setenv(resident.EnvSocket, "") // Run sets it in this process
	k := &served{key: key, folder: dir, ended: make(chan error, 1)}
	launch.Connection, launch.Root, launch.Program = connectionFile(t, dir, key), root, program
	launch.Tools, launch.Version = tools, "test"
	ctx, stop := context.WithCancel(context.Background())
	go func() { k.ended <- Run(ctx, launch) }()
	var err error
	if k.Client, err = gonb.Connect(context.Background(), dir, key); err != nil {
		stop()
		t.Fatal(err, <-k.ended)
	}
	t.Cleanup(func() {
		k.Channels.Close()
		stop()
		select {
		case <-k.ended:
		case <-time.After(10 * time.Second):
			t.Error("the kernel has not ended with its context")
		}
	})
	return k
}

// begin requests a cell and does not wait for it. It returns the request's id.
func (k *served) begin(t testing.TB, code string) (id string) {
	t.Helper()
	request := map[string]any{"code": code, "silent": false, "store_history": true}
	id, err := k.Send(k.Shell, "execute_request", request)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// cell runs a cell and returns its output, the echo of its code, and its failure.
func (k *served) cell(t testing.TB, code string) (shown, echo string, failure string) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	out := ipynb.NewCollector()
	_, err := k.Execute(ctx, code, func(m gonb.Message) {
		if m.Header.Type == "execute_input" {
			echo, k.count = text(m.Content["code"]), m.Content["execution_count"]
		}
		out.Collect(m)
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.Failure != "" { // GoNB shows the compiler's errors as HTML
		all, err := json.Marshal(out.Outputs())
		if err != nil {
			t.Fatal(err)
		}
		out.Failure += string(all)
	}
	return out.Stream("stdout"), echo, out.Failure
}

// ask sends a request on the shell socket and returns the content of its reply.
func (k *served) ask(t *testing.T, kind string, content map[string]any) map[string]any {
	t.Helper()
	id, err := k.Send(k.Shell, kind, content)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := contextFor(t)
	defer stop()
	m, err := k.Reply(ctx, id)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return m.Content
}

// contextFor returns a context for an answer that a busy machine may delay.
func contextFor(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(context.Background(), 20*time.Second)
}
