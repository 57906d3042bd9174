package serve

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Questions about code are answered by the living values, in letters as the protocol counts them,
// also while a cell runs.
func TestQuestionsOfALivingKernel(t *testing.T) {
	k := serveLive(t, testMagics()...)
	k.live(t, context.Background(), "größe := eqflow.Generator{Target: target.DW4()}")
	k.begin(t, "for ctx.Err() == nil {\n\ttime.Sleep(time.Millisecond)\n}")
	at := func(code string) map[string]any {
		before, after, _ := strings.Cut(code, "|")
		return map[string]any{"code": before + after, "cursor_pos": len([]rune(before)), "detail_level": 0}
	}
	for _, c := range []struct {
		code, match string
		start       float64
	}{
		{"%cd .\n/* ü */ größe.Tar|", "Target", 20},
		{"fmt.Println(gr|", "größe graph", 12},
		{"%eqflow va|", "vars", 8},
		{"%eqflow gr|", "greet", 8},
		{"!gr|", "", 3},
	} {
		began := time.Now()
		got := k.ask(t, "complete_request", at(c.code))
		want := fmt.Sprint(strings.Fields(c.match))
		if fmt.Sprint(got["matches"]) != want || got["cursor_start"] != c.start {
			t.Errorf("%q completes to %v from %v", c.code, got["matches"], got["cursor_start"])
		}
		if took := time.Since(began); took > 300*time.Millisecond {
			t.Errorf("%q takes %s", c.code, took)
		}
	}
	for code, want := range map[string]string{
		"größe|": "var größe eqflow.Generator", "largest := max(gröss, größe.Target.Name(|": "Name() string",
		"%eqflow vars|": "the living variables", "nothing|": "",
	} {
		got := k.ask(t, "inspect_request", at(code))
		data, _ := got["data"].(map[string]any)
		if shown := text(data["text/plain"]); !strings.Contains(shown, want) || got["found"] != (want != "") {
			t.Errorf("%q is explained by %v", code, got)
		}
	}
	info := k.ask(t, "kernel_info_request", map[string]any{})
	if info["implementation"] != "eqflow" {
		t.Errorf("the kernel is %v", info)
	}
	if _, err := k.Send(k.Control, "interrupt_request", map[string]any{}); err != nil {
		t.Fatal(err)
	}
}

// The part of a cell that is Go keeps its places.
func TestGoPart(t *testing.T) {
	own, at, inCode := goPart("!ls ü\nx := 1\n%cd .\ny", 9.)
	if own != "      \nx := 1\n     \ny" || at != 10 || !inCode {
		t.Errorf("%q, %d, %v", own, at, inCode)
	}
	if _, _, inCode := goPart("!ls ü\nx", 4.); inCode {
		t.Error("a shell line is taken for Go")
	}
	if _, at, _ := goPart("ü", 99.); at != 2 {
		t.Errorf("a cursor behind the cell is at %d", at)
	}
}
