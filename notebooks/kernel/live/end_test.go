package live

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

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// A child that holds the host's pipes does not hold up the end of the cell that has ended the host.
func TestAChildHoldsPipes(t *testing.T) {
	k := newKernel(t)
	for _, files := range []string{"", "cmd.ExtraFiles = []*os.File{os.NewFile(3, \"\"), os.NewFile(4, \"\")}\n"} {
		began := time.Now()
		err := k.Run(1, "cmd := exec.Command(\"sleep\", \"30\")\ncmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr\n"+files+
			"if err := cmd.Start(); err != nil {\n\tpanic(err)\n}\nos.Exit(3)", &recorder{})
		if err == nil || !strings.Contains(err.Error(), "exit status 3") {
			t.Errorf("os.Exit: %v", err)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("the cell ends after %s", took)
		}
	}
	own, err := exec.Command("ls", "/proc/self/fd").Output()
	if err != nil {
		t.Fatal(err)
	}
	list := "list, err := exec.Command(\"ls\", \"/proc/self/fd\").Output()\nstring(list)"
	if r := run(t, k, 2, list); r.result["text/plain"] != string(own) {
		t.Errorf("a child of a cell has the files %q, and one of this test %q", r.result["text/plain"], own)
	}
}

// What cells have started ends with the host, also with a session of its own and without a parent.
func TestChildrenEndWithTheHost(t *testing.T) {
	k := newKernel(t)
	for name, end := range map[string]func(){
		"os.Exit": func() { _ = k.Run(2, "os.Exit(0)", &recorder{}) },
		"a reset": func() { _, _ = k.Reset(context.Background()) },
		"Close":   k.Close,
	} {
		const script = "setsid sh -c 'echo $$; exec sleep 1000' & exec sleep 1000"
		r := run(t, k, 1, fmt.Sprintf("cmd := exec.Command(\"sh\", \"-c\", %q)\n"+
			"cmd.Stdout = os.Stdout\ncmd.Start()", script))
		for end := time.Now().Add(20 * time.Second); r.stream("stdout") == "" && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		child := strings.TrimSpace(r.stream("stdout"))
		if exec.Command("kill", "-0", child).Run() != nil {
			t.Fatalf("the child says %q", child)
		}
		end()
		if exec.Command("kill", "-0", child).Run() == nil {
			t.Errorf("the child outlives %s", name)
		}
	}
}

// A host that has ended leaves no open files and no pipes.
func TestAnEndedHostLeavesNothing(t *testing.T) {
	k := newKernel(t)
	count := func() (files, pipes int) {
		run(t, k, 1, "gonbui.DisplayHTML(\"shown\")")
		k.end()
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		left, _ := filepath.Glob(filepath.Join(k.options.Scratch, "pipe-*"))
		return len(open), len(left)
	}
	before, _ := count()
	for range 2 {
		if files, pipes := count(); files > before || pipes > 0 {
			t.Errorf("%d files are open, and before %d; %d pipes are left", files, before, pipes)
		}
	}
}

// A long account of a crash keeps its head, which says what has happened, and its tail. Other text
// that begins alike is passed on whole.
func TestCrash(t *testing.T) {
	lines := strings.Repeat("goroutine 1 [running]:\n", 20_000)
	for _, c := range []struct{ text, passed, head, tail string }{
		{"log\n", "log\n", "", ""},
		{"log\npanic: a\n\ngoroutine 1", "log\n", "panic: a\n", "\ngoroutine 1"},
		{"log\nfatal error: b\n" + lines + "end", "log\nfatal error: b\n" + lines + "end",
			"fatal error: b\ngo", ":\nend"},
		{"fatal error: b\n" + lines[:heldLength/2] + "end", "", "fatal error: b\ngo", "end"},
	} {
		var one crash
		var passed string
		for from := 0; from < len(c.text); from += 1000 {
			passed += one.add(c.text[from:min(from+1000, len(c.text))])
		}
		dump := one.dump()
		if passed != c.passed || !strings.HasPrefix(dump, c.head) || !strings.HasSuffix(dump, c.tail) ||
			len(dump) > 2*endLength+40 || (c.head == "") != (dump == "") {
			t.Errorf("of %.20q, %d bytes, it passes on %d, and keeps %d: %.20q", c.text, len(c.text), len(passed),
				len(dump), dump)
		}
	}
}

// The account of a stack overflow is held back from its first line on until the host has ended, and
// the text of a cell that begins alike is not.
func TestStackOverflow(t *testing.T) {
	const text = "runtime: goroutine stack exceeds 1000000000-byte limit\nruntime: sp=0x1 stack=[0x1, 0x2]\n" +
		"fatal error: stack overflow\n\nruntime stack:\nruntime.throw()\n\ncell/21.f(0x1)\n\tcell[25]:1 +0x32\n"
	var one crash
	if passed := one.add(text); passed != "" || !one.isDump() {
		t.Errorf("%q is passed on", passed)
	}
	e := hostEnded{state: "exit status 2", dump: one.dump()}
	if got := e.describe(); got.Text != "stack overflow (fatal)" || got.Cell != 25 || got.Line != 1 {
		t.Errorf("it is described as %+v", got)
	}
	one = crash{}
	if one.add("fatal error: of the cell's own\n"); one.isDump() {
		t.Error("a line of the cell's own is taken for a dump")
	}
	e.dump = "runtime: goroutine stack exceeds 1000000000-byte limit\n" // the rest is lost
	if got := e.describe(); !strings.Contains(got.Text, "stack exceeds") {
		t.Errorf("the beginning alone is described as %+v", got)
	}
}

// A sentence lists a few names.
func TestListed(t *testing.T) {
	if got := listed([]string{"a", "b"}); got != "a, b" {
		t.Error(got)
	}
	names := strings.Fields(strings.Repeat("x ", mostListed+3))
	if got := listed(names); !strings.HasSuffix(got, "x, x and 3 more") || len(got) > 4*mostListed {
		t.Error(got)
	}
}

// A reset that finds packages which do not compile forgets all names too.
func TestAFailedReset(t *testing.T) {
	k := newKernel(t)
	run(t, k, 1, "import m \"math\"\nx := m.Pi")
	module := k.options.Module
	k.options.Module = t.TempDir() // without a go.mod
	if lost, err := k.Reset(context.Background()); err == nil || strings.Join(lost, " ") != "x" {
		t.Errorf("lost: %v, %v", lost, err)
	}
	for _, code := range []string{"x", "m.Pi"} {
		if err := k.Run(2, code, &recorder{}); err == nil || !strings.Contains(err.Error(), "undefined: "+code[:1]) {
			t.Errorf("after a failed reset %s is: %v", code, err)
		}
	}
	if r := run(t, k, 3, "x := \"new\"\nx"); r.result["text/plain"] != "new" {
		t.Errorf("after a failed reset a cell shows %v", r.result)
	}
	k.options.Module = module
	if lost, err := k.Reset(context.Background()); err != nil || strings.Join(lost, " ") != "x" {
		t.Errorf("lost by the second reset: %v, %v", lost, err)
	}
}

// An interrupt during a compile or a link ends the cell before it runs, and its values are kept. A
// host that ends by itself after an interrupt has not gone on.
func TestInterruptsBesideTheRun(t *testing.T) {
	k := newKernel(t)
	run(t, k, 1, "kept := 3")
	folder, tools, path := t.TempDir(), k.tools.tools, os.Getenv("PATH")
	interrupt := func(number int, code string) error {
		done := make(chan error, 1)
		go func() { done <- k.Run(number, code, &recorder{}) }()
		waitFor(t, filepath.Join(folder, "begun"))
		k.Interrupt()
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Second):
			t.Fatalf("%q goes on", code)
			return nil
		}
	}
	script := "#!/bin/sh\ncase \"$*\" in *\" -linkshared \"*) exec " + tools + "/link \"$@\" ;; esac\n" +
		"echo begun > " + folder + "/begun\nexec sleep 60\n"
	err := errors.Join(os.WriteFile(filepath.Join(folder, "go"), []byte(script), 0o700),
		os.WriteFile(filepath.Join(folder, "link"), []byte(script), 0o700),
		os.Symlink(filepath.Join(tools, "compile"), filepath.Join(folder, "compile")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ code, tools, path string }{
		{"import \"net/smtp\"\nsmtp.PlainAuth", tools, folder + ":" + path}, // the package is compiled first
		{"ring.New(3).Len()", folder, path},                                 // which the host does not hold
	} {
		_ = os.Remove(filepath.Join(folder, "begun"))
		t.Setenv("PATH", c.path)
		k.tools.tools = c.tools
		var f *Failure
		if err := interrupt(2, c.code); !errors.As(err, &f) || f.Kind != wire.Interrupted || len(f.Lost) > 0 {
			t.Errorf("%q ends with %v", c.code, err)
		}
	}
	t.Setenv("PATH", path)
	k.tools.tools = tools
	if r := run(t, k, 3, "kept"); r.result["text/plain"] != "3" {
		t.Errorf("after the interrupts a value is %v", r.result)
	}
	_ = os.Remove(filepath.Join(folder, "begun"))
	err = interrupt(4, fmt.Sprintf("os.WriteFile(%q, nil, 0o600)\n<-ctx.Done()\nos.Exit(4)", folder+"/begun"))
	if text := fmt.Sprint(err); !strings.Contains(text, "exit status 4") || strings.Contains(text, "went on") {
		t.Errorf("a cell that calls os.Exit after an interrupt ends with %v", err)
	}
}

// waitFor waits until a file exists.
func waitFor(t *testing.T, file string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("there is no %s after 20 s", file)
		}
	}
}
