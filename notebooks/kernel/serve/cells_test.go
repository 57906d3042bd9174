package serve

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/xla"
)

// BenchmarkCells measures from a cell's request until the kernel is idle again, compiling and linking included, with warm
// caches: go test -run ^$ -bench Cells -benchtime 10x ./notebooks/kernel/serve. Each cell is a new one, with a number of its own.
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
	answer := func(b *testing.B, k *served, code string, number int) {
		b.Helper()
		if got, _, failure := k.cell(b, fmt.Sprintf("%%%%\n"+code, number)); got == "" && failure != "" {
			b.Fatal(failure)
		}
	}
	asked := `fmt.Println(resident.Open("eqBG").Sample(1000, %d).LogQ[0])`
	k := serve(b, "")
	for _, cell := range []struct{ what, code string }{
		{"trivial", `fmt.Println(%d)`},
		{"draw 1000 with XLA", `fmt.Println(session.Open("bench").Sample("eqBG", 1000, %d).LogQ[0])`},
		{"resident: draw 1000", asked},
		{"resident: score 1000", `m := resident.Open("eqBG"); fmt.Println(m.LogProb(m.Sample(1000, %d).X, 0)[0])`},
		{"resident: draw 1000 and show", `figure.MustShow(resident.Open("eqBG").Sample(1000, %d))`},
	} {
		b.Run(cell.what, func(b *testing.B) {
			answer(b, k, cell.code, 0)
			measure(b, func(number int) { answer(b, k, cell.code, number) })
		})
	}
	b.Run("first number after a start", func(b *testing.B) {
		measure(b, func(number int) { answer(b, serve(b, ""), asked, number) })
	})
}

// measure reports the fastest and the median beside the mean, which says more of the machine than of the cell.
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
