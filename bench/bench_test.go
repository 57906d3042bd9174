package bench

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/xla"
)

// The test binary is also eqflow's contender, like the program.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == ServeCommand {
		if err := Serve(context.Background(), os.Args[2], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func plan(t *testing.T, system, work, backend string, peers ...string) Plan {
	t.Helper()
	cases, err := Cases([]string{system}, []string{work}, []string{"kernel"})
	if err != nil {
		t.Fatal(err)
	}
	return Plan{Cases: cases, Peers: peers, Backend: backend, Seconds: 0.05, Rounds: 2}
}

// The results of eqflow and of the floor agree with the reference, and both are timed.
func TestContendersAgreeWithTheReference(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("the C floor is compiled by gcc, which is not in the PATH")
	}
	for _, work := range []string{"train", "likelihood", "sample"} {
		result, err := plan(t, "dw4:64", work, xla.Go, "floor").Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range result.Rows {
			t.Logf("%s: %s %.3g ms, error %.2g in %s", work, row.Contender, row.Fastest, row.Error, row.Where)
			right := row.Note == "" && row.Error > 0 && row.Error <= limit
			timed := row.Calls >= 2 && row.Fastest <= row.Median && row.Ratio > 0 && row.Floor > 0
			if !right || !timed {
				t.Errorf("%s: %+v", work, row)
			}
		}
	}
}

// A contender with wrong results, or none, is not timed, and its row has the reason.
func TestWrongContendersAreNotTimed(t *testing.T) {
	p := plan(t, "dw4:64", "likelihood", xla.Go)
	given, err := readReference("kernel", "dw4")
	if err != nil {
		t.Fatal(err)
	}
	script := func(text string) contender {
		command := func(ctx context.Context, _ request, _ problem) (*exec.Cmd, []byte, error) {
			return exec.CommandContext(ctx, "sh", "-c", text), nil, nil
		}
		return contender{name: "fake", can: func(Case) bool { return true }, command: command}
	}
	for text, want := range map[string]string{
		`echo '{"values":{"log_p":[1,2]}}'; cat`: "wrong: log_p",
		`echo no such module >&2; exit 1`:        "failed: no such module",
		`exit 0`:                                 "failed: it ended without an answer",
	} {
		e := p.enter(context.Background(), script(text), p.Cases[0], given, "")
		if e.process != nil || !strings.HasPrefix(e.row.Note, want) {
			t.Errorf("%s: note %q, want %q", text, e.row.Note, want)
		}
	}
}

// Every result is judged: the judge finds an error in any one of them.
func TestJudgeFindsAnErrorInAnyResult(t *testing.T) {
	for c, results := range map[Case]int{
		{Train, "kernel", "lj13", 64, 20}:     6,
		{Matching, "kernel", "lj55", 16, 20}:  6,
		{Sample, "kernel", "dw4", 1024, 20}:   2,
		{Likelihood, "kernel", "dw4", 64, 20}: 1,
		{Matching, "egnn", "lj13", 64, 20}:    43,
	} {
		p, err := readReference(c.Flow, c.System)
		if err != nil {
			t.Fatal(err)
		}
		got := p.wanted(c)
		if e, _ := p.judge(c, got); e != 0 || len(got) != results {
			t.Errorf("%s: error %g of the reference itself, %d results, want %d", c, e, len(got), results)
		}
		for name, values := range got {
			wrong := append([]float64(nil), values...)
			wrong[len(wrong)-1] += 2 * limit * norm(values)
			got[name] = wrong
			if e, where := p.judge(c, got); e <= limit || where != name {
				t.Errorf("%s: with an error in %s, the judge finds %g in %q", c, name, e, where)
			}
			got[name] = values
		}
	}
}

func norm(v []float64) float64 {
	square := 0.0
	for _, x := range v {
		square += x * x
	}
	return math.Sqrt(square)
}

func TestUnknownCasesAreRefused(t *testing.T) {
	all, err := Cases(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if p, err := readReference(c.Flow, c.System); err != nil || len(p.wanted(c)) == 0 {
			t.Errorf("%s has no reference: %v", c, err)
		}
	}
	for _, wrong := range []struct{ systems, works, flows []string }{
		{[]string{"dw5"}, nil, nil},
		{[]string{"dw4:100"}, nil, nil},
		{nil, []string{"training"}, nil},
		{nil, nil, []string{"mlp"}},
		{nil, []string{"train"}, []string{"egnn"}},
	} {
		if cases, err := Cases(wrong.systems, wrong.works, wrong.flows); err == nil {
			t.Errorf("%v gives the cases %v", wrong, cases)
		}
	}
}

// Results are written in every format, read back and joined.
func TestResultsAreWrittenAndRead(t *testing.T) {
	row := Row{
		Case: Case{Train, "kernel", "dw4", 256, 20}, Contender: ownName,
		Fastest: 10, Median: 11, Ratio: 1, Samples: 25600, Error: 1e-6,
	}
	peer := row
	peer.Contender, peer.Fastest, peer.Ratio = "JAX, tuned", 20, 2
	r := Result{Machine: thisMachine(), Rows: []Row{row, peer}}
	dir := t.TempDir()
	for _, name := range []string{"a.json", "a.md", "a.png"} {
		if err := r.Write(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	json := filepath.Join(dir, "a.json")
	got, err := Read([]string{json, json})
	if err != nil || len(got.Rows) != 4 || got.Rows[3] != peer {
		t.Errorf("read %+v: %v", got, err)
	}
	if text := got.Tables()[0].String(); !strings.Contains(text, "JAX, tuned") || !strings.Contains(text, "2.00") {
		t.Error(text)
	}
}
