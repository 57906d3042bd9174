package live

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/internal/lock"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/cells"
)

// usual are cells as users write them, which need nothing that the host does not hold.
var usual = []string{
	"x := map[string][]int{\"a\": {1}}\nfor k, v := range x {\n\tfmt.Println(k, v)\n}",
	"opened, err := xla.Open(xla.Auto)\nm, err := eqflow.New(opened.Backend, eqflow.Generator{Target: target.DW4()})",
	"s, err := m.Sample(100, 1)",
	"figure.MustShow(s, figure.NewTable(nil, []any{\"a\", 1.5}))",
	"slices.Sort(x[\"a\"])\nstrings.Repeat(\"a\", 3)",
	"ch := make(chan int, 1)\nselect {\ncase ch <- 1:\ndefault:\n}\nv, ok := <-ch",
	"type pair struct{ a, b float64 }\nfunc (p pair) sum() float64 { return p.a + p.b }\npair{1, 2}.sum()",
	"own := target.MustFromGraph(\"one\", 3, 2, func(x *graph.Node) *graph.Node {\n" +
		"\treturn graph.ReduceSum(graph.Square(x), -1)\n})",
	"history, err := m.Train(ctx, train.Data{}, train.Run{})",
}

// Usual cells are linked against the stub, in a fraction of the time of a whole plugin.
func TestUsualCellsAreLinkedSmall(t *testing.T) {
	k := newKernel(t)
	for i, code := range usual {
		c, err := k.state.Compile(i+1, code)
		if err != nil {
			t.Fatalf("%q: %v", code, err)
		}
		plugin, err := k.build(context.Background(), c)
		if err != nil {
			t.Fatalf("%q: %v", code, err)
		}
		k.state.Commit(c)
		before := map[string]string{}
		for path, archive := range k.archives {
			if path != c.Path {
				before[path] = archive
			}
		}
		again := filepath.Join(t.TempDir(), filepath.Base(plugin))
		err = k.tools.linkSmall(context.Background(), c.Path, k.archives[c.Path], again, before, k.symbols)
		if err != nil {
			t.Errorf("%q is not linked against the stub: %v", code, err)
		}
	}
}

// A host whose link fails is not kept, whatever the linker has written.
func TestAFailedLinkKeepsNoHost(t *testing.T) {
	tools, cache := t.TempDir(), t.TempDir()
	for name, script := range map[string]string{"compile": "exit 0", "link": "echo half > $2; echo no space; exit 1"} {
		if err := os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	program, err := (&toolchain{tools: tools}).linkHost(context.Background(), cache)
	if err == nil || !strings.Contains(err.Error(), "no space") || program != "" {
		t.Errorf("the host is %q, %v", program, err)
	}
	if found, _ := filepath.Glob(filepath.Join(cache, "*", "host")); len(found) > 0 {
		t.Errorf("a host that was not linked is kept: %s", found)
	}
}

// A compiler that is killed, as by a lack of memory, or that fails without a word, is no error of
// the cell.
func TestACompilerIsKilled(t *testing.T) {
	k := newKernel(t)
	tools := k.tools.tools
	for script, want := range map[string]string{
		"kill -9 $$": "signal: killed; is there enough memory?", "exit 7": "exit status 7",
		"echo 'cell[1]:1:1: half a wo'; kill -9 $$": "signal: killed",
	} {
		k.tools.tools = t.TempDir()
		err := os.WriteFile(filepath.Join(k.tools.tools, "compile"), []byte("#!/bin/sh\n"+script), 0o700)
		if err != nil {
			t.Fatal(err)
		}
		err = k.Run(1, "x := 1", &recorder{})
		var compile *cells.Error
		if err == nil || errors.As(err, &compile) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
	k.tools.tools = tools
	if r := run(t, k, 2, "x := 2\nx"); r.result["text/plain"] != "2" {
		t.Errorf("afterwards: %v", r.result)
	}
}

// A kernel waits while another one links the host, and an end of the wait is heard.
func TestTheHostIsLinkedOnce(t *testing.T) {
	tools, cache := t.TempDir(), t.TempDir()
	for name, script := range map[string]string{"compile": "exit 0", "link": "echo linked >> $2"} {
		if err := os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	kernel := &toolchain{tools: tools}
	program, err := kernel.linkHost(context.Background(), cache)
	if err != nil {
		t.Fatal(err)
	}
	held, err := lock.File(filepath.Join(filepath.Dir(program), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer stop()
	if _, err := kernel.linkHost(ctx, cache); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while the lock is held: %v", err)
	}
	time.AfterFunc(300*time.Millisecond, held.Release)
	again, err := kernel.linkHost(context.Background(), cache)
	text, _ := os.ReadFile(again)
	if err != nil || again != program || string(text) != "linked\n" {
		t.Errorf("the second kernel has %s, %q, %v", again, text, err)
	}
}
