package serve

import (
	"context"
	"fmt"
	"testing"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// Cells that ask for input and cells that show and update displays follow each other without the
// loss of a message.
func TestInputAndDisplaysAlternate(t *testing.T) { alternate(t, 16) }

// alternate runs that many cells, every second of which asks for two lines. The others update a
// display, ten times each.
func alternate(t *testing.T, cells int) {
	k := serveLive(t)
	asked := 0
	k.Type = func(string) string {
		asked++
		return fmt.Sprint("line", asked)
	}
	k.live(t, context.Background(), "var first, second string")
	goroutines := func() (n int) {
		o := k.live(t, context.Background(), "runtime.NumGoroutine()")
		_, _ = fmt.Sscan(text(o.result["text/plain"]), &n)
		return n
	}
	before := goroutines()
	for i := range cells {
		if i%2 == 0 {
			earlier := asked
			o := k.live(t, context.Background(), "fmt.Scanln(&first)\nfmt.Scanln(&second)\nfirst + second")
			want := fmt.Sprintf("line%dline%d", earlier+1, earlier+2)
			if asked != earlier+2 || o.result["text/plain"] != want {
				t.Fatalf("cell %d asked %d times and shows %v, %v", i, asked-earlier, o.result, o.error)
			}
			continue
		}
		code := fmt.Sprintf("for i := range 10 {\n\tgonbui.UpdateHTML(\"curve\", fmt.Sprint(\"%d.\", i))\n}", i)
		var shown []string
		_, err := k.Execute(context.Background(), code, func(m gonb.Message) {
			if data, ok := m.Content["data"].(map[string]any); ok {
				shown = append(shown, m.Header.Type+" "+text(data["text/html"]))
			}
		})
		if err != nil || len(shown) != 10 {
			t.Fatalf("cell %d shows %q, %v", i, shown, err)
		}
		for n, got := range shown {
			want := fmt.Sprintf("update_display_data %d.%d", i, n)
			if i == 1 && n == 0 {
				want = "display_data 1.0"
			}
			if got != want {
				t.Fatalf("display %d of cell %d is %q, want %q", n, i, got, want)
			}
		}
	}
	if after := goroutines(); before < 1 || after > before+2 {
		t.Errorf("the cells leave %d goroutines, and there were %d before", after, before)
	}
}
