package serve

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/xla"
)

// BenchmarkCells measures the time from a cell's request until the kernel is idle again, with
// compiling and linking, and with warm caches. Each cell has a number of its own, so that it is
// new.
//
//	go test -run ^$ -bench Cells -benchtime 10x ./notebooks/kernel/serve
func BenchmarkCells(b *testing.B) {
	opened, err := xla.Open(xla.CPU)
	if err != nil {
		b.Skip(err)
	}
	opened.Close()
	out := b.TempDir()
	saveModel(b, filepath.Join(out, "session", "bench", "models", "eqBG"), flow.Continuous{})
	b.Setenv("EQFLOW_OUT", out)
	b.Setenv(xla.EnvBackend, xla.CPU)
	draw := `fmt.Println(resident.Open("eqBG").Sample(1000, %d).LogQ[0])`
	k := serve(b, "")
	for _, cell := range []struct{ name, code string }{
		{"trivial", `fmt.Println(%d)`},
		{"draw 1000 with XLA", `fmt.Println(session.Open("bench").Sample("eqBG", 1000, %d).LogQ[0])`},
		{"resident: draw 1000", draw},
		{"resident: score 1000", `m := resident.Open("eqBG"); fmt.Println(m.LogProb(m.Sample(1000, %d).X, 0)[0])`},
		{"resident: draw 1000 and show", `figure.MustShow(resident.Open("eqBG").Sample(1000, %d))`},
	} {
		b.Run(cell.name, func(b *testing.B) {
			benchCell(b, k, "%%\n"+cell.code, 0)
			measure(b, func(number int) { benchCell(b, k, "%%\n"+cell.code, number) })
		})
	}
	b.Run("first number after a start", func(b *testing.B) {
		measure(b, func(number int) { benchCell(b, serve(b, ""), "%%\n"+draw, number) })
	})
	benchmarkLiving(b, filepath.Join(out, "session", "bench", "models", "eqBG"))
}

// benchmarkLiving measures cells whose values live on. model is the folder of a model.
func benchmarkLiving(b *testing.B, model string) {
	const drawn = "s, err := m.Sample(1000, %d)\nfmt.Println(s.LogQ[0])"
	load := fmt.Sprintf("opened, err := xla.Open(xla.CPU)\nm, _, err := eqflow.Load(opened.Backend, %q)", model)
	k := serveLive(b)
	benchCell(b, k, load+"\nerr // %d", 0)
	for _, cell := range []struct{ name, code string }{
		{"living: trivial", "fmt.Println(%d)"},
		{"living: draw 1000", drawn},
		{"living: draw 1000 and show", "drawn, err := m.Sample(1000, %d)\nfigure.MustShow(drawn)"},
	} {
		b.Run(cell.name, func(b *testing.B) {
			benchCell(b, k, cell.code, 0)
			measure(b, func(number int) { benchCell(b, k, cell.code, number) })
		})
	}
	b.Run("living: first number after a start", func(b *testing.B) {
		measure(b, func(number int) { benchCell(b, serveLive(b), load+"\n"+drawn, number) })
	})
}

// BenchmarkAnswers measures the time from a request to its answer while a cell keeps all cores
// busy.
//
//	go test -run ^$ -bench Answers -benchtime 20x ./notebooks/kernel/serve
func BenchmarkAnswers(b *testing.B) {
	k := serveLive(b)
	benchCell(b, k, "numbers := []float64{%d}", 0)
	shell, err := k.Send(k.Control, "create_subshell_request", nil)
	if err != nil {
		b.Fatal(err)
	}
	raw, err := k.Control.Recv()
	m, ok := k.key.Parse(raw.Frames)
	if err != nil || !ok || m.Parent.ID != shell {
		b.Fatal(err, m)
	}
	k.begin(b, "for range runtime.NumCPU() {\n\tgo func() {\n\t\tfor i := 0; ctx.Err() == nil; i++ {\n\t\t}\n"+
		"\t}()\n}\nfor i := 0; ctx.Err() == nil; i++ {\n\tfmt.Println(\"step\", i)\n"+
		"\ttime.Sleep(10 * time.Millisecond)\n}")
	time.Sleep(2 * time.Second)
	vars := map[string]any{"code": "%eqflow vars"}
	for _, c := range []struct {
		name, kind, subshell string
		content              map[string]any
	}{
		{"kernel_info", "kernel_info_request", "", map[string]any{}},
		{"completion", "complete_request", "", map[string]any{"code": "numb", "cursor_pos": 4}},
		{"completion after a dot", "complete_request", "", map[string]any{"code": "strings.", "cursor_pos": 8}},
		{"inspection", "inspect_request", "", map[string]any{"code": "numbers", "cursor_pos": 3, "detail_level": 0}},
		{"output", "execute_request", "", map[string]any{"code": "%eqflow output"}},
		{"vars in a subshell", "execute_request", text(m.Content["subshell_id"]), vars},
	} {
		b.Run(c.name, func(b *testing.B) {
			measure(b, func(int) { benchAnswer(b, k, c.kind, c.subshell, c.content) })
		})
	}
	if _, err := k.Send(k.Control, "interrupt_request", nil); err != nil {
		b.Fatal(err)
	}
}

// benchAnswer sends a request and waits for its answer, which must be good.
func benchAnswer(b *testing.B, k *served, kind, subshell string, content map[string]any) {
	b.Helper()
	header := gonb.NewHeader("a client", kind)
	header.Subshell = subshell
	raw, err := k.key.Frames(gonb.Message{Header: header, Content: content})
	if err == nil {
		err = k.Shell.SendMulti(raw)
	}
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := contextFor(b)
	defer stop()
	m, err := k.Reply(ctx, header.ID)
	if matches, listed := m.Content["matches"].([]any); err != nil || m.Content["status"] != "ok" ||
		m.Content["found"] == false || listed && len(matches) == 0 {
		b.Fatal(m.Content, err)
	}
}

// benchCell runs a cell, with a number in the place of %d. The cell must not fail.
func benchCell(b *testing.B, k *served, code string, number int) {
	b.Helper()
	if _, _, failure := k.cell(b, strings.ReplaceAll(code, "%d", strconv.Itoa(number))); failure != "" {
		b.Fatal(failure)
	}
}

// measure reports the fastest and the median run beside the mean, since the mean depends more on
// the machine than on the cell.
func measure(b *testing.B, run func(number int)) {
	var seconds []float64
	for b.Loop() {
		began := time.Now()
		run(len(seconds) + 1)
		seconds = append(seconds, time.Since(began).Seconds())
	}
	slices.Sort(seconds)
	b.ReportMetric(seconds[0], "s-fastest")
	b.ReportMetric(seconds[len(seconds)/2], "s-median")
}
