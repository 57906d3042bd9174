//go:build faults

package lab_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/lab"
)

// A real JupyterLab and its Python kernel end when the process that started JupyterLab is killed.
// The test installs JupyterLab by pip if it is not in the user's cache.
func TestJupyterLabEndsWithItsOwner(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	prefix := filepath.Join(cache, "eqflow", "lab")
	if _, err := lab.Prepare(context.Background(), prefix, func(text string) { t.Log(text) }); err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) { testJupyterLab(t, prefix, signal) })
	}
}

func testJupyterLab(t *testing.T, prefix string, signal syscall.Signal) {
	folder := t.TempDir()
	// The owner looks for bin/jupyter below its folder, and writes its files there.
	if err := os.Symlink(filepath.Join(prefix, "bin"), filepath.Join(folder, "bin")); err != nil {
		t.Fatal(err)
	}
	owner := exec.Command("/proc/self/exe")
	owner.Env = append(os.Environ(), ownerVariable+"="+folder, "JUPYTER_RUNTIME_DIR="+filepath.Join(folder, "runtime"))
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	port, token := awaitFile(t, filepath.Join(folder, "port")), awaitFile(t, filepath.Join(folder, "token"))
	address := fmt.Sprintf("http://127.0.0.1:%s/api/kernels?token=%s", port, token)
	response, err := http.Post(address, "application/json", strings.NewReader(`{"name": "python3"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var kernel struct{ ID string }
	if err := json.NewDecoder(response.Body).Decode(&kernel); err != nil || kernel.ID == "" {
		t.Fatalf("no kernel: %s, %v", response.Status, err)
	}
	kernelRuns := func() bool { return exec.Command("pgrep", "-f", kernel.ID).Run() == nil }
	await(t, "the kernel runs", kernelRuns)
	began := time.Now()
	if err := owner.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()
	await(t, "the kernel has ended", func() bool { return !kernelRuns() })
	await(t, "the port is free", func() bool {
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			listener.Close()
		}
		return err == nil
	})
	t.Logf("server and kernel ended %s after the signal", time.Since(began).Round(time.Millisecond))
}
