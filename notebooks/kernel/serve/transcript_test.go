package serve

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// Another client sees what a running cell has written, in a subshell, and what it writes from then
// on. Later the whole output is there again.
func TestOutputOfARunningCell(t *testing.T) {
	k := serveLive(t)
	k.live(t, context.Background(), "1")
	id := text(k.control(t, "create_subshell_request", nil)["subshell_id"])
	out := k.subscribe(t)
	k.begin(t, "gonbui.UpdateHTML(\"curve\", \"first\")\nfmt.Println(\"early\")\n<-ctx.Done()\nfmt.Println(\"late\")\n"+
		"gonbui.UpdateHTML(\"curve\", \"last\")")
	for !strings.Contains(text(out().Content["text"]), "early") {
	}
	m := k.in(t, id, "%eqflow output")
	if m.Content["status"] != "ok" {
		t.Fatalf("a subshell answers %v", m.Content)
	}
	time.AfterFunc(100*time.Millisecond, func() { k.control(t, "interrupt_request", nil) })
	var written strings.Builder
	shown := false
	for !strings.Contains(written.String(), "late") {
		p := out()
		if p.Parent.ID != m.Parent.ID {
			continue
		}
		written.WriteString(text(p.Content["text"]))
		transient, _ := p.Content["transient"].(map[string]any)
		shown = shown || p.Header.Type == "display_data" && transient["display_id"] == "curve"
	}
	if got := written.String(); got != "output of cell 2:\nearly\nlate\n" || !shown {
		t.Errorf("the subshell sees %q, the curve: %v", got, shown)
	}
	o := k.live(t, context.Background(), "%eqflow output 2")
	if got := o.out.Stream("stdout"); got != "output of cell 2:\nearly\nlate\n" {
		t.Errorf("later the output is %q", got)
	}
	o = k.live(t, context.Background(), "%eqflow output 9")
	if !strings.Contains(text(o.error["evalue"]), "no output") {
		t.Errorf("a cell that never ran: %v", o.error)
	}
}

// A long transcript keeps its end, and few of many displays.
func TestTranscriptIsBounded(t *testing.T) {
	out := &transcript{displays: map[string]int{}}
	line := strings.Repeat("a", 999) + "\n"
	for range 3000 {
		out.stream("stdout", line)
	}
	out.display(map[string]any{"data": 1}, "x")
	out.display(map[string]any{"data": 2}, "x")
	parts := out.follow(&gonb.Message{}, false)
	kept := text(parts[0].content["text"])
	if len(kept) > longestOutput || len(kept) < longestOutput-1000 || len(kept)%1000 != 0 {
		t.Errorf("%d bytes are kept", len(kept))
	}
	if len(parts) != 2 || parts[1].content["data"] != 2 {
		t.Errorf("%d parts", len(parts))
	}
	for i := range 3 * mostParts {
		out.display(map[string]any{"data": i}, fmt.Sprint(i))
		out.display(map[string]any{"data": -i}, fmt.Sprint(i))
	}
	parts = out.follow(nil, false)
	if n := len(parts); n > mostParts || n < mostParts/2 || parts[n-1].content["data"] != -(3*mostParts-1) {
		t.Errorf("%d displays are kept", n)
	}
}
