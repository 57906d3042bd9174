package serve

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

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
)

// atOnce is far above the time in which a kernel without a GoNB ends, and far below the 30 s that
// it would wait for a GoNB that is only slow.
const atOnce = 20 * time.Second

// toolsWith makes a folder with goimports and a GoNB of the given text.
func toolsWith(t *testing.T, text string, mode os.FileMode) gonb.Toolchain {
	t.Helper()
	_, built := builtTools(t)
	dir := t.TempDir()
	err := os.Symlink(filepath.Join(built.Dir, "goimports"), filepath.Join(dir, "goimports"))
	if err == nil && text != "" {
		err = os.WriteFile(filepath.Join(dir, "gonb"), []byte(text), mode)
	}
	if err != nil {
		t.Fatal(err)
	}
	return gonb.Toolchain{Dir: dir, Version: "test"}
}

// A kernel whose GoNB does not start ends at once, and says why: in its error, and in the answer to
// the first cell.
func TestKernelEndsWithGoNB(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"absent":       {"", 0, "no such file or directory"},
		"unreadable":   {"#!/bin/sh\n", 0o600, "permission denied"},
		"no program":   {"#!/nosuch/interpreter\n", 0o755, "no such file or directory"},
		"ends":         {"#!/bin/sh\necho the reason\nexit 3\n", 0o755, "exit status 3"},
		"ends well":    {"#!/bin/sh\necho the reason\n", 0o755, "exit status 0"},
		"kills itself": {"#!/bin/sh\nkill -9 $$\n", 0o755, "signal: killed"},
	} {
		t.Run(name, func(t *testing.T) {
			testEndsWithGoNB(t, toolsWith(t, c.text, c.mode), true, c.want)
		})
	}
	t.Run("without a front end", func(t *testing.T) {
		testEndsWithGoNB(t, toolsWith(t, "", 0), false, "no such file or directory")
	})
}

// testEndsWithGoNB runs a kernel whose GoNB does not start, with or without a first cell.
func testEndsWithGoNB(t *testing.T, tools gonb.Toolchain, cell bool, want string) {
	t.Helper()
	root, _ := builtTools(t)
	dir, key := shortTemp(t), gonb.Signer(gonb.RandomToken())
	t.Setenv("TMPDIR", dir)
	t.Setenv(resident.EnvSocket, "")
	ended := make(chan error, 1)
	began := time.Now()
	launch := Launch{Connection: connectionFile(t, dir, key), Root: root, Program: program, Tools: tools}
	go func() { ended <- Run(context.Background(), launch) }()
	if cell {
		client, err := gonb.Connect(context.Background(), dir, key)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Channels.Close()
		if _, _, failure := (&served{Client: client}).cell(t, "1"); !strings.Contains(failure, want) {
			t.Errorf("the first cell shows %q, not %q", failure, want)
		}
	}
	err := <-ended
	if err == nil || !strings.Contains(err.Error(), want) || time.Since(began) > atOnce {
		t.Errorf("after %s the kernel ended with: %v", time.Since(began), err)
	}
	if strings.HasPrefix(want, "exit") && !strings.Contains(err.Error(), "the reason") {
		t.Errorf("GoNB's own words are missing: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "eqflow-gonb-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A GoNB that is killed in the middle of a cell ends the kernel. The cell fails with the cause.
func TestKernelEndsWithAKilledGoNB(t *testing.T) {
	k := serve(t, "")
	_, _, failure := k.cell(t, "!kill -KILL $PPID; sleep 5")
	if !strings.Contains(failure, "signal: killed") {
		t.Errorf("the cell shows %q", failure)
	}
	select {
	case err := <-k.ended:
		k.ended <- nil
		if !errors.Is(err, gonb.ErrEnded) {
			t.Errorf("the kernel ended with %v", err)
		}
	case <-time.After(atOnce):
		t.Error("the kernel still runs")
	}
}

// A kernel whose go command is missing or too old lives, and says so in every cell.
func TestKernelNeedsGo(t *testing.T) {
	builtTools(t)
	old := t.TempDir()
	script := "#!/bin/sh\necho go version go1.24.3 linux/amd64\n"
	if err := os.WriteFile(filepath.Join(old, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{old: "needs Go 1.26 or newer", t.TempDir(): "no go in PATH"} {
		_, tools := builtTools(t)
		t.Run(want, func(t *testing.T) {
			dir, key := shortTemp(t), gonb.Signer(gonb.RandomToken())
			t.Setenv("TMPDIR", dir)
			t.Setenv("PATH", path)
			root, err := gonb.FindRoot(".")
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() {
				ended <- Run(ctx, Launch{Connection: connectionFile(t, dir, key), Root: root, Tools: tools})
			}()
			client, err := gonb.Connect(ctx, dir, key)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Channels.Close()
			for range 2 {
				if _, _, failure := (&served{Client: client}).cell(t, "1"); !strings.Contains(failure, want) {
					t.Errorf("a cell shows %q", failure)
				}
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// The user's shell does not change what a cell compiles, nor whether it compiles.
func TestCellsIgnoreTheShell(t *testing.T) {
	builtTools(t)
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "go.work"), []byte("go 1.26\nuse ./nosuch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := "GOFLAGS=-mod=vendor\nGOARCH=arm64\n"
	if err := os.WriteFile(filepath.Join(foreign, "env"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"GO111MODULE": "off", "GOFLAGS": "-mod=vendor -tags=foreign -race", "GOWORK": filepath.Join(foreign, "go.work"),
		"GOPATH": foreign, "GOROOT": foreign, "GOTOOLCHAIN": "go1.20", "GOEXPERIMENT": "nosuch", "CGO_ENABLED": "0",
		"GOOS": "windows", "GOARCH": "arm64", "GOAMD64": "v9", "GOENV": filepath.Join(foreign, "env"),
		"GOTMPDIR": "/nosuch", "GOCACHE": "off", "GOMODCACHE": "relative", "GOCACHEPROG": "/nosuch",
	} {
		t.Setenv(name, value)
	}
	k := serve(t, "")
	if got, _, failure := k.cell(t, "%%\nfmt.Print(target.DW4().Name())"); got != "dw4" {
		t.Errorf("the cell shows %q, %s", got, failure)
	}
}

// A TMPDIR that is too long for sockets, or missing, is replaced.
func TestTemporaryFolderThatDoesNotServe(t *testing.T) {
	root, tools := builtTools(t)
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{long, "/nosuch/folder", "relative"} {
		t.Setenv("TMPDIR", folder)
		client, err := gonb.Open(context.Background(), tools, root, nil)
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		if err := runCell(context.Background(), client, "%%\nfmt.Print(1)"); err != nil {
			t.Errorf("%s: %v", folder, err)
		}
		client.Close()
	}
}

// children is a cell that starts three processes, writes their numbers to a file, and waits: a
// child, a child that holds the cell's output open, and a process with a session of its own.
const children = `import "os/exec"

%%%%
sleep := exec.Command("sleep", "1000")
loud := exec.Command("sleep", "1000")
loud.Stdout, loud.Stderr = os.Stdout, os.Stderr
apart := exec.Command("setsid", "--fork", "sh", "-c",
	"echo $$ > %[1]s.apart; trap '' TERM INT HUP; while :; do sleep 0.1; done")
for _, c := range []*exec.Cmd{sleep, loud, apart} {
	if err := c.Start(); err != nil {
		panic(err)
	}
}
apart.Wait()
os.WriteFile(%[1]q, []byte(fmt.Sprint(sleep.Process.Pid, loud.Process.Pid)), 0o600)
time.Sleep(time.Hour)`

// beginChildren starts the cell and returns the numbers of its processes.
func beginChildren(t *testing.T, k *served) (pids []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pids")
	k.begin(t, fmt.Sprintf(children, file))
	pids = append(strings.Fields(awaitFile(t, file)), strings.TrimSpace(awaitFile(t, file+".apart")))
	return pids
}

func awaitGone(t *testing.T, pids []string) {
	t.Helper()
	for _, pid := range pids {
		await(t, "process "+pid+" has ended", func() bool { return exec.Command("kill", "-0", pid).Run() != nil })
	}
}

// The processes that a cell started end when it is interrupted. The processes of an earlier cell
// that has ended run on, until the kernel ends.
func TestInterruptEndsTheCellsProcesses(t *testing.T) {
	k := serve(t, "")
	file := filepath.Join(t.TempDir(), "background")
	if _, _, failure := k.cell(t, "!sleep 1000 >/dev/null 2>&1 & echo $! > "+file); failure != "" {
		t.Fatal(failure)
	}
	background := strings.TrimSpace(awaitFile(t, file))
	pids := beginChildren(t, k)
	if _, err := k.Send(k.Control, "interrupt_request", map[string]any{}); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, pids)
	if got, _, _ := k.cell(t, "%%\nfmt.Print(\"goes on\")"); !strings.Contains(got, "goes on") {
		t.Errorf("after an interrupt a cell shows %q", got)
	}
	if exec.Command("kill", "-0", background).Run() != nil {
		t.Error("the process of an earlier cell has ended too")
	}
	if _, err := k.Send(k.Control, "shutdown_request", map[string]any{"restart": true}); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, []string{background})
}

// The processes that a cell started end with a kernel that is killed.
func TestKillEndsTheCellsProcesses(t *testing.T) {
	builtTools(t)
	dir, key := shortTemp(t), gonb.Signer(gonb.RandomToken())
	child := exec.Command(os.Args[0], "-test.run=^TestChildServes$")
	child.Env = append(os.Environ(), servedVariable+"="+connectionFile(t, dir, key), "TMPDIR="+dir)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	client, err := gonb.Connect(context.Background(), dir, key)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Channels.Close()
	pids := beginChildren(t, &served{Client: client})
	_ = child.Process.Kill()
	_ = child.Wait()
	awaitGone(t, pids)
}

// The interrupted cell of a notebook that runs without Jupyter takes its processes along.
func TestExecuteEndsTheCellsProcesses(t *testing.T) {
	root, tools := builtTools(t)
	file := filepath.Join(t.TempDir(), "pids")
	nb := ipynb.New()
	nb.AddCode("a", fmt.Sprintf(children, file))
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- ipynb.Execute(ctx, nb, ipynb.Execution{Tools: tools, Folder: root}) }()
	pids := append(strings.Fields(awaitFile(t, file)), strings.TrimSpace(awaitFile(t, file+".apart")))
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the notebook ended with %v", err)
	}
	awaitGone(t, pids)
}
