package lab_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A server and its kernels, which have sessions of their own, end when the terminal of `eqflow lab`
// closes, and when `eqflow lab` is killed. The port is free again.
func TestServerEndsWithItsOwner(t *testing.T) {
	for _, end := range []syscall.Signal{syscall.SIGHUP, syscall.SIGKILL} {
		t.Run(end.String(), func(t *testing.T) {
			if signal.Ignored(end) {
				t.Skip("the tests ignore this signal, as under nohup, and so would the owner")
			}
			kernel := `setsid sh -c 'trap "" TERM HUP; echo $$ > kernel; while :; do sleep 0.1; done' &`
			e := environment(t, fmt.Sprintf("%s\n"+`exec env %s=1 %q "$@"`, kernel, jupyterVariable, os.Args[0]))
			owner := exec.Command("/proc/self/exe")
			owner.Env = append(os.Environ(), ownerVariable+"="+e.Prefix)
			if err := owner.Start(); err != nil {
				t.Fatal(err)
			}
			port, pid := awaitFile(t, filepath.Join(e.Prefix, "port")), awaitFile(t, filepath.Join(e.Prefix, "kernel"))
			if err := owner.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
			_ = owner.Wait()
			await(t, "the kernel has ended", func() bool { return exec.Command("kill", "-0", pid).Run() != nil })
			await(t, "the port is free", func() bool {
				listener, err := net.Listen("tcp", "127.0.0.1:"+port)
				if err == nil {
					listener.Close()
				}
				return err == nil
			})
		})
	}
}

func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !reached(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// awaitFile waits until a file holds something, and returns it.
func awaitFile(t *testing.T, path string) string {
	t.Helper()
	var text []byte
	await(t, path+" is written", func() bool { text, _ = os.ReadFile(path); return len(text) > 0 })
	return strings.TrimSpace(string(text))
}
