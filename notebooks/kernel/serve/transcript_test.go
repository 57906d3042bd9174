package serve

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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

// seen collects what the next messages that answer a request show, until one of them holds a text.
// Displays stand in brackets.
func seen(out func() gonb.Message, request, until string) string {
	var all strings.Builder
	for !strings.Contains(all.String(), until) {
		p := out()
		if p.Parent.ID != request {
			continue
		}
		data, _ := p.Content["data"].(map[string]any)
		switch p.Header.Type {
		case "stream":
			all.WriteString(text(p.Content["text"]))
		case "error":
			all.WriteString("!" + text(p.Content["evalue"]) + "\n")
		case "display_data", "execute_result":
			fmt.Fprintf(&all, "%s[%v%v]\n", p.Header.Type, data["text/html"], data["text/plain"])
		}
	}
	return all.String()
}

// In the notebook itself the line does not wait for the running cell, and needs no subshell. It
// shows what is there, and then all that comes: text, new displays, and the error.
func TestOutputBesideTheRunningCell(t *testing.T) {
	k := serveLive(t)
	k.live(t, context.Background(), "1")
	out := k.subscribe(t)
	k.begin(t, "!echo shell\nfmt.Println(\"early\")\n<-ctx.Done()\ngonbui.UpdateHTML(\"curve\", \"new\")\n"+
		"fmt.Println(\"late\")\npanic(errors.New(\"no luck\"))")
	k.begin(t, "\"aborted\"")
	for !strings.Contains(text(out().Content["text"]), "early") {
	}
	began := time.Now()
	for range mostFollowers / 2 { // pages that were left again
		k.begin(t, "%eqflow output")
	}
	id, err := k.Send(k.Shell, "execute_request", map[string]any{"code": "%eqflow output 2"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := contextFor(t)
	defer stop()
	if m, err := k.Reply(ctx, id); err != nil || m.Content["status"] != "ok" || time.Since(began) > 5*time.Second {
		t.Fatalf("after %s: %v, %v", time.Since(began), m.Content, err)
	}
	cells, err := k.Send(k.Shell, "execute_request", map[string]any{"code": "%eqflow output --cells"})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { k.control(t, "interrupt_request", nil) })
	got := seen(out, id, "\x1b[31m")
	const want = "output of cell 2:\nshell\nearly\ndisplay_data[new<nil>]\nlate\n\x1b[31m"
	if !strings.HasPrefix(got, want) {
		t.Errorf("the line shows %q, want %q", got, want)
	}
	if m, err := k.Reply(ctx, cells); err != nil || m.Content["status"] != "ok" {
		t.Errorf("the list of cells: %v, %v", m.Content, err)
	}
	o := k.live(t, context.Background(), "%eqflow output --cells")
	got = fmt.Sprint(o.out.Outputs())
	if !strings.Contains(got, "cell 2 has ended: !echo shell") || strings.Contains(got, "aborted") {
		t.Errorf("the cells are %s", got)
	}
	o = k.live(t, context.Background(), "%eqflow output 1")
	if got := fmt.Sprint(o.out.Outputs()); !strings.Contains(got, "[text/plain:[1]]") {
		t.Errorf("the first cell has shown %v", got)
	}
}

// A page that shows a cell anew gets the cell's own messages, and the answer at the cell's end.
func TestAttachedOutput(t *testing.T) {
	k := serveLive(t)
	k.live(t, context.Background(), "1")
	out := k.subscribe(t)
	k.begin(t, "fmt.Println(\"early\")\n<-ctx.Done()\n\"result\"")
	for !strings.Contains(text(out().Content["text"]), "early") {
	}
	id, err := k.Send(k.Shell, "execute_request", map[string]any{
		"code": "%eqflow output --attach 2", "store_history": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	interrupted := make(chan bool, 1)
	time.AfterFunc(500*time.Millisecond, func() {
		interrupted <- true
		if _, err := k.Send(k.Control, "interrupt_request", nil); err != nil {
			t.Error(err)
		}
	})
	ctx, stop := contextFor(t)
	defer stop()
	if m, err := k.Reply(ctx, id); err != nil || m.Content["status"] != "ok" || len(interrupted) == 0 {
		t.Errorf("before the cell's end: %v, %v", m.Content, err)
	}
	if got, want := seen(out, id, "]"), "early\nexecute_result[<nil>result]\n"; got != want {
		t.Errorf("the page shows %q, want %q", got, want)
	}
}

// A page that shows a cell anew answers the questions of the cell: the one that waits, and the
// next.
func TestAttachedInput(t *testing.T) {
	k := serveLive(t)
	k.live(t, context.Background(), "var first, second string")
	out := k.subscribe(t)
	_, err := k.Send(k.Shell, "execute_request", map[string]any{
		"allow_stdin": true, "code": "fmt.Println(\"who?\")\nfmt.Scanln(&first)\nfmt.Scanln(&second)\nfirst + second",
	})
	if err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(text(out().Content["text"]), "who?") {
	}
	page, err := gonb.Connect(context.Background(), k.folder, k.key)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Channels.Close()
	answers := []string{"Ada", "Emmy"}
	page.Type = func(string) string {
		answer := answers[0]
		answers = answers[1:]
		return answer
	}
	ctx, stop := contextFor(t)
	defer stop()
	var result any
	_, err = page.Execute(ctx, "%eqflow output --attach 2", func(m gonb.Message) {
		if data, ok := m.Content["data"].(map[string]any); ok {
			result = data["text/plain"]
		}
	})
	if err != nil || result != "AdaEmmy" {
		t.Errorf("the cell shows %v, %v; %d answers are left", result, err, len(answers))
	}
}

// All messages of a kernel, also those of GoNB, name one session, which is not the front end's.
// JupyterLab drops displays between messages of different sessions.
func TestOneSession(t *testing.T) {
	k := serveLive(t)
	out := k.subscribe(t)
	k.begin(t, "%%script cat\nx")
	k.begin(t, "!echo of GoNB")
	k.begin(t, "fmt.Println(1)")
	sessions := map[string][]string{}
	for idle := 0; idle < 3; {
		m := out()
		sessions[m.Header.Session] = append(sessions[m.Header.Session], m.Header.Type)
		if m.Header.Session == m.Parent.Session {
			t.Errorf("a %s has the front end's session", m.Header.Type)
		}
		if m.Content["execution_state"] == "idle" {
			idle++
		}
	}
	if len(sessions) != 1 {
		t.Errorf("the sessions are %v", sessions)
	}
}

// A long transcript keeps its end, and few of many displays. Cleared output is forgotten.
func TestTranscriptIsBounded(t *testing.T) {
	out := newTranscript(&gonb.Message{})
	close(out.begun)
	all := transcripts{all: []*transcript{out}}
	stream := map[string]any{"name": "stdout", "text": strings.Repeat("a", 999) + "\n"}
	display := func(data any, id string) {
		content := map[string]any{"data": data, "transient": map[string]any{"display_id": id}}
		if !all.update(content) {
			out.note("update_display_data", content)
		}
	}
	for range 3000 {
		out.note("stream", stream)
	}
	display(1, "x")
	display(2, "x")
	kept := strings.Join(out.parts[0].texts, "")
	if len(kept) != longestOutput || !strings.HasSuffix(kept, "a\n") {
		t.Errorf("%d bytes are kept", len(kept))
	}
	if len(out.parts) != 2 || out.parts[1].content["data"] != 2 || out.parts[1].kind != "display_data" {
		t.Errorf("the parts are %v", out.parts[1:])
	}
	for i := range 3 * mostParts {
		display(i, fmt.Sprint(i))
		display(-i, fmt.Sprint(i))
	}
	if n := len(out.parts); n > mostParts || n < mostParts/2 || out.parts[n-1].content["data"] != -(3*mostParts-1) {
		t.Errorf("%d displays are kept", n)
	}
	out.note("clear_output", map[string]any{"wait": true})
	if len(out.parts) == 0 {
		t.Error("a clear that waits for the next output has not waited")
	}
	out.note("stream", stream)
	if len(out.parts) != 1 || out.length != 1000 || len(out.displays) != 0 {
		t.Errorf("after the clear there are %d parts of %d bytes", len(out.parts), out.length)
	}
	if out.note("clear_output", map[string]any{"wait": false}); len(out.parts) != 0 || out.length != 0 {
		t.Errorf("after a clear at once there are %d parts", len(out.parts))
	}
	long := map[string]any{"name": "stdout", "text": strings.Repeat("é", longestOutput) + "end"}
	out.note("stream", long)
	kept = strings.Join(out.parts[0].texts, "")
	if len(kept) > longestOutput || len(kept) < longestOutput-1 || !strings.HasSuffix(kept, "ééend") ||
		!utf8.ValidString(kept) || out.length != len(kept) {
		t.Errorf("of one long piece %d bytes are kept, counted as %d", len(kept), out.length)
	}
	large := map[string]any{"text/html": strings.Repeat("a", 1<<20)}
	for range 100 {
		out.note("display_data", map[string]any{"data": large})
	}
	if out.bytes > mostBytes || out.bytes != len(out.parts)<<20 || len(out.parts) < 2 {
		t.Errorf("%d displays of %d bytes are kept", len(out.parts), out.bytes)
	}
}

// A display has its latest content in the cell that showed it, whichever cell has changed it.
func TestUpdatesReachTheCellOfTheDisplay(t *testing.T) {
	k := serveLive(t)
	k.live(t, context.Background(), "gonbui.UpdateHTML(\"shown\", \"first\")")
	k.live(t, context.Background(), "gonbui.UpdateHTML(\"shown\", \"last\")\nfmt.Println(\"more\")")
	out := k.subscribe(t)
	for line, want := range map[string]string{
		"%eqflow output 1": "output of cell 1:\ndisplay_data[last<nil>]\n",
		"%eqflow output 2": "output of cell 2:\nmore\n",
	} {
		m := k.begin(t, line)
		if got := seen(out, m, strings.TrimSpace(want[strings.Index(want, ":")+2:])); got != want {
			t.Errorf("%s shows %q", line, got)
		}
	}
}

// A cell that asks for output and runs code besides sees the output of the cell before, never its
// own. A clear that waits for the next output is passed on.
func TestOutputInACellWithCode(t *testing.T) {
	k := serveLive(t)
	k.live(t, context.Background(), "fmt.Println(\"old\")\nclearOutput(true)")
	o := k.live(t, context.Background(), "%eqflow output\nx := 1\nx")
	if got := o.out.Stream("stdout"); got != "output of cell 1:\nold\n" || !slices.Contains(o.kinds, "clear_output") ||
		!slices.Contains(o.kinds, "execute_result") {
		t.Errorf("the cell shows %q, %v, %v", got, o.kinds, o.error)
	}
	o = k.live(t, context.Background(), "%eqflow output 3\nx")
	if !strings.Contains(text(o.error["evalue"]), "no output of such a cell") {
		t.Errorf("a cell shows itself: %v", o.error)
	}
}

// Of many cells the last ones are remembered, and the ones that still run.
func TestTranscriptsAreBounded(t *testing.T) {
	var s transcripts
	request := func(i int) *gonb.Message {
		return &gonb.Message{Header: gonb.Header{ID: fmt.Sprint(i)}, Content: map[string]any{"code": "x"}}
	}
	for i := range 3 * transcribed {
		s.begin(request(i))
		s.runs(fmt.Sprint(i), i+1)
		if i > 0 {
			s.end(fmt.Sprint(i))
		}
	}
	s.begin(request(-1))
	s.end("-1") // it never ran, but took a place
	if n := len(s.list()); n != transcribed-1 || s.numbered(0, "").number != 1 || s.numbered(3*transcribed, "") == nil {
		t.Errorf("%d are kept, and the running one is %d", n, s.numbered(0, "").number)
	}
	s.end("0")
	if got := s.numbered(0, "").number; got != 3*transcribed || s.numbered(2, "") != nil {
		t.Errorf("the latest one is %d", got)
	}
	for i := range 4 * transcribed { // all wait, as after "Run all"
		s.begin(request(1000 + i))
	}
	for i := range 4 * transcribed {
		s.runs(fmt.Sprint(1000+i), 1000+i)
		s.end(fmt.Sprint(1000 + i))
	}
	if s.begin(request(5000)); len(s.all) != transcribed {
		t.Errorf("after a run of all cells %d are kept", len(s.all))
	}
}
