package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// recorder collects a cell's output.
type recorder struct {
	mu      sync.Mutex
	order   strings.Builder // of everything
	streams map[string]string
	shown   []map[string]any
	result  map[string]any
}

func (r *recorder) Stream(name, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streams == nil {
		r.streams = map[string]string{}
	}
	r.streams[name] += text
	r.order.WriteString(text)
}

func (r *recorder) Display(data map[string]any, _ string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown = append(r.shown, data)
	fmt.Fprintf(&r.order, "[%v]\n", data["text/html"])
}

func (r *recorder) Result(data map[string]any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result = data
	fmt.Fprintf(&r.order, "= %v\n", data["text/plain"])
}

func (r *recorder) Interact(any) {}

func (r *recorder) Clear(wait bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.order, "clear %t\n", wait)
}

func (r *recorder) stream(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streams[name]
}

func newKernel(t testing.TB) *Kernel {
	t.Helper()
	return kernelIn(t, func(root string) string { return root })
}

// kernelIn is newKernel with the module's folder that module returns for the clone's.
func kernelIn(t testing.TB, module func(root string) string) *Kernel {
	t.Helper()
	root, err := gonb.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := gonb.CacheFolder()
	if err != nil {
		t.Fatal(err)
	}
	k := New(context.Background(), Options{
		Module: module(root), Folder: t.TempDir(), Cache: cache, Scratch: t.TempDir(),
		Offered: []string{gonb.Module + "/eqflow", gonb.Module + "/eqflow/target", gonb.Module + "/eqflow/figure"},
	})
	t.Cleanup(k.Close)
	if err := k.Ready(context.Background()); errors.Is(err, errUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return k
}

// steps are cells that run one after the other in one kernel, with what each shows. out is
// everything on stdout, result is the last expression's text, and err is a part of the failure.
var steps = []struct{ code, out, result, err string }{
	{code: "x := 1\nx + 1", result: "2"},
	{code: "x", result: "1"},
	{code: "x = 5; fmt.Println(x)", out: "5\n"},
	{code: "x;"},
	{code: "func f() int { return 10 * x }\nf()", result: "50"},
	{code: "x := 7\nf()", result: "70"}, // functions see later values
	{code: "func f() int { return x }\nfunc g() int { return f() }\ng()", result: "7"},
	{code: "func f() int { return -x }"},
	{code: "g()", result: "-7"}, // and later functions
	{code: "x := fmt.Sprint(x, \"!\")\nx", result: "7!"},
	{code: "f()", result: "-7"}, // which keep the variable that they were compiled with
	{code: "type point struct{ x, y float64 }\nfunc (p point) norm() float64 { return math.Hypot(p.x, p.y) }\n" +
		"func (p *point) move(by float64) { p.x += by }"},
	{code: "p := point{x: 2, y: 4}\np.move(1)\np.norm()", result: "5"},
	{code: "ps := map[string][]point{\"a\": {p}}\nfmt.Printf(\"%T %+v\\n\", p, ps)",
		out: "main.point map[a:[{x:3 y:4}]]\n"},
	{code: "type stack[T any] struct{ all []T }\n" +
		"func (s *stack[T]) push(t T) *stack[T] { s.all = append(s.all, t); return s }\n" +
		"func first[T any](s *stack[T]) T { return s.all[0] }"},
	{code: "s := &stack[point]{}\ns.push(p).push(point{})\nfirst(s).norm()", result: "5"},
	{code: "add := func(n int) func() int { return func() int { n++; return n } }(3)"},
	{code: "add()\nadd()", result: "5"},
	{code: "var once = func() int { fmt.Println(\"once\"); return 3 }()", out: "once\n"},
	{code: "once", result: "3"},
	{code: "const big = 1 << 40\nvar e error\nbig", result: "1099511627776"},
	{code: "import \"strings\"\nfields := strings.Fields(\"a b\")\nlen(fields)", result: "2"},
	{code: "%%\ny := strings.ToUpper(fields[0])\nunused := 1\nfmt.Println(y)", out: "A\n"},
	{code: "y", err: "undefined: y"},
	{code: "%% one two\nfmt.Println(os.Args[1:])", out: "[one two]\n"},
	{code: "func main() { fmt.Println(\"main\", x) }", out: "main 7!\n"},
	{code: "func init() { fmt.Println(\"init\") }", out: "init\n"},
	{code: "z := 1\nz += energie(x)", err: "cell 28, line 2: undefined: energie"},
	{code: "z", err: "undefined: z"},
	{code: "func bad(i int) int { return []int{1}[i] }\nk := 9\nbad(k)", err: "index out of range [9]"},
	{code: "k", result: "9"}, // a panic keeps the values
	{code: "panic(fmt.Errorf(\"the file is gone\"))", err: "the file is gone"},
	{code: "os.Open(\"/nowhere\")", err: "open /nowhere: no such file"},
	{code: "strconv.Atoi(\"12\")", result: "12"},
	{code: "fmt.Fprintln(os.Stderr, \"aside\")\ndefer fmt.Println(\"last\")\nfmt.Print(\"ü\")", out: "ülast\n"},
	{code: "figure.NewTable(nil, []any{\"a\", 1.5})", result: "a  1.5\n"},
	{code: "target.DW4().Name()", result: "dw4"},
	{code: "type point int\nfunc h(p point) {}"},
	{code: "p.norm()", result: "5"}, // of the old type
	{code: "h(p)", err: "the type point was declared again"},
	{code: "ctx.Err() == nil", result: "true"},
	{code: "type mix struct {\n\ta int `json:\"b\"`\n\tB int\n}\nshown, _ := json.Marshal(mix{1, 2})\nstring(shown)",
		result: `{"B":2}`},
	{code: "var anonymous struct{ n int; Tags []string }"},
	{code: "anonymous = struct{ n int; Tags []string }{n: 3}\nanonymous.n", result: "3"},
	{code: "type number interface{ ~int | ~float64 }\n" +
		"func sum[T number](all ...T) (t T) {\n\tfor _, x := range all {\n\t\tt += x\n\t}\n\treturn\n}"},
	{code: "sum(1.5, 2)", result: "3.5"},
	{code: "type alias = stack[int]\ntype own mix\nown{B: 4}.B", result: "4"},
	{code: "i := 0\nagain:\nif i < 3 {\n\ti++\n\tgoto again\n}\ni", result: "3"},
	{code: "grid := [2][2]int{}\ngrid[1][0]++\nfor i = 0; i < 2; i++ {\n\tgrid[i][1] = i\n}\ngrid",
		result: "[[0 0] [1 1]]"},
	{code: "import . \"math\"\nSqrt(16)", result: "4"},
	{code: "Floor(2.5)", result: "2"},
	{code: "ring.New(3).Len()", result: "3"}, // which the host does not hold
	{code: "r := ring.New(2)\nr.Len()", result: "2"},
	{code: "r.Move(1).Len()", result: "2"},
	{code: "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"a file\") }", out: "a file\n"},
	{code: "strconv.Atoi", result: "func(string) (int, error)"},
	{code: "runtime.Goexit()", err: "runtime.Goexit ended the cell"},
	{code: "import \"no/such/package\"", err: "could not import no/such/package"},
}

// Values, functions and types of a cell are there in the next.
func TestCellsShareEverything(t *testing.T) {
	k := newKernel(t)
	for i, step := range steps {
		r := &recorder{}
		err := k.Run(i+1, step.code, r)
		switch {
		case step.err == "" && err != nil, step.err != "" && (err == nil || !strings.Contains(err.Error(), step.err)):
			t.Errorf("cell %d, %q fails with %v, want %q", i+1, step.code, err, step.err)
		case r.stream("stdout") != step.out:
			t.Errorf("cell %d, %q writes %q, want %q", i+1, step.code, r.stream("stdout"), step.out)
		case fmt.Sprint(r.result["text/plain"]) != step.result && (step.result != "" || r.result != nil):
			t.Errorf("cell %d, %q shows %v, want %q", i+1, step.code, r.result, step.result)
		}
	}
	all, err := k.Values(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Name == "ps" && (v.Type != "map[string][]main.point" || v.Cell != 14 || v.Summary != "map[a:[{3 4}]]") {
			t.Errorf("ps is described as %+v", v)
		}
	}
}

// The line of a failure is the line of the cell that holds it.
func TestAFailureNamesItsLine(t *testing.T) {
	k := newKernel(t)
	run(t, k, 1, "func bad(i int) int {\n\treturn []int{1}[i]\n}")
	err := k.Run(2, "x := 1\n\nbad(x)", &recorder{})
	var f *Failure
	if !errors.As(err, &f) || f.Cell != 1 || f.Line != 2 || f.Kind != "Panic" || len(f.Trace) != 2 ||
		!strings.Contains(f.Trace[1], "cell 2, line 3") {
		t.Errorf("the failure is %+v", f)
	}
}

// run runs a cell that must not fail.
// What a cell prints, logs, displays and results in appears in the order of its lines.
func TestOrderOfOutput(t *testing.T) {
	k := newKernel(t)
	cleared := run(t, k, 2, "fmt.Println(1)\nclearOutput(true)\nfmt.Println(2)\nclearOutput(false)\nfmt.Println(3)")
	if got := cleared.order.String(); got != "1\nclear true\n2\nclear false\n3\n" {
		t.Errorf("a cell that clears its output shows %q", got)
	}
	if r := run(t, k, 3, "clearOutput := 3\nclearOutput"); r.result["text/plain"] != "3" {
		t.Errorf("a cell's own clearOutput is %v", r.result)
	}
	r := run(t, k, 1, "log.SetFlags(0)\nfor i := range 200 {\n\tfmt.Println(i)\n\tgonbui.DisplayHTML(fmt.Sprint(i))\n"+
		"\tlog.Print(i)\n\tgonbui.DisplayHTML(strings.Repeat(\"x\", 1000*i))\n}\n7")
	var want strings.Builder
	for i := range 200 {
		fmt.Fprintf(&want, "%d\n[%d]\n%d\n[%s]\n", i, i, i, strings.Repeat("x", 1000*i))
	}
	want.WriteString("= 7\n")
	got := r.order.String()
	for n := range min(len(got), want.Len()) {
		if got[n] != want.String()[n] {
			t.Fatalf("after %d bytes there is %.40q, want %.40q", n, got[n:], want.String()[n:])
		}
	}
	if len(got) != want.Len() {
		t.Errorf("%d bytes, want %d", len(got), want.Len())
	}
}

func run(t *testing.T, k *Kernel, number int, code string) *recorder {
	t.Helper()
	r := &recorder{}
	if err := k.Run(number, code, r); err != nil {
		t.Fatalf("cell %d, %q: %v", number, code, err)
	}
	return r
}

// What ends the process loses the values, and says so. The next cell starts anew.
func TestAnEndedHostSaysWhatIsLost(t *testing.T) {
	k := newKernel(t)
	for _, c := range []struct{ code, kind, text string }{
		{"os.Exit(3)", "Error", "exit status 3"},
		{"go func() { panic(\"aside\") }()\nselect {}", "Panic", "aside"},
		{"m := map[int]int{}\nfor range 4 {\n\tgo func() {\n\t\tfor {\n\t\t\tm[1]++\n\t\t}\n\t}()\n}\nselect {}",
			"Panic", "concurrent map"},
		{"type long [9]int\n" +
			"func down(a, b long) int { return down(b, a) + a[0] }\n" +
			"for range 300 {\n\tgo func() { <-ctx.Done() }()\n}\n" + // so that the dump is long
			"debug.SetMaxStack(1 << 20)\ndown(long{}, long{})", "Panic", "stack overflow (fatal)"},
		{"fmt.Fprintln(os.Stderr, \"panic: no panic\")\nos.Exit(3)", "Error", "exit status 3"},
	} {
		run(t, k, 1, "kept := 1")
		r := &recorder{}
		err := k.Run(2, c.code, r)
		var f *Failure
		if !errors.As(err, &f) || f.Kind != c.kind || !strings.Contains(f.Text, c.text) ||
			!strings.Contains(strings.Join(f.Lost, " "), "kept") || (c.kind == "Panic") != (f.Dump != "") {
			t.Errorf("%q fails with %v: %+v", c.code, err, f)
		}
		if f != nil && strings.Contains(r.stream("stderr"), "[running]") {
			t.Errorf("%q writes the dump too: %q", c.code, r.stream("stderr"))
		}
		if f != nil && strings.Contains(c.text, "overflow") && len(f.Dump) < endLength {
			t.Errorf("the dump of %q has only %d bytes", c.code, len(f.Dump))
		}
		if strings.Contains(c.code, "no panic") && r.stream("stderr") != "panic: no panic\n" {
			t.Errorf("%q writes %q", c.code, r.stream("stderr"))
		}
		if err := k.Run(3, "kept", &recorder{}); err == nil || !strings.Contains(err.Error(), "undefined: kept") {
			t.Errorf("after %q the value is: %v", c.code, err)
		}
	}
}

// A host that a goroutine ends after its cell is missed by the next cell, which runs without its
// names.
func TestAHostThatEndsBetweenCells(t *testing.T) {
	k := newKernel(t)
	run(t, k, 1, "kept := 1\ngo func() {\n\ttime.Sleep(200 * time.Millisecond)\n\tpanic(\"late\")\n}()")
	<-k.process.gone
	r := run(t, k, 2, "1 + 1")
	if got := r.stream("stderr"); r.result["text/plain"] != "2" || !strings.Contains(got, "late") ||
		!strings.Contains(got, "cell 1, line 4") || !strings.Contains(got, "lost: kept") {
		t.Errorf("the next cell shows %v and writes %q", r.result, got)
	}
}

// What looks like a fatal error, and is none, is shown.
func TestWritingPanic(t *testing.T) {
	r := run(t, newKernel(t), 1, "fmt.Fprintln(os.Stderr, \"panic: no panic\")")
	if r.stream("stderr") != "panic: no panic\n" {
		t.Errorf("the cell writes %q", r.stream("stderr"))
	}
}

// An interrupt cancels ctx. A cell that does not look at ctx loses the values.
func TestInterrupt(t *testing.T) {
	k := newKernel(t)
	run(t, k, 1, "kept := 3")
	for _, c := range []struct{ code, text, lost string }{
		{"fmt.Println(\"begun\")\n<-ctx.Done()\npanic(ctx.Err())", "canceled", ""},
		{"fmt.Println(\"begun\")\nfor {\n}", "after the interrupt", "kept"},
	} {
		r := &recorder{}
		done := make(chan error, 1)
		go func() { done <- k.Run(2, c.code, r) }()
		for end := time.Now().Add(time.Minute); r.stream("stdout") == "" && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		k.Interrupt()
		var f *Failure
		if err := <-done; !errors.As(err, &f) || f.Kind != "Interrupted" || !strings.Contains(f.Text, c.text) ||
			strings.Join(f.Lost, " ") != c.lost {
			t.Errorf("%q ends with %v, %+v", c.code, err, f)
		}
	}
}

// Goroutines may outlive their cell, and their output reaches it.
func TestAGoroutineOutlivesItsCell(t *testing.T) {
	k := newKernel(t)
	r := run(t, k, 1, "go func() {\n\ttime.Sleep(time.Second / 2)\n\tfmt.Println(\"late\")\n}()")
	for end := time.Now().Add(time.Minute); r.stream("stdout") != "late\n"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the cell has %q", r.stream("stdout"))
		}
	}
}

// What a goroutine prints or logs goes to the cell that started it, also while another cell runs.
func TestALateOutputGoesToItsCell(t *testing.T) {
	k := newKernel(t)
	first := run(t, k, 1, "go1 := make(chan bool)\nsay := func(text string) { fmt.Println(text) }\n"+
		"func tell() { say(\"first\"); log.Print(\"logged\") }\ngo func() { <-go1; tell(); close(go1) }()")
	second := run(t, k, 2, "fmt.Print(\"before \")\ngo1 <- true\n<-go1\nsay(\"after\")")
	third := run(t, k, 3, "fmt.Println(\"third\")")
	for end := time.Now().Add(time.Minute); first.stream("stdout") == "" || first.stream("stderr") == ""; {
		if time.Sleep(10 * time.Millisecond); time.Now().After(end) {
			break
		}
	}
	if got := first.stream("stdout"); got != "first\n" {
		t.Errorf("the first cell has %q", got)
	}
	if got := first.stream("stderr"); !strings.HasSuffix(got, "logged\n") {
		t.Errorf("the first cell has the log %q", got)
	}
	if got := second.stream("stdout") + third.stream("stdout"); got != "before after\nthird\n" {
		t.Errorf("the others have %q", got)
	}
}

// Letters that two reads of a pipe cut apart are put together, and a mark ends a cell's text.
func TestSplitter(t *testing.T) {
	s := splitter{mark: []byte("\x1eend\x1e")}
	var texts []string
	for _, b := range []byte("aü€Ꞌb\x1eend\x1ec\x1eno") {
		texts = append(texts, s.add([]byte{b})...)
	}
	if got := strings.Join(texts, ""); got != "aü€bc\x1eno" {
		t.Errorf("the text is %q", got)
	}
	if got := s.add([]byte("d\x1eend\x1ee")); len(got) != 2 || got[0] != "d" || got[1] != "e" {
		t.Errorf("a mark cuts %q", got)
	}
}

// Reset forgets all names, and the next cell starts anew.
func TestReset(t *testing.T) {
	k := newKernel(t)
	run(t, k, 1, "import m \"math\"\nx, y := 1, m.Pi")
	lost, err := k.Reset(context.Background())
	if err != nil || strings.Join(lost, " ") != "x y" {
		t.Errorf("lost: %v, %v", lost, err)
	}
	if err := k.Run(2, "x", &recorder{}); err == nil || !strings.Contains(err.Error(), "undefined: x") {
		t.Errorf("after a reset x is: %v", err)
	}
	if r := run(t, k, 3, "x := \"new\"\nx"); r.result["text/plain"] != "new" {
		t.Errorf("after a reset a cell shows %v", r.result)
	}
}
