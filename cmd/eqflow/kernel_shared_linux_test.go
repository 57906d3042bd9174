//go:build faults

package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
)

// nobody is the number of a user without rights.
const nobody = 65534

// Root installs the kernel below a prefix, with the umask 077. Another user, with a home folder of
// its own or without one, then runs a cell in the kernel. The installation takes several minutes.
func TestKernelForEveryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can install for every user")
	}
	folder, err := os.MkdirTemp("", "eqflow-shared-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	program := filepath.Join(folder, "eqflow")
	prefix, home := filepath.Join(folder, "prefix"), filepath.Join(folder, "home")
	for _, path := range []string{folder, prefix, home, filepath.Join(prefix, "share", "jupyter")} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	install := exec.Command("sh", "-c", `umask 077; exec "$0" kernel install --prefix "$1"`, program, prefix)
	install.Stderr = os.Stderr
	if err := install.Run(); err != nil {
		t.Fatal(err)
	}
	for _, variables := range [][]string{{"HOME=" + home}, nil} {
		runAsNobody(t, prefix, append(variables, "PATH=/usr/bin:/bin"))
	}
	status, err := exec.Command(program, "kernel", "status", "--prefix", prefix).CombinedOutput()
	if err != nil || !strings.Contains(string(status), prefix) {
		t.Errorf("status: %v: %s", err, status)
	}
}

// startAsNobody starts the kernel below a prefix, as a user without rights. It listens in a folder.
func startAsNobody(t *testing.T, prefix, dir string, key gonb.Signer, env []string) {
	t.Helper()
	var spec struct {
		Argv []string
		Env  map[string]string
	}
	text, err := os.ReadFile(filepath.Join(prefix, "share", "jupyter", "kernels", ipynb.SpecName, "kernel.json"))
	if err == nil {
		err = json.Unmarshal(text, &spec)
	}
	if err != nil {
		t.Fatal(err)
	}
	connection, err := json.Marshal(map[string]any{
		"transport": "ipc", "ip": filepath.Join(dir, "s"), "key": string(key), "signature_scheme": "hmac-sha256",
		"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "kernel-0.json")
	if err := os.WriteFile(file, connection, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	kernel := exec.Command(spec.Argv[0], "kernel", "run", file)
	kernel.Dir, kernel.Env, kernel.Stderr = "/", env, os.Stderr
	for name, value := range spec.Env {
		kernel.Env = append(kernel.Env, name+"="+value)
	}
	kernel.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := kernel.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = kernel.Process.Kill(), kernel.Wait() })
}

// runAsNobody runs a cell in the kernel below a prefix, as a user without rights.
func runAsNobody(t *testing.T, prefix string, env []string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "eqs-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	key := gonb.Signer(gonb.RandomToken())
	began := time.Now()
	startAsNobody(t, prefix, dir, key, env)
	client, err := gonb.Connect(context.Background(), dir, key)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Channels.Close()
	out := ipynb.NewCollector()
	_, err = client.Execute(context.Background(), "%%\nfmt.Print(target.DW4().Name(), os.Getuid())", out.Collect)
	if shown := out.Stream("stdout"); err != nil || shown != "dw465534" {
		t.Errorf("with %v the cell shows %q, %s, %v", env, shown, out.Failure, err)
	}
	t.Logf("with %v the first cell took %s", env, time.Since(began).Round(time.Millisecond))
}
