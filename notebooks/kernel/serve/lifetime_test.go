package serve

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// servedVariable names the connection file of the child process.
const servedVariable = "EQFLOW_TEST_SERVED_KERNEL"

// liveVariable makes the values of the child process's kernel live on.
const liveVariable = "EQFLOW_TEST_LIVE_KERNEL"

// TestChildServes is the process that TestNothingOutlivesAKilledKernel kills.
func TestChildServes(t *testing.T) {
	connection := os.Getenv(servedVariable)
	if connection == "" {
		return // only as a child of that test
	}
	root, tools := builtTools(t)
	t.Fatal(Run(context.Background(), Launch{
		Connection: connection, Root: root, Tools: tools, Program: program, Live: os.Getenv(liveVariable) != "",
	}))
}

// A kernel that is killed without a chance to clean up leaves behind neither GoNB, nor the cell's
// program, nor what the cell has started, nor the resident helper, nor a folder.
func TestNothingOutlivesAKilledKernel(t *testing.T) {
	builtTools(t)
	t.Run("GoNB", func(t *testing.T) { testNothingOutlives(t, "") })
	t.Run("living values", func(t *testing.T) { testNothingOutlives(t, "1") })
}

func testNothingOutlives(t *testing.T, live string) {
	dir, key := shortTemp(t), gonb.Signer(gonb.RandomToken())
	residentFile, cellFile := filepath.Join(dir, "resident-pid"), filepath.Join(dir, "pid")
	child := exec.Command(os.Args[0], "-test.run=^TestChildServes$")
	child.Env = append(os.Environ(), servedVariable+"="+connectionFile(t, dir, key), "TMPDIR="+dir,
		residentVariable+"="+residentFile, liveVariable+"="+live)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	client, err := gonb.Connect(context.Background(), dir, key)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Channels.Close()
	k := &served{Client: client}
	k.begin(t, "%%\nos.WriteFile(\""+cellFile+"\", []byte(fmt.Sprint(os.Getpid())), 0o600)\n"+
		"exec.Command(\"setsid\", \"sh\", \"-c\", \"echo $$ > "+cellFile+".apart; exec sleep 1000\").Start()\n"+
		"time.Sleep(time.Hour)")
	cellPID, residentPID := awaitFile(t, cellFile), awaitFile(t, residentFile)
	apartPID := strings.TrimSpace(awaitFile(t, cellFile+".apart"))
	_ = child.Process.Kill()
	_ = child.Wait()
	ended := func(pid string) func() bool {
		return func() bool { return exec.Command("kill", "-0", pid).Run() != nil }
	}
	await(t, "the cell's program has ended", ended(cellPID))
	await(t, "the cell's child with a session of its own has ended", ended(apartPID))
	await(t, "the resident helper has ended", ended(residentPID))
	await(t, "the kernel's folder is gone", func() bool {
		left, _ := filepath.Glob(filepath.Join(dir, "eqflow-gonb-*"))
		return len(left) == 0
	})
}

func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !reached(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// awaitFile waits until a file holds something, and returns it.
func awaitFile(t *testing.T, path string) string {
	t.Helper()
	var text []byte
	await(t, path+" is written", func() bool { text, _ = os.ReadFile(path); return len(text) > 0 })
	return string(text)
}
