package live

import (
	"context"
	"strings"
	"testing"
	"time"
)

// names returns the matches at a cursor, which | marks.
func names(k *Kernel, code string) (all []string) {
	at := strings.Index(code, "|")
	matches, _ := k.Complete(strings.Replace(code, "|", "", 1), at)
	for _, m := range matches {
		all = append(all, m.Name)
	}
	return all
}

// inspected returns the text about the word at a cursor, which | marks.
func inspected(k *Kernel, code string) string {
	at := strings.Index(code, "|")
	i := k.Inspect(context.Background(), strings.Replace(code, "|", "", 1), at)
	if i == nil {
		return ""
	}
	return i.Text()
}

// completed are names in unfinished cells, with what completes them.
var completed = map[string]string{
	"g.Tar|": "Target", "fmt.Println(g.Target.Na|": "Name", "cou|": "counts", "dou|": "double",
	"eqflow.Generator{Se|": "Seed", "target.DW|": "DW4", "fmt.Sprintl|": "Sprintln",
}

// explained are words in unfinished cells, with parts of what is said about them.
var explained = map[string][]string{
	"x|":             {"var x particle.Batch", "10 configurations of 4 particles in 2 dimensions", "cell:   1"},
	"double(|":       {"func double(i int) int", "cell:   2"},
	"fmt.Println(n|": {"var n int", "value:  5", "cell:   1"},
	"fmt.Println(|":  {"func fmt.Println(a ...any) (n int, err error)", "Spaces are always added between operands"},
	"target.DW4|":    {"func target.DW4()", "double"},
	"counts|":        {"var counts map[int]int", "cell:   2"},
}

// askAll asks all questions. when says in which moment.
func askAll(t *testing.T, k *Kernel, when string) {
	t.Helper()
	const limit = 300 * time.Millisecond
	for code, want := range completed {
		began := time.Now()
		if got := strings.Join(names(k, code), " "); got != want {
			t.Errorf("%s %q completes to %q, want %q", when, code, got, want)
		}
		if took := time.Since(began); took > limit {
			t.Errorf("%s %q takes %s", when, code, took)
		}
	}
	for code, parts := range explained {
		began := time.Now()
		text := inspected(k, code)
		for _, want := range parts {
			if !strings.Contains(text, want) {
				t.Errorf("%s %q is explained by %q, want %q", when, code, text, want)
			}
		}
		if took := time.Since(began); took > limit {
			t.Errorf("%s %q takes %s", when, code, took)
		}
	}
}

// Questions about living names are answered at once, also while a cell runs that changes the values
// asked for.
func TestQuestionsWhileACellRuns(t *testing.T) {
	k := newKernel(t)
	run(t, k, 1, "g := eqflow.Generator{Target: target.DW4(), Seed: 3}\nx := particle.NewBatch(10, 4, 2)\nn := 5")
	run(t, k, 2, "counts := map[int]int{}\nfunc double(i int) int { return 2 * i }")
	askAll(t, k, "before,")
	if text := inspected(k, "counts|"); !strings.Contains(text, "map[]") {
		t.Errorf("without a running cell counts is explained by %q", text)
	}
	done := make(chan error, 1)
	r := &recorder{}
	go func() {
		done <- k.Run(3, "fmt.Println(\"begun\")\nfor ctx.Err() == nil {\n\tcounts[len(counts)%1000]++\n}", r)
	}()
	for end := time.Now().Add(time.Minute); r.stream("stdout") == "" && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	for range 20 {
		askAll(t, k, "while a cell runs,")
	}
	k.Interrupt()
	if err := <-done; err != nil {
		t.Errorf("the cell fails with %v", err)
	}
}

// The time of an answer, with a cell of usual length around the cursor.
func BenchmarkQuestions(b *testing.B) {
	k := newKernel(b)
	if err := k.Run(1, "g := eqflow.Generator{Target: target.DW4()}", &recorder{}); err != nil {
		b.Fatal(err)
	}
	code := strings.Repeat("for i, v := range []float64{1, 2} {\n\tfmt.Println(i, math.Sqrt(v))\n}\n", 20) + "g.Tar|"
	b.Run("complete", func(b *testing.B) {
		for b.Loop() {
			if len(names(k, code)) != 1 {
				b.Fatal("no completion")
			}
		}
	})
	b.Run("inspect", func(b *testing.B) {
		for b.Loop() {
			if k.Inspect(context.Background(), strings.Replace(code, "|", "get", 1), len(code)) == nil {
				b.Fatal("not found")
			}
		}
	})
}
