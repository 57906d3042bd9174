package serve

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// A living cell that reads its standard input asks the front end, and meets the end of its input if
// the front end has no user.
func TestInputOfALivingCell(t *testing.T) {
	k := serveLive(t)
	const twice = "var name, more string\nfmt.Print(\"who? \")\nfmt.Scanln(&name)\nfmt.Scanln(&more)\nname + more"
	questions := 0
	k.Type = func(string) string {
		questions++
		return strings.Repeat("a", questions)
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	o := k.live(t, ctx, twice)
	if o.result["text/plain"] != "aaa" || o.out.Stream("stdout") != "who? " || questions != 2 {
		t.Errorf("%d questions; the cell shows %v, %v", questions, o.result, o.error)
	}
	o = k.live(t, ctx, "lines := bufio.NewScanner(os.Stdin)\nlines.Scan()\nlines.Scan()\nlines.Text()")
	if o.result["text/plain"] != "aaaa" {
		t.Errorf("the second line of a scanner is %v, %v", o.result, o.error)
	}
	if o := k.live(t, ctx, "lines.Scan()\nlines.Text()"); o.result["text/plain"] != "aaaaa" {
		t.Errorf("a scanner reads on in the next cell: %v, %v", o.result, o.error)
	}
	k.Type = func(string) string { return "\x04" } // as Jupyter's clients write the end of the input
	if o := k.live(t, ctx, "text, err := io.ReadAll(os.Stdin)\nlen(text)"); o.result["text/plain"] != "0" {
		t.Errorf("a user who ends the input: %v, %v", o.result, o.error)
	}
	k.Type = nil
	began := time.Now()
	if o := k.live(t, ctx, "fmt.Scanln(&name)"); o.error["evalue"] != "cell 5, line 1: EOF" {
		t.Errorf("without a user: %v, %v", o.result, o.error)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("without a user the cell takes %s", took)
	}
	t.Run("interrupt", func(t *testing.T) { testInterruptedInput(t, k) })
}

// The stop button ends a cell that waits for input.
func testInterruptedInput(t *testing.T, k *served) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	answered := make(chan bool)
	k.Type = func(string) string {
		stop()
		if _, err := k.Send(k.Control, "interrupt_request", map[string]any{}); err != nil {
			t.Error(err)
		}
		close(answered)
		return "too late"
	}
	failed := map[string]any{}
	_, _ = k.Execute(ctx, "fmt.Scanln(&name)", func(m gonb.Message) {
		if m.Header.Type == "error" {
			failed = m.Content
		}
	})
	<-answered
	if failed["ename"] != "Interrupted" {
		t.Errorf("an interrupted question fails with %v", failed)
	}
	k.Type = nil
	if o := k.live(t, context.Background(), "name"); o.error != nil {
		t.Errorf("after an interrupt: %v", o.error)
	}
}
