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
