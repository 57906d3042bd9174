package cells

import (
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// exports lists the compiled packages that tests import.
var exports = sync.OnceValues(func() (map[string]string, error) {
	list := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}"}
	out, err := exec.Command("go", append(list, "fmt", "math", "strings", "sort", "time", "errors", "sync", "math/rand",
		"math/rand/v2", "os", valuesPath)...).Output()
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		files[path] = file
	}
	return files, err
})

type library struct{ types.Importer }

func (l library) Named(name string) []string {
	switch name {
	case "rand":
		return []string{"math/rand/v2", "math/rand"}
	case "fmt", "math", "strings", "sort", "time", "errors", "sync", "os":
		return []string{name}
	}
	return nil
}

func (l library) Others(string) []string { return nil }

func newState(t testing.TB) *State {
	t.Helper()
	files, err := exports()
	if err != nil {
		t.Fatal(err)
	}
	return NewState(library{importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(files[path])
	})})
}

// scripts are sequences of cells, with the living names after the last one as "name type", and the
// error of the last cell.
var scripts = []struct {
	name  string
	cells []string
	names string
	err   string
}{
	{"variables", []string{"x := 1\ny, z := 2.5, \"a\"\nvar e error"}, "e error, x int, y float64, z string", ""},
	{"several results", []string{"n, err := fmt.Println()", "m, err := fmt.Println()"}, "err error, m int, n int", ""},
	{"one := may keep a variable of the cell", []string{"a, err := fmt.Println()\nb, err := fmt.Println()"},
		"a int, b int, err error", ""},
	{"comma ok", []string{"m := map[string]int{}\nv, ok := m[\"a\"]"}, "m map[string]int, ok bool, v int", ""},
	{"a group", []string{"var (\n\ta, b = 1, \"x\"\n\tc    []float64\n)"}, "a int, b string, c []float64", ""},
	{"another type", []string{"x := 1", "x := \"text\""}, "x string", ""},
	{"a new value from the old one", []string{"x := 1", "x := float64(x) / 2"}, "x float64", ""},
	{"types and functions", []string{
		"type p struct{ x, y float64 }\nfunc (a p) norm() float64 { return math.Hypot(a.x, a.y) }\nconst k = 2",
		"q := p{x: 3, y: k}\nr := q.norm()\nf := p{1, 2}.norm",
	}, "f func() float64, k untyped int, p p, q p, r float64", ""},
	{"generics", []string{"func id[T any](t T) T { return t }", "a, b := id(1), id(\"s\")"},
		"a int, b string, id func[T any](t T) T", ""},
	{"nothing used", []string{"import \"os\"\nif x := 1; true {\n\tfor i, v := range []int{1} {\n\t}\n}"}, "", ""},
	{"a function before its variable", []string{"func f() int { return n }\nn := 2\nf()"}, "f func() int, n int", ""},
	{"a variable that its function uses", []string{"n := 0\nfunc inc() int { n++; return n }\nm := inc()"},
		"inc func() int, m int, n int", ""},
	{"a cell's own main", []string{"const c = 1\n%%\nx := c"}, "c untyped int", ""},
	{"func main", []string{"func main() { fmt.Println(1) }"}, "", ""},
	{"rand by what is used of it", []string{"a := rand.IntN(2)", "b := rand.Intn(2)"}, "a int, b int", ""},
	{"imports stay", []string{"import m \"math\"", "x := m.Pi"}, "x float64", ""},
	{"the context", []string{"done := ctx.Done()"}, "done <-chan struct{}", ""},
	{"a context of one's own", []string{"ctx := 3"}, "ctx int", ""},
	{"loops and labels", []string{"outer:\nfor i := 0; ; i++ {\n\tfor {\n\t\tbreak outer\n\t}\n}"}, "", ""},
	{"an unused type switch", []string{"var v any = 1\nswitch t := v.(type) {\ncase int:\n}"}, "v any", ""},
	{"statements in a line", []string{"a := 1; b := a; func f() {}; type t int"}, "a int, b int, f func(), t t", ""},

	{"undefined", []string{"x := 1\n\ny := energie(x)"}, "", "cell 1, line 3: undefined: energie"},
	{"a wrong type", []string{"x := 1", "x = \"a\""}, "",
		"cell 2, line 1: cannot use \"a\" (untyped string constant) as int value"},
	{"syntax", []string{"for {"}, "", "cell 1, line 1: the cell ends too early"},
	{"a brace too many", []string{"x := 1\n}"}, "", "cell 1, line 2"},
	{"nothing behind :=", []string{"x :="}, "", "cell 1, line 1: expected operand, found the end of the cell"},
	{"a brace alone", []string{"}"}, "", "cell 1, line 1: a closing brace without an opening one"},
	{"a strange letter", []string{"x := 1\ny := x ? 2"}, "", "cell 1, line 2: expected ';', found ?"},
	{"two mains", []string{"%%\nfmt.Println(1)\n%%\nfmt.Println(2)"}, "", "cell 1, line 3: a cell has one line %%"},
	{"a function in main", []string{"%%\nfunc f() {}"}, "", "line 2: a function with a name stands above the line %%"},
	{"no new variable", []string{"x := 1\nx := 2"}, "", "cell 1, line 2: no new variables on left side of :="},
	{"itself", []string{"x := x + 1"}, "", "cell 1, line 1: undefined: x"},
	{"a method elsewhere", []string{"type p int", "func (a p) f() {}"}, "", "p is a type of cell 1"},
	{"a type declared again", []string{
		"type p struct{ x int }\nq := p{1}", "type p struct{ x int }\nfunc f(p) {}", "f(q)",
	}, "",
		"the type p was declared again, and q is of the type that cell 1 knew"},
	{"a value that nobody uses", []string{"x := 1\nx\ny := 2"}, "", "x (variable of type int) is not used"},
	{"types of functions", []string{
		"r := rand.New(nil)\nw := strings.NewReplacer().Replace\nv := os.Stdout.SyscallConn",
	}, "r *rand.Rand, v func() (syscall.RawConn, error), w func(s string) string", ""},
	{"a conversion at the end", []string{"x := 1\nfloat64(x)"}, "x int", ""},
	{"a conversion at the end, not shown", []string{"x := 1\nlen([]int{x});"}, "x int", ""},
	{"C", []string{"import \"C\""}, "", "the cell cannot live: it imports C"},
}

func TestNames(t *testing.T) {
	for _, script := range scripts {
		t.Run(script.name, func(t *testing.T) {
			s := newState(t)
			var err error
			for i, code := range script.cells {
				if err != nil {
					t.Fatal(err)
				}
				var c *Cell
				if c, err = s.Compile(i+1, code); err == nil {
					s.Commit(c)
				}
			}
			if script.err != "" {
				if err == nil || !strings.Contains(err.Error(), script.err) {
					t.Errorf("the error is %v, want %q", err, script.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, n := range s.Names() {
				names = append(names, n.Name+" "+n.Type())
			}
			if got := strings.Join(names, ", "); got != script.names {
				t.Errorf("the names are %s, want %s", got, script.names)
			}
		})
	}
}

// A script that GoNB shall run becomes declarations and a main.
func TestForProgram(t *testing.T) {
	for code, want := range map[string]string{
		"// int two() { return 2; }\nimport \"C\"\nx := C.two()\nfmt.Println(x)\nfunc f() {}": "" +
			"// int two() { return 2; }\nimport \"C\"\nfunc f() {}\n%%\nx := C.two()\nfmt.Println(x)\n",
		"/*\nint i;\n*/\nimport \"C\"\nvar x = C.i\nx++": "/*\nint i;\n*/\nimport \"C\"\nvar x = C.i\n%%\nx++\n",
		"import \"C\"\n%%\nfmt.Println(1)":               "import \"C\"\n%%\nfmt.Println(1)",
		"import \"C\"\nfunc main() { f() }":              "import \"C\"\nfunc main() { f() }",
	} {
		if got := ForProgram(code); got != want {
			t.Errorf("%q becomes %q, want %q", code, got, want)
		}
	}
}

// A cell that fails declares nothing.
func TestAFailedCellDeclaresNothing(t *testing.T) {
	s := newState(t)
	if _, err := s.Compile(1, "x := 1\ny := nothing"); err == nil || len(s.Names()) != 0 {
		t.Errorf("%v, and %d names", err, len(s.Names()))
	}
}

// The written package names the lines of the cell.
func TestLinesAreKept(t *testing.T) {
	c, err := newState(t).Compile(7, "x := 1\n\nfunc f() int {\n\treturn x\n}\n%%\nf()")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"//line cell[7]:1\nꞋx = 1\n", "//line cell[7]:7\nꞋf()\n",
		"//line cell[7]:3\nfunc ꞋfꞋꞋ() int {\n\treturn Ꞌx\n}\n",
	} {
		if !strings.Contains(c.Source, want) {
			t.Errorf("the package does not hold %q:\n%s", want, c.Source)
		}
	}
}

func TestSplit(t *testing.T) {
	code := "import \"fmt\"; x := 1 // one\nfunc(y int) {}(x)\nfunc (p T) m() {}\nfunc f[T any]() {}\n" +
		"type T struct {\n\ta int\n}\nx;"
	want := []chunkKind{imports, statement, statement, function, function, declaration, statement}
	chunks := split(code)
	if len(chunks) != len(want) {
		t.Fatalf("%d chunks: %v", len(chunks), chunks)
	}
	for i, c := range chunks {
		if c.kind != want[i] {
			t.Errorf("%q is of kind %d, want %d", code[c.start:c.end], c.kind, want[i])
		}
	}
	if last := chunks[len(chunks)-1]; code[last.start:last.end] != "x" || !last.silent {
		t.Errorf("the last chunk is %q", code[last.start:last.end])
	}
}
