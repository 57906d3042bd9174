package cells

import (
	"slices"
	"strings"
	"testing"
)

// session returns the state after cells that every question below follows.
func session(t testing.TB) *State {
	t.Helper()
	s := newState(t)
	for i, code := range []string{
		"type point struct{ X, y float64; Label string }\nfunc (p point) Norm() float64 { return p.X }\n" +
			"func (p *point) move(by float64) {}",
		"type named struct {\n\tpoint\n\tName string\n}",
		"p := point{}\nps := map[string][]*named{}\ncount := 3\nimport str \"strings\"",
		"func far(p point, by float64) (point, error) { return p, nil }",
	} {
		c, err := s.Compile(i+1, code)
		if err != nil {
			t.Fatal(err)
		}
		s.Commit(c)
	}
	return s.Snapshot(s.packages)
}

// The names that may stand at a cursor, which | marks.
func TestComplete(t *testing.T) {
	s := session(t)
	for _, c := range []struct{ code, want string }{
		{"p.|", "X y Label Norm move"},
		{"p.N|", "Norm"},
		{"p.No| + 1", "Norm"},
		{"ps[\"a\"][0].|", "point Name X y Label Norm move"},
		{"fmt.Println(1, p.N|", "Norm"},
		{"for _, q := range ps {\n\tq[0].Na|", "Name"},
		{"for _, q := range ps {\n\tif q[0].Na|\n}", "Name"},
		{"for i := 0; i < p.N|", "Norm"},
		{"switch x := p; {\ncase x.N|", "Norm"},
		{"func f(q *named) {\n\tg := func() { q.L|", "Label"},
		{"%%\nq := p\nq.L|", "Label"},
		{"q, err := far(p, 1)\nerr.|", "Error"},
		{"q, err := far(p, 1)\nq.La|", "Label"},
		{"strings.Rep|", "Repeat Replace ReplaceAll Replacer"},
		{"str.Rep|", "Repeat Replace ReplaceAll Replacer"},
		{"var b str.Buil|", "Builder"},
		{"x := strings.NewReader(\"\")\nx.Le|", "Len"},
		{"cou|", "count"},
		{"fmt.Println(cou|", "count"},
		{"local := 1\nfunc() {\n\tlocus := 2\n\tloc|", "locus local"},
		{"point{X: 1, L|", "Label"},
		{"fa|", "far false fallthrough"},
		{"// p.|", ""},
		{"\"p.|", ""},
		{"p.X.|", ""},
		{"1.|", ""},
		{"nothing.|", ""},
		{"(p).N|", "Norm"},
		{"far(p, 1)\nctx.Er|", "Err"},
		{"))) p.N|", ""},
	} {
		at := strings.Index(c.code, "|")
		matches, start := s.Complete(strings.Replace(c.code, "|", "", 1), at)
		var names []string
		for _, m := range matches {
			names = append(names, m.Name)
		}
		want := strings.Fields(c.want)
		slices.Sort(names)
		slices.Sort(want)
		if !slices.Equal(names, want) || start > at {
			t.Errorf("%q completes to %v from %d, want %v", c.code, names, start, want)
		}
	}
}

// What the word at a cursor means.
func TestInspect(t *testing.T) {
	s := session(t)
	for _, c := range []struct{ code, text, living string }{
		{"p|", "var p point", "p"},
		{"|count + 1", "var count int", "count"},
		{"far(p, |", "func far(p point, by float64) (point, error)", "far"},
		{"fmt.Println(far(|", "func far(p point, by float64) (point, error)", "far"},
		{"fmt.Println(|p)", "var p point", "p"},
		{"p.No|rm()", "func (point).Norm() float64", ""},
		{"ps[\"a\"][0].Label|", "field Label string", ""},
		{"fmt.Print|ln()", "func fmt.Println(a ...any) (n int, err error)", ""},
		{"fmt.Sprintf(\"%d\", |", "func fmt.Sprintf(format string, a ...any) string", ""},
		{"fm|t.Println()", "package fmt // import \"fmt\"", ""},
		{"poi|nt{}", "type point struct {\n    X float64\n    y float64\n    Label string\n}", "point"},
		{"new := 1.5\nne|w", "var new float64", ""},
		{"func f() {\n\tlocal := 1\n\tloc|al++\n}", "var local int", ""},
		{"nothing|", "", ""},
		{"1 + |", "", ""},
	} {
		at := strings.Index(c.code, "|")
		f := s.Inspect(strings.Replace(c.code, "|", "", 1), at)
		switch {
		case f == nil:
			if c.text != "" {
				t.Errorf("%q means nothing", c.code)
			}
		case f.Text() != c.text, (f.Name != nil) != (c.living != ""), f.Name != nil && f.Name.Name != c.living:
			t.Errorf("%q means %q, %v; want %q", c.code, f.Text(), f.Name, c.text)
		}
	}
}

// No cell is so broken that a question about it fails.
func FuzzComplete(f *testing.F) {
	for _, code := range []string{
		"p.", "for _, q := range ps {\n\tif q[0].Na", "switch x := p; {\ncase x.N", "%%\nq := p\nq.L",
		"x := []point{{X: 1, ", "func (p point", "type t struct{ a, ", "var a, b = f(", "a, := 1", "import (\"",
		"select {\ncase <-c", "goto x; x:",
		"func f[T any](t T) { t.", "p.Norm().(type).", "const (a = iota; b", "defer func() { recover", "\"%%", "/*",
	} {
		f.Add(code)
	}
	s := session(f)
	f.Fuzz(func(t *testing.T, code string) {
		at := len(code)
		if _, start := s.Complete(code, at); start < 0 || start > at {
			t.Errorf("%q: the word begins at %d", code, start)
		}
		s.Inspect(code, at/2)
	})
}
