//go:build faults && linux && amd64

package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/internal/lock"
)

// The fault suite runs the real program and lets its system calls fail, kills it, and takes disk,
// memory and files from it. After each fault the same command runs again, and must end in the state
// of a run without faults.

// The program's exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitInput       = 2
	exitInterrupted = 130
)

// binary is the program under test.
var binary string

// scenario is a command whose result is known.
type scenario struct {
	name    string
	prepare []string // command lines that make the first state of the folder
	line    string
	// result describes what the command promises: equal runs have equal results.
	result func(folder string) (string, error)
	first  string // the prepared folder
	want   string // result of a run without faults
	files  string // names of the files after a run without faults
}

const (
	training = "train --backend go --system dw4 --data d.npz --steps 8 --batch 2 --seed 3 --out m"
	sampling = "sample --backend go --model m -n 40 --seed 5 --out s.npz"
)

// scenarios lists the commands that write files.
func scenarios() []*scenario {
	data := "mcmc --system dw4 -n 40 --seed 1 --chains 8 --burn 20 --thin 2 --out d.npz"
	model := strings.Replace(training, "--steps 8", "--steps 2", 1)
	shard := func(k int) string {
		return fmt.Sprintf("%s --shard %d/2", strings.Replace(sampling, "s.npz", fmt.Sprint(k, ".npz"), 1), k)
	}
	return []*scenario{
		{name: "train", prepare: []string{data}, line: training, result: trained("m")},
		{name: "mcmc", line: data, result: content("d.npz")},
		{name: "sample", prepare: []string{data, model}, line: sampling, result: content("s.npz")},
		{name: "sample --force", prepare: []string{data, model, strings.Replace(sampling, "40", "30", 1)},
			line: sampling + " --force", result: content("s.npz")},
		{name: "sample --shard", prepare: []string{data, model}, line: shard(1), result: content("1.npz")},
		{name: "sample, .xyz", prepare: []string{data, model},
			line: strings.Replace(sampling, "s.npz", "s.xyz", 1), result: content("s.xyz")},
		{name: "eval", prepare: []string{data, model},
			line: "eval --backend go --model m --data d.npz --samples 20 --compare 10", result: judged("m")},
		{name: "eval --shard", prepare: []string{data, model},
			line:   "eval --backend go --model m --data d.npz --shard 0/2 --out e.npz",
			result: content("e.npz")},
		{name: "merge", prepare: []string{data, model, shard(0), shard(1)},
			line: "merge 0.npz 1.npz --out all.npz", result: content("all.npz")},
	}
}

// content is the bytes of a file.
func content(name string) func(folder string) (string, error) {
	return func(folder string) (string, error) {
		text, err := os.ReadFile(filepath.Join(folder, name))
		return string(text), err
	}
}

// trained is the parameters and the learning curve of a model. Times differ between runs.
func trained(name string) func(folder string) (string, error) {
	return func(folder string) (string, error) {
		model := filepath.Join(folder, name, "model.npz")
		arrays, err := dataset.ReadArrays(model)
		if err != nil {
			return "", err
		}
		parameters, err := dataset.EncodeArrays(slices.DeleteFunc(arrays, func(a dataset.Array) bool {
			return a.Name == "manifest"
		}))
		if err != nil {
			return "", err
		}
		text, err := os.ReadFile(filepath.Join(folder, name, "history.json"))
		if err != nil {
			return "", err
		}
		var history struct {
			Steps, Best int
			Records     []struct {
				Step int
				Loss float64
			}
		}
		err = json.Unmarshal(text, &history)
		return fmt.Sprint(history, string(parameters)), err
	}
}

// judged is the likelihood in the evaluation that is kept beside a model.
func judged(name string) func(folder string) (string, error) {
	return func(folder string) (string, error) {
		text, err := os.ReadFile(filepath.Join(folder, name, "evaluation.json"))
		if err != nil {
			return "", err
		}
		var report struct {
			NLL float64
			ESS float64
		}
		err = json.Unmarshal(text, &report)
		return fmt.Sprint(report), err
	}
}

// tally is what was tried of one kind of fault on one command, and how often something was lost.
type tally struct {
	command, fault string
	tried, lost    int
}

var tallies []tally

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "eqflow-faults-")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	binary = filepath.Join(folder, "eqflow")
	build := exec.Command("go", "build", "-o", binary, "..")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Println("the program cannot be built:", err)
		os.Exit(1)
	}
	code := m.Run()
	printTallies()
	os.RemoveAll(folder)
	os.Exit(code)
}

// printTallies prints the table of RELIABILITY.md: how often each fault was tried on each command,
// and how often something was lost.
func printTallies() {
	var commands, faults []string
	cells := map[string]map[string]tally{}
	for _, t := range tallies {
		if cells[t.fault] == nil {
			faults, cells[t.fault] = append(faults, t.fault), map[string]tally{}
		}
		if !slices.Contains(commands, t.command) {
			commands = append(commands, t.command)
		}
		sum := cells[t.fault][t.command]
		cells[t.fault][t.command] = tally{tried: sum.tried + t.tried, lost: sum.lost + t.lost}
	}
	fmt.Printf("\n| fault | %s |\n|---%s|\n", strings.Join(commands, " | "), strings.Repeat("|---", len(commands)))
	for _, fault := range faults {
		fmt.Printf("| %s", fault)
		for _, command := range commands {
			switch t := cells[fault][command]; {
			case t.tried == 0:
				fmt.Print(" | ")
			case t.lost > 0:
				fmt.Printf(" | **%d of %d lost**", t.lost, t.tried)
			default:
				fmt.Printf(" | %d", t.tried)
			}
		}
		fmt.Println(" |")
	}
}

// prepared makes the first state of a scenario and its result without faults, once.
func prepared(t *testing.T, s *scenario) *scenario {
	t.Helper()
	s.first = resolved(t)
	for _, line := range s.prepare {
		mustEnd(t, s.first, line)
	}
	folder := fresh(t, s)
	mustEnd(t, folder, s.line)
	var err error
	if s.want, err = s.result(folder); err != nil {
		t.Fatal(err)
	}
	s.files = names(t, folder)
	return s
}

// resolved is a temporary folder without symbolic links in its path, as /proc shows it.
func resolved(t *testing.T) string {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// fresh is a copy of the first state.
func fresh(t *testing.T, s *scenario) string {
	t.Helper()
	folder := resolved(t)
	if err := os.CopyFS(folder, os.DirFS(s.first)); err != nil {
		t.Fatal(err)
	}
	return folder
}

// mustEnd runs a command line to its end, without faults.
func mustEnd(t *testing.T, folder, line string) {
	t.Helper()
	if code, stderr := runs(t, folder, strings.Fields(line)...); code != exitDone {
		t.Fatalf("%s: exit code %d, %s", line, code, stderr)
	}
}

// runs runs the program.
func runs(t *testing.T, folder string, args ...string) (code int, stderr string) {
	t.Helper()
	cmd, output := program(t, folder, args...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), output()
}

// names lists the files of a folder. Locks are no part of a state: only processes hold them.
func names(t *testing.T, folder string) string {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != lock.FileName {
			found[strings.TrimPrefix(path, folder+"/")] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), " ")
}

// checkRecovery runs the command again after a fault, and reports what is wrong then: "" for
// nothing. code and stderr are those of the run with the fault; a code of −1 is a kill.
func checkRecovery(t *testing.T, s *scenario, folder string, code int, stderr string) string {
	t.Helper()
	if code == exitDone {
		if got, err := s.result(folder); err != nil || got != s.want {
			return fmt.Sprintf("ended with exit code 0 and another result (%v)", err)
		}
	}
	if strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "internal error") {
		return "crashed: " + stderr
	}
	if code > exitDone && code != exitInterrupted && !strings.Contains(stderr, "eqflow: ") {
		return fmt.Sprintf("ended with exit code %d and without a word", code)
	}
	again, said := runs(t, folder, strings.Fields(s.line)...)
	got, err := s.result(folder)
	switch exists := again == exitInput && strings.Contains(said, "exists"); {
	case again != exitDone && !exists:
		return fmt.Sprintf("run again, it ends with exit code %d: %s", again, said)
	case err != nil:
		return "run again, it leaves no result: " + err.Error()
	case got != s.want:
		return "run again, it has another result"
	}
	if files := names(t, folder); files != s.files {
		return fmt.Sprintf("run again, it leaves the files %s, not %s", files, s.files)
	}
	return ""
}

// unbroken reports whether an existing output is still whole: the old one or the new one. The
// scenario that replaces a file has it.
func unbroken(s *scenario, folder string) string {
	if s.name != "sample --force" {
		return ""
	}
	old, err := os.ReadFile(filepath.Join(s.first, "s.npz"))
	now, gone := os.ReadFile(filepath.Join(folder, "s.npz"))
	if err != nil || gone != nil || !bytes.Equal(now, old) && string(now) != s.want {
		return fmt.Sprintf("the file that was to be replaced is neither the old nor the new one (%v)", gone)
	}
	return ""
}
