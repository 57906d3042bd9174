package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
)

// A served kernel answers as the protocol demands. Its cells need no set-up: eqflow's packages are
// imported, and compile without network.
func TestServedKernel(t *testing.T) {
	k := serve(t, "", testMagics()...)
	t.Run("cells", func(t *testing.T) { testCells(t, k) })
	t.Run("magics", func(t *testing.T) { testMagicsInCells(t, k) })
	t.Run("questions", func(t *testing.T) { testQuestions(t, k) })
	t.Run("a wrong signature", func(t *testing.T) { testForgedMessage(t, k) })
	t.Run("replay", func(t *testing.T) { testReplay(t, k) })
	t.Run("wrong messages", func(t *testing.T) { testWrongMessages(t, k) })
	t.Run("hostile clients", func(t *testing.T) { testHostileClients(t, k) })
	t.Run("privacy", func(t *testing.T) { testPrivacy(t, k) })
	t.Run("interrupt", func(t *testing.T) { testInterrupt(t, k) })
	t.Run("shutdown in the middle of a cell", func(t *testing.T) { testShutdown(t, k) })
}

// testMagics are a magic that prints, a magic that replaces its line, and a magic that fails.
func testMagics() []Magic {
	return []Magic{
		{Name: "greet", Run: func(_ context.Context, args []string, out *Output) error {
			out.Print("hello " + strings.Join(args, " ") + "\n")
			return nil
		}, Complete: func([]string) []string { return []string{"world", "moon"} }},
		{Name: "choose", Run: func(_ context.Context, args []string, out *Output) error {
			out.Replace("%env CHOSEN=" + args[0])
			return nil
		}},
		{Name: "fail", Run: func(context.Context, []string, *Output) error { return errors.New("as it should") }},
	}
}

func testCells(t *testing.T, k *served) {
	got, _, failure := k.cell(t, "%%\nfmt.Println(target.DW4().Name(), xla.Auto)")
	if got != "dw4 auto\n" || failure != "" {
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
}

func testMagicsInCells(t *testing.T, k *served) {
	code := "%eqflow greet world\n%%\nfmt.Println(\"and code\")"
	got, echo, failure := k.cell(t, code)
	if got != "hello world\nand code\n" || echo != code || failure != "" {
		t.Errorf("shown %q, echo %q, %s", got, echo, failure)
	}
	got, _, _ = k.cell(t, "%eqflow choose well\n%%\nfmt.Print(os.Getenv(\"CHOSEN\"))")
	if !strings.HasSuffix(got, "well") {
		t.Errorf("a replaced line gives %q", got)
	}
	got, _, failure = k.cell(t, "%eqflow fail\n%%\nfmt.Println(\"not this\")")
	if got != "" || !strings.Contains(failure, "as it should") {
		t.Errorf("a failing magic shows %q and fails with %q", got, failure)
	}
	if _, _, failure := k.cell(t, "%eqflow grete"); !strings.Contains(failure, "did you mean %eqflow greet?") {
		t.Errorf("an unknown magic fails with %q", failure)
	}
	if got, _, _ := k.cell(t, "%eqflow"); !strings.Contains(got, "greet") || !strings.Contains(got, "choose") {
		t.Errorf("help is %q", got)
	}
}

func testQuestions(t *testing.T, k *served) {
	info := k.ask(t, "kernel_info_request", map[string]any{})
	if info["implementation"] != "eqflow" || !reflect.DeepEqual(info["language_info"], ipynb.LanguageInfo()) {
		t.Errorf("kernel_info is %v", info)
	}
	for line, want := range map[string]string{
		"%eqf": "[%eqflow]", "%eqflow g": "[greet]",
		"x := 1\n%eqflow greet ": "[world moon]", "%eqflow greet m": "[moon]",
	} {
		got := k.ask(t, "complete_request", map[string]any{"code": line, "cursor_pos": len(line)})
		if fmt.Sprint(got["matches"]) != want {
			t.Errorf("completions of %q are %v, want %s", line, got["matches"], want)
		}
	}
	for line, want := range map[string]string{
		"x := 1\n%eqflow gre": "Magics of the eqflow kernel", "%eqflow greet m\ny": "  %eqflow greet",
	} {
		got := k.ask(t, "inspect_request", map[string]any{"code": line, "cursor_pos": strings.Index(line, "%") + 4})
		data, _ := got["data"].(map[string]any)
		help, _ := data["text/plain"].(string)
		if got["found"] != true || len(data) != 1 || !strings.HasPrefix(help, want) {
			t.Errorf("inspecting %q gives %v, want %q", line, got, want)
		}
	}
	got := k.ask(t, "is_complete_request", map[string]any{"code": "func f() {"})
	if got["status"] != "incomplete" {
		t.Errorf("is_complete is %v", got)
	}
	if got := k.ask(t, "history_request", map[string]any{}); got["status"] != "ok" {
		t.Errorf("history is %v", got)
	}
}

func testForgedMessage(t *testing.T, k *served) {
	forged, err := gonb.Signer("guess").Frames(gonb.Message{
		Header: gonb.NewHeader("x", "execute_request"), Content: map[string]any{"code": "%%\nos.Exit(1)"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Shell.SendMulti(forged); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := k.cell(t, "%%\nfmt.Print(\"still here\")"); got != "still here" {
		t.Errorf("after a forged message a cell shows %q", got)
	}
}

func testInterrupt(t *testing.T, k *served) {
	ctx, stop := context.WithCancel(context.Background())
	began := time.Time{}
	_, err := k.Execute(ctx, "%%\nfmt.Println(\"begun\")\ntime.Sleep(time.Hour)", func(m gonb.Message) {
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
}

func testShutdown(t *testing.T, k *served) {
	k.begin(t, "%%\ntime.Sleep(time.Hour)")
	time.Sleep(500 * time.Millisecond)
	if _, err := k.Send(k.Control, "shutdown_request", map[string]any{"restart": true}); err != nil {
		t.Fatal(err)
	}
	answered := make(chan bool, 1)
	go func() {
		for { // replies to earlier tests may come first
			raw, err := k.Control.Recv()
			m, ok := k.key.Parse(raw.Frames)
			if err != nil || ok && m.Header.Type == "shutdown_reply" && m.Content["status"] == "ok" {
				answered <- err == nil && m.Content["restart"] == true
				return
			}
		}
	}()
	select {
	case err := <-k.ended:
		k.ended <- nil
		if err != nil {
			t.Errorf("the kernel ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the kernel still runs")
	}
	select {
	case ok := <-answered:
		if !ok {
			t.Error("the answer is not the answer to a restart")
		}
	case <-time.After(time.Second):
		t.Error("no answer to the shutdown")
	}
	if left, _ := filepath.Glob(filepath.Join(k.folder, "eqflow-gonb-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Two kernels side by side share nothing.
func TestTwoKernels(t *testing.T) {
	kernels := []*served{serve(t, ""), serve(t, "")}
	for i, k := range kernels {
		if _, _, failure := k.cell(t, fmt.Sprintf("const which = %d", i)); failure != "" {
			t.Fatal(failure)
		}
	}
	for i, k := range kernels {
		if got, _, _ := k.cell(t, "%%\nfmt.Print(which)"); got != fmt.Sprint(i) {
			t.Errorf("kernel %d shows %q", i, got)
		}
	}
}

// A kernel that cannot be prepared lives, and shows the reason in every cell.
func TestFailedPreparationShowsInEveryCell(t *testing.T) {
	k := serve(t, t.TempDir())
	for range 2 {
		_, _, failure := k.cell(t, "%%\nfmt.Println(1)")
		if !strings.Contains(failure, "go.mod") || !strings.Contains(failure, "eqflow kernel install") {
			t.Errorf("the cell shows %q", failure)
		}
	}
}

// A kernel whose code has its packages in other folders says in one line to install it again.
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
		t.Errorf("the cell shows %q", failure)
	}
}
