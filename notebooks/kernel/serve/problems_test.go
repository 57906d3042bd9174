package serve

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
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

// GoNB reads a cell's program without its blank lines. A problem has the line of the cell.
func TestLinesOfProblems(t *testing.T) {
	code := "import \"C\"\n\n\n\nx := 1\n\n\n\n\ny := undefinedThing\nif x > 0 {\n}\nif x > 1 {\n}\n"
	compiled := "import \"C\"\nfunc main() {\nx := 1\ny := undefinedThing\nif x > 0 {\n}\nif x > 1 {\n}\n}\n"
	for theirs, ours := range map[int]int{1: 1, 3: 5, 4: 10, 5: 11, 6: 12, 7: 13, 8: 14} {
		failure := compilerError(code, compiled, 2, []problem{{theirs, "is wrong"}})
		if want := fmt.Sprintf("cell 2, line %d: is wrong", ours); failure["evalue"] != want {
			t.Errorf("line %d of the program is %v, want %s", theirs, failure["evalue"], want)
		}
	}
}

// A cell that GoNB runs keeps its number while other cells are numbered beside it.
func TestNumberOfACellThatGoNBRuns(t *testing.T) {
	k := serveLive(t)
	out := k.subscribe(t)
	first := k.begin(t, "!sleep 2; false")
	time.Sleep(500 * time.Millisecond)
	k.begin(t, "%eqflow output")
	if got := seen(out, first, "!"); !strings.Contains(got, "!cell 1, line 1: exit status 1") {
		t.Errorf("the first cell fails with %q", got)
	}
}
