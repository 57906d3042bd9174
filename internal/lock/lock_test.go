package lock

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

// asHolder is the variable that makes the test binary hold a lock until it is killed.
const asHolder = "EQFLOW_TEST_HOLDS"

func TestMain(m *testing.M) {
	if path := os.Getenv(asHolder); path != "" {
		if _, err := File(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// holder starts a process that holds the lock.
func holder(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asHolder+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// A lock that another process holds is refused with its name and number, and taken over when that
// process is killed.
func TestAnotherProcessIsNamed(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, FileName)
	other := holder(t, path)
	_, err := Folder(folder)
	want := fmt.Sprintf("is in use by process %d (%s)", other.Process.Pid, filepath.Base(os.Args[0]))
	if !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	if held := Held(filepath.Dir(folder)); len(held) != 1 || !strings.Contains(held[0], want) {
		t.Errorf("held are %q", held)
	}
	waiting, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	told := ""
	_, err = Wait(waiting, path, func(holder string) { told += holder })
	if !errors.Is(err, context.DeadlineExceeded) || strings.Count(told, "process") != 1 {
		t.Errorf("waiting: %v, told %q", err, told)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	l, err := Wait(t.Context(), path, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if text := Holder(path); !strings.Contains(text, fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("the holder is %q", text)
	}
	l.Release()
	if text, err := os.ReadFile(path); err != nil || len(text) > 0 {
		t.Errorf("after its release the lock names %q", text)
	}
}

// A lock works within a process too, and once released it can be had again.
func TestLockIsForOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := File(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := File(path); !errors.Is(err, ErrHeld) {
		t.Errorf("the second lock: %v", err)
	}
	l.Release()
	if l, err = File(path); err != nil {
		t.Error(err)
	}
	l.Release()
	if _, err := File(filepath.Join(path, "below a file")); err == nil || errors.Is(err, ErrUnsupported) {
		t.Errorf("below a file: %v", err)
	}
}

// Mounts whose locks do not reach other machines are told.
func TestLocksOfOneMachine(t *testing.T) {
	const mounts = `22 1 0:21 / / rw,relatime - ext4 /dev/sda rw
30 22 0:40 / /net rw,relatime shared:1 - nfs4 server:/net rw,vers=4.2,local_lock=none,addr=10.0.0.1
31 22 0:41 / /scratch rw - nfs server:/scratch rw,vers=3,nolock,local_lock=all
32 31 0:42 / /scratch/fast rw - lustre mds:/fast rw,flock
33 22 0:43 / /far\040away rw - fuse.sshfs host:/ rw
34 22 0:44 / /slow rw - lustre mds:/slow rw,localflock
`
	for folder, want := range map[string]string{
		"/local/model": "", "/net/model": "", "/scratch/model": "NFS mounted with nolock", "/scratch/fast/model": "",
		"/scratchy": "", "/far away/model": "sshfs", "/slow": "LUSTRE mounted with localflock",
	} {
		if got := oneMachine(mounts, folder); got != want {
			t.Errorf("%s: %q, want %q", folder, got, want)
		}
	}
	if why := OneMachine(t.TempDir()); why != "" {
		t.Logf("the tests' own folder: %s", why)
	}
}
