package serve

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// Kept values are there again in a new kernel: numbers, values of a cell's own type once that is
// declared, and models. What cannot be kept is told with the reason.
func TestKeep(t *testing.T) {
	t.Setenv("EQFLOW_OUT", t.TempDir())
	t.Setenv("EQFLOW_BACKEND", "go")
	const types = "type point struct{ x, y float64 }"
	k := serveLive(t)
	run := func(code, stdout, result, evalue string) {
		t.Helper()
		o := k.live(t, context.Background(), code)
		if got := o.out.Stream("stdout"); !strings.Contains(got, stdout) {
			t.Errorf("%q writes %q, want %q", code, got, stdout)
		}
		if got := fmt.Sprint(o.result["text/plain"]); got != result && (result != "" || o.result != nil) {
			t.Errorf("%q shows %q, want %q", code, got, result)
		}
		if got := text(o.error["evalue"]); !strings.Contains(got, evalue) || (got == "") != (evalue == "") {
			t.Errorf("%q fails with %q, want %q", code, got, evalue)
		}
	}
	run("%eqflow keep", "nothing is kept", "", "")
	run(types, "", "", "")
	run("p := map[string]point{\"a\": {1, 2}}\nn := []float64{1, 2.5}\nc := make(chan int)\nf := func() {}\n"+
		"x := particle.NewBatch(3, 4, 2)", "", "", "")
	run("opened, err := xla.Open(xla.Go)\ng := eqflow.Generator{Target: target.DW4()}\n"+
		"g.Flow = flow.Continuous{Field: dynamics.RadialBasis{}}\nm, err := eqflow.New(opened.Backend, g)\n"+
		"before, err := m.Sample(2, 1)", "", "", "")
	run("%eqflow keep p n x m before", "kept p, map[string]point", "", "")
	run("%eqflow keep n c f point nothing", "kept n, []float64", "",
		"c: it is a channel, which connects goroutines of this process; f: it is a function, and code is no data: "+
			"keep what the function is made of; point: it is a type, which stands in the notebook; "+
			"nothing: there is no")
	run("n = nil", "", "", "")
	run("%eqflow keep --restore n\nn", "restored n", "[1 2.5]", "")

	k = serveLive(t)
	run("%eqflow keep", "p       map[string]point", "", "")
	run("%eqflow keep --restore p", "", "", "p: it needs the type point, which a cell declares: run that cell first")
	run(types, "", "", "")
	run("%eqflow keep --restore\np[\"a\"].y + n[1]", "restored m, a model", "4.5", "")
	run("after, err := m.Sample(2, 1)\nfmt.Println(x.N, slices.Equal(after.X.X, before.X.X))", "4 true", "", "")
	run("%eqflow keep --drop p n", "", "", "")
	run("%eqflow keep --drop n", "", "", "n: it is not kept")
	run("%eqflow keep --forever", "", "", "it takes names, and one of")
}
