package ipynb_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
)

// A cell that asks for input gets an empty line, since nobody can type.
func TestInputIsAnsweredWithAnEmptyLine(t *testing.T) {
	nb := ipynb.New()
	nb.AddCode("a", "%with_inputs\n!read x; echo got:$x")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := execute(t, ctx, nb, nil); err != nil {
		t.Fatal(err)
	}
	if got := output(nb.CodeCells()[0]); got != "got:\n" {
		t.Errorf("cell printed %q", got)
	}
}

// A cell that still compiles when its context ends has no program to interrupt. Its program ends
// all the same.
func TestInterruptReachesACellThatCompiles(t *testing.T) {
	nb := ipynb.New()
	nb.AddCode("a", "%%\ntime.Sleep(time.Hour)")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var begun time.Time
	err := execute(t, ctx, nb, func(_, _ int, _ string) {
		begun = time.Now()
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v, want context.Canceled", err)
	}
	// Below the 10 s after which the kernel is killed. Compiling takes under 1 s.
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("the interrupt took %s", took)
	}
}

// An update changes the cell that shows the display, a carriage return overwrites its line, and a
// picture in HTML is kept.
func TestOutputsAreStoredAsTheyLastLooked(t *testing.T) {
	nb := ipynb.New()
	nb.AddCode("setup", ipynb.SetupCell)
	nb.AddCode("a", `import "github.com/janpfeifer/gonb/gonbui"

%%
gonbui.UpdateHTML("one", "first")
gonbui.UpdateHTML("gone", "soon")
gonbui.UpdateHTML("gone", "")
gonbui.DisplayHTML("<img src='x.png'>")
gonbui.Sync()`)
	nb.AddCode("b", `%%
gonbui.UpdateHTML("one", "last")
gonbui.Sync()
fmt.Print("10 %\r20 %\n")`)
	built, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	if err := ipynb.Execute(context.Background(), nb, ipynb.Execution{Tools: built, Folder: "../.."}); err != nil {
		t.Fatal(err)
	}
	cells := nb.CodeCells()
	var shown []string
	for _, o := range cells[1].Outputs() {
		for _, line := range o.(map[string]any)["data"].(map[string]any)["text/html"].([]any) {
			shown = append(shown, line.(string))
		}
	}
	if got := strings.Join(shown, "|"); got != "last|<img src='x.png'>" {
		t.Errorf("the first cell shows %q", got)
	}
	if got := output(cells[2]); got != "20 %\n" {
		t.Errorf("the second cell shows %q", got)
	}
}

// childVariable names the file that a cell of the child process writes its process number into.
const childVariable = "EQFLOW_TEST_KERNEL_CHILD"

// TestChildRunsForever is the process that TestNothingOutlivesAKilledProcess kills.
func TestChildRunsForever(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		t.Skip("only as a child of TestNothingOutlivesAKilledProcess")
	}
	nb := ipynb.New()
	nb.AddCode("a", `%%
os.WriteFile(os.Getenv("`+childVariable+`"), []byte(fmt.Sprint(os.Getpid())), 0o600)
time.Sleep(time.Hour)`)
	t.Fatal(execute(t, context.Background(), nb, nil))
}

// A process that is killed without a chance to clean up leaves behind neither GoNB, nor the cell's
// program, nor a folder.
func TestNothingOutlivesAKilledProcess(t *testing.T) {
	if _, err := tools(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	pidFile := filepath.Join(folder, "pid")
	child := exec.Command(os.Args[0], "-test.run=^TestChildRunsForever$")
	child.Env = append(os.Environ(), childVariable+"="+pidFile, "TMPDIR="+folder)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	await := func(what string, reached func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !reached(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not within 20 s: %s", what)
			}
		}
	}
	var pid string
	await("the cell runs", func() bool {
		text, _ := os.ReadFile(pidFile)
		pid = string(text)
		return pid != ""
	})
	_ = child.Process.Kill()
	_ = child.Wait()
	await("the cell's program is gone", func() bool { return exec.Command("kill", "-0", pid).Run() != nil })
	await("the session's folder is gone", func() bool {
		left, _ := filepath.Glob(filepath.Join(folder, "eqflow-gonb-*"))
		return len(left) == 0
	})
}
