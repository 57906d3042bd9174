package serve

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// The compiler's errors about a cell that GoNB compiles say the cause, the cell and the line.
func TestProblemsOfGoNBsCells(t *testing.T) {
	k := serveLive(t)
	for i, c := range []struct{ code, want string }{
		{"import \"C\"\nx := 1\nfmt.Println(C.two(), x)", "cell 1, line 3: could not determine what C.two refers to"},
		{"import \"C\"\n\nfunc f() int { return \"a\" }\n%%\nf()",
			"cell 2, line 3: cannot use \"a\" (untyped string constant) as int value in return statement"},
	} {
		o := k.live(t, context.Background(), c.code)
		trace := fmt.Sprint(o.error["traceback"])
		line := strings.Split(c.code, "\n")[2]
		if o.error["ename"] != "CompileError" || o.error["evalue"] != c.want || !strings.Contains(trace, line) {
			t.Errorf("cell %d fails with %v, want %s", i+1, o.error, c.want)
		}
		if strings.Contains(strings.Join(o.kinds, " "), "display_data") {
			t.Errorf("cell %d shows %v", i+1, o.kinds)
		}
	}
	o := k.live(t, context.Background(), "import \"C\"\nvar n C.int = 3\nn++\nfmt.Println(n)") // a script
	if got := o.out.Stream("stdout"); got != "4\n" {
		t.Errorf("a script with C shows %q, %v", got, o.error)
	}
}
