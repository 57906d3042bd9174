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
)

// A cell needs no set-up: eqflow's packages are there, and compile without network.
func TestServedKernel(t *testing.T) {
	said := ""
	k := serve(t, "",
		Magic{Name: "greet", Run: func(_ context.Context, args []string, out *Output) error {
			out.Print("hello " + strings.Join(args, " ") + "\n")
			return nil
		}, Complete: func([]string) []string { return []string{"world", "moon"} }},
		Magic{Name: "choose", Run: func(_ context.Context, args []string, out *Output) error {
			out.Replace("%env CHOSEN=" + args[0])
			return nil
		}},
		Magic{Name: "fail", Run: func(context.Context, []string, *Output) error { said = "fail"; return errors.New("as it should") }},
	)
	t.Run("cells", func(t *testing.T) {
		if got, _, failure := k.cell(t, "%%\nfmt.Println(target.DW4().Name(), xla.Auto)"); got != "dw4 auto\n" || failure != "" {
			t.Errorf("cell shows %q, %s", got, failure)
		}
		if k.count != 1. {
			t.Errorf("the first cell is number %v", k.count)
		}
		if _, _, failure := k.cell(t, "%%\nnothing()"); !strings.Contains(failure, "undefined: nothing") {
			t.Errorf("a wrong cell fails with %q", failure)
		}
		if got, _, _ := k.cell(t, "%with_inputs\n!read x; echo got:$x"); got != "got:\n" {
			t.Errorf("an answer on stdin gives %q", got)
		}
	})
	t.Run("magics", func(t *testing.T) {
		code := "%eqflow greet world\n%%\nfmt.Println(\"and code\")"
		got, echo, failure := k.cell(t, code)
		if got != "hello world\nand code\n" || echo != code || failure != "" {
			t.Errorf("shown %q, echo %q, %s", got, echo, failure)
		}
		if got, _, _ := k.cell(t, "%eqflow choose well\n%%\nfmt.Print(os.Getenv(\"CHOSEN\"))"); !strings.HasSuffix(got, "well") {
			t.Errorf("a replaced line gives %q", got)
		}
		if got, _, failure := k.cell(t, "%eqflow fail\n%%\nfmt.Println(\"not this\")"); got != "" || !strings.Contains(failure, "as it should") || said == "" {
			t.Errorf("a failing magic shows %q and fails with %q", got, failure)
		}
		if _, _, failure := k.cell(t, "%eqflow grete"); !strings.Contains(failure, "did you mean %eqflow greet?") {
			t.Errorf("an unknown magic fails with %q", failure)
		}
		if got, _, _ := k.cell(t, "%eqflow"); !strings.Contains(got, "greet") || !strings.Contains(got, "choose") {
			t.Errorf("help is %q", got)
		}
	})
	t.Run("questions", func(t *testing.T) {
		info := k.ask(t, "kernel_info_request", map[string]any{})
		language, _ := info["language_info"].(map[string]any)
		if info["implementation"] != "eqflow" || language["pygments_lexer"] != "go" || language["file_extension"] != ".go" {
			t.Errorf("kernel_info is %v", info)
		}
		for line, want := range map[string]string{"%eqf": "[%eqflow]", "%eqflow g": "[greet]", "x := 1\n%eqflow greet ": "[world moon]", "%eqflow greet m": "[moon]"} {
			got := k.ask(t, "complete_request", map[string]any{"code": line, "cursor_pos": len(line)})
			if fmt.Sprint(got["matches"]) != want {
				t.Errorf("completions of %q are %v, want %s", line, got["matches"], want)
			}
		}
		if got := k.ask(t, "is_complete_request", map[string]any{"code": "func f() {"}); got["status"] != "incomplete" {
			t.Errorf("is_complete says %v", got)
		}
		if got := k.ask(t, "history_request", map[string]any{}); got["status"] != "ok" {
			t.Errorf("history says %v", got)
		}
	})
	t.Run("a wrong signature", func(t *testing.T) {
		forged, err := gonb.Signer("guess").Frames(gonb.Message{Header: gonb.NewHeader("x", "execute_request"), Content: map[string]any{"code": "%%\nos.Exit(1)"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Shell.SendMulti(forged); err != nil {
			t.Fatal(err)
		}
		if got, _, _ := k.cell(t, "%%\nfmt.Print(\"still here\")"); got != "still here" {
			t.Errorf("after a forged message a cell shows %q", got)
		}
	})
	t.Run("interrupt", func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		began := time.Time{}
		_, err := k.Execute(ctx, "%%\nfmt.Println(\"begun\")\ntime.Sleep(time.Hour)", gonb.Grace, func(m gonb.Message) {
			if m.Header.Type == "stream" && began.IsZero() {
				began = time.Now()
				stop()
			}
		})
		if took := time.Since(began); !errors.Is(err, context.Canceled) || took > 2*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
		if got, _, _ := k.cell(t, "%%\nfmt.Print(\"goes on\")"); got != "goes on" {
			t.Errorf("after an interrupt a cell shows %q", got)
		}
	})
	t.Run("shutdown in the middle of a cell", func(t *testing.T) {
		if _, err := k.Send(k.Shell, "execute_request", map[string]any{"code": "%%\ntime.Sleep(time.Hour)", "silent": false, "store_history": true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		if _, err := k.Send(k.Control, "shutdown_request", map[string]any{"restart": true}); err != nil {
			t.Fatal(err)
		}
		answered := make(chan bool, 1)
		go func() {
			raw, err := k.Control.Recv()
			m, ok := k.key.Parse(raw.Frames)
			answered <- err == nil && ok && m.Header.Type == "shutdown_reply" && m.Content["restart"] == true
		}()
		select {
		case err := <-k.ended:
			k.ended <- nil
			if err != nil {
				t.Errorf("the kernel ended with %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("the kernel runs on")
		}
		select {
		case ok := <-answered:
			if !ok {
				t.Error("the answer is not that to a restart")
			}
		case <-time.After(time.Second):
			t.Error("no answer to the shutdown")
		}
		if left, _ := filepath.Glob(filepath.Join(k.folder, "eqflow-gonb-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

// Two kernels side by side do not meet.
func TestTwoKernels(t *testing.T) {
	first, second := serve(t, ""), serve(t, "")
	for i, k := range []*served{first, second} {
		if _, _, failure := k.cell(t, fmt.Sprintf("const which = %d", i)); failure != "" {
			t.Fatal(failure)
		}
	}
	for i, k := range []*served{first, second} {
		if got, _, _ := k.cell(t, "%%\nfmt.Print(which)"); got != fmt.Sprint(i) {
			t.Errorf("kernel %d says %q", i, got)
		}
	}
}

const servedVariable = "EQFLOW_TEST_SERVED_KERNEL"

// TestHelperServes is the process that TestNothingOutlivesAKilledKernel kills.
func TestHelperServes(t *testing.T) {
	connection := os.Getenv(servedVariable)
	if connection == "" {
		return // only as a child of that test
	}
	root, tools := builtTools(t)
	t.Fatal(Run(context.Background(), Launch{Connection: connection, Root: root, Tools: tools, Program: program}))
}

// A launcher killed with no chance to clean up leaves neither GoNB, nor the cell's program, nor the helper, nor a folder behind.
func TestNothingOutlivesAKilledKernel(t *testing.T) {
	builtTools(t)
	dir, key := shortTemp(t), gonb.Signer(gonb.RandomToken())
	launcher := exec.Command(os.Args[0], "-test.run=^TestHelperServes$")
	launcher.Env = append(os.Environ(), servedVariable+"="+connectionFile(t, dir, key), "TMPDIR="+dir, helperVariable+"="+filepath.Join(dir, "helper"))
	if err := launcher.Start(); err != nil {
		t.Fatal(err)
	}
	k := &served{}
	var err error
	if k.Session, err = gonb.Connect(context.Background(), dir, key); err != nil {
		t.Fatal(err)
	}
	defer k.Channels.Close()
	pidFile := filepath.Join(dir, "pid")
	code := "%%\nos.WriteFile(\"" + pidFile + "\", []byte(fmt.Sprint(os.Getpid())), 0o600)\ntime.Sleep(time.Hour)"
	if _, err := k.Send(k.Shell, "execute_request", map[string]any{"code": code, "silent": false, "store_history": true}); err != nil {
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
	var pid, helper []byte
	await("the cell runs", func() bool { pid, _ = os.ReadFile(pidFile); return len(pid) > 0 })
	await("the helper runs", func() bool { helper, _ = os.ReadFile(filepath.Join(dir, "helper")); return len(helper) > 0 })
	_ = launcher.Process.Kill()
	_ = launcher.Wait()
	await("the cell's program is gone", func() bool { return exec.Command("kill", "-0", string(pid)).Run() != nil })
	await("the helper is gone", func() bool { return exec.Command("kill", "-0", string(helper)).Run() != nil })
	await("the kernel's folder is gone", func() bool {
		left, _ := filepath.Glob(filepath.Join(dir, "eqflow-gonb-*"))
		return len(left) == 0
	})
}

// A kernel that cannot prepare its session lives, and says why in the first cell.
func TestFailedPreparationShowsInTheFirstCell(t *testing.T) {
	k := serve(t, t.TempDir())
	for range 2 {
		if _, _, failure := k.cell(t, "%%\nfmt.Println(1)"); !strings.Contains(failure, "go.mod") || !strings.Contains(failure, "eqflow kernel install") {
			t.Errorf("the cell says %q", failure)
		}
	}
}

// A kernel whose code has its packages elsewhere lives, and says in one line that it is to be installed again.
func TestAKernelOfAnotherLayoutSaysSo(t *testing.T) {
	here, _ := builtTools(t)
	other := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(here, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(other, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _, failure := serve(t, other).cell(t, "%%\nfmt.Println(1)")
	if !strings.Contains(failure, "has no eqflow; run `eqflow kernel install` again") {
		t.Errorf("the cell says %q", failure)
	}
}

func TestIsComplete(t *testing.T) {
	for code, want := range map[string]string{
		"x := 1": "complete", "func f() {\n\treturn\n}": "complete", "%eqflow models": "complete", "!ls": "complete",
		"func f() {": "incomplete", "x := []int{1,": "incomplete", "s := `open": "incomplete", "/* open": "incomplete",
		"x +": "incomplete", "!ls \\": "incomplete", "f(": "incomplete", "i++": "complete",
		"x)": "invalid", "s := \"open": "invalid",
	} {
		if got := isComplete(code)["status"]; got != want {
			t.Errorf("%q is %v, want %s", code, got, want)
		}
	}
}

// Lines keep their numbers when magics are taken out, and cells in other languages are left alone.
func TestTakeMagics(t *testing.T) {
	rest, magics := takeMagics("x := 1\n%eqflow show a b\ny := 2")
	if strings.Join(rest, "|") != "x := 1||y := 2" || len(magics) != 1 || strings.Join(magics[0].words, " ") != "show a b" || magics[0].index != 1 {
		t.Errorf("rest %q, magics %v", rest, magics)
	}
	for _, code := range []string{"%%script bash\n%eqflow models", "x := `\n  %eqflow`", "%eqflowers"} {
		if _, magics := takeMagics(code); len(magics) != 0 {
			t.Errorf("%q has magics %v", code, magics)
		}
	}
}

func TestKernelspec(t *testing.T) {
	prefix := t.TempDir()
	here, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	i := Installation{Prefix: prefix, Binary: here, Root: prefix, Tools: gonb.Toolchain{Dir: prefix}, Backend: "go"}
	folder, err := i.Install()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
	t.Setenv("JUPYTER_DATA_DIR", t.TempDir())
	found, err := Find(prefix)
	if err != nil || len(found) != 1 || found[0].Binary != here || found[0].Backend != "go" {
		t.Fatalf("found %+v, %v", found, err)
	}
	if broken := strings.Join(found[0].Broken, "; "); strings.Count(broken, "install the kernel again") != 3 {
		t.Errorf("of a kernelspec without code, gonb and goimports it says: %s", broken)
	}
	old := strings.ReplaceAll(installedSpec(t, folder), layoutKey, "older")
	if said := strings.Join(inspect(folder, []byte(old), nil).Broken, "; "); strings.Contains(said, "another version") {
		t.Errorf("an older kernelspec of this program: %s", said)
	}
	old = strings.ReplaceAll(old, here, filepath.Join(prefix, "eqflow"))
	if said := strings.Join(inspect(folder, []byte(old), nil).Broken, "; "); !strings.Contains(said, "another version") {
		t.Errorf("an older kernelspec of another program: %s", said)
	}
	if _, there, err := Uninstall(prefix); !there || err != nil {
		t.Errorf("uninstall: %t, %v", there, err)
	}
	if _, there, err := Uninstall(prefix); there || err != nil {
		t.Errorf("uninstall twice: %t, %v", there, err)
	}
}

func installedSpec(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "kernel.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
