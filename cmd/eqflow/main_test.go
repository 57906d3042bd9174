package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/xla"
)

// asProgram is the variable that makes the test binary behave as eqflow, for tests that need a
// process of their own.
const asProgram = "EQFLOW_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	switch program := os.Getenv(asProgram); {
	case program == "1", slices.Contains(os.Args, guardArgument): // the guard of a program is one too
		main()
	case program == "crash":
		crash()
	}
	os.Exit(m.Run())
}

// runCaptured runs a command line and returns its exit code and output.
func runCaptured(args ...string) (code int, stdout, stderr string) {
	var out, errOut bytes.Buffer
	code = run(args, &out, &errOut)
	return code, out.String(), errOut.String()
}

// checkRefused runs a command line, which must end with exit code 2, print nothing on stdout, and
// say want on stderr.
func checkRefused(t *testing.T, line, want string) (stderr string) {
	t.Helper()
	code, stdout, stderr := runCaptured(strings.Fields(line)...)
	if code != exitInput || stdout != "" || !strings.Contains(stderr, want) {
		t.Errorf("%q: code %d, stdout %q, stderr %q, want %q", line, code, stdout, stderr, want)
	}
	return stderr
}

// mustRun runs a command line, which must succeed.
func mustRun(t *testing.T, line string) (stdout, stderr string) {
	t.Helper()
	code, stdout, stderr := runCaptured(strings.Fields(line)...)
	if code != exitDone {
		t.Fatalf("%q: code %d, stderr %q", line, code, stderr)
	}
	return stdout, stderr
}

func TestWrongCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"nonsense":             `there is no command "nonsense"`,
		"xl":                   "did you mean eqflow xla?",
		"--nonsense":           "there is no flag --nonsense",
		"xla nonsense":         `there is no command "xla nonsense"`,
		"xla --json=maybe":     "give true or false",
		"xla install tpu":      "use cpu, cuda12 or cuda13",
		"xla install cpu cuda": "accepts at most 1 arg",
		"xla install --wheel":  "flag needs an argument",
		"sample --model m --out s.npz --devices 0 --backend go": "0 devices asked for; ask for at least 1",
		"sample --model m --out s.npz --devices 2 --backend go": "2 devices asked for, and this backend has 1",
		"xla install --nowhere":                                 "`eqflow xla install --help` shows how it is used",
	} {
		stderr := checkRefused(t, line, want)
		if !strings.HasPrefix(stderr, "eqflow: ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: stderr %q is not one line of eqflow's", line, stderr)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for line, want := range map[string]string{
		"":                   "Environment:",
		"--help":             "eqflow xla install",
		"--version":          "eqflow ",
		"xla --help":         "--json",
		"xla install --help": "--wheel",
		"help xla":           "Examples:",
	} {
		if stdout, stderr := mustRun(t, line); stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("%q: stdout %q, stderr %q", line, stdout, stderr)
		}
	}
	if _, stdout, _ := runCaptured("xla", "--help"); strings.Contains(stdout, "Environment:") {
		t.Error("the environment is explained once, in the help of the program")
	}
}

// Help fits 100 columns, but for the command lines of examples, which are to be copied.
func TestHelpFitsTheScreen(t *testing.T) {
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		stdout, _ := mustRun(t, strings.TrimPrefix(cmd.CommandPath(), "eqflow")+" --help")
		for line := range strings.Lines(stdout) {
			line = strings.TrimRight(line, "\n")
			if n := utf8.RuneCountInString(line); n > 100 && !strings.HasPrefix(line, "  eqflow ") {
				t.Errorf("%s: %d columns: %s", cmd.CommandPath(), n, line)
			}
		}
		for _, sub := range cmd.Commands() {
			if sub.Name() != "completion" && sub.Name() != "help" { // cobra's own
				check(sub)
			}
		}
	}
	check(newRootCommand(new(bool)))
}

func TestExitCodes(t *testing.T) {
	stopped := fmt.Errorf("stopped: %w", context.Canceled)
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, exitDone},
		{asInput(nil), exitDone},
		{errors.New("x"), exitFailed},
		{inputErrorf("x"), exitInput},
		{fmt.Errorf("context: %w", asInput(errors.New("x"))), exitInput},
		{fmt.Errorf("context: %w", &xla.SpecError{}), exitInput},
		{stopped, exitInterrupted},
		{asInput(stopped), exitInterrupted},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v gives %d, want %d", c.err, got, c.want)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine(errors.New("first\n\n  second\n")); got != "first; second" {
		t.Errorf("got %q", got)
	}
	if got := oneLine(errors.New(strings.Repeat("ä", 5000))); len([]rune(got)) > 2010 {
		t.Errorf("%d runes", len([]rune(got)))
	}
}

func TestPanicIsAnError(t *testing.T) {
	for _, value := range []any{errors.New("boom"), "boom"} {
		root := &cobra.Command{
			Use: "x", SilenceErrors: true, SilenceUsage: true,
			RunE: func(*cobra.Command, []string) error { panic(value) },
		}
		root.SetArgs(nil)
		if _, err := execute(t.Context(), root); err == nil || err.Error() != "internal error: boom" {
			t.Errorf("got %v", err)
		}
	}
}

func TestXLAListsBackends(t *testing.T) {
	t.Setenv(xla.EnvBackend, "go")
	code, stdout, stderr := runCaptured("xla", "--json")
	var got backends
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitDone || stderr != "" {
		t.Fatalf("code %d, %v, stderr %q", code, err, stderr)
	}
	if n := len(got.Candidates); n < 3 || !got.Candidates[n-1].Usable || got.Auto.Kind != xla.Go {
		t.Errorf("%+v", got)
	}
	if _, stdout, _ := runCaptured("xla"); !strings.HasPrefix(stdout, "BACKEND") || !strings.Contains(stdout, `backend "auto" is Go backend`) {
		t.Errorf("the table is %s", stdout)
	}
}

func TestOpenBackend(t *testing.T) {
	var spec string
	var stderr bytes.Buffer
	cmd := &cobra.Command{Use: "x", RunE: func(cmd *cobra.Command, _ []string) error {
		o, err := openBackend(cmd, spec, 1)
		if err == nil {
			o.Close()
		}
		return err
	}}
	addBackendFlag(cmd, &spec)
	cmd.SetErr(&stderr)
	cmd.SetArgs([]string{"--backend", "go"})
	if err := cmd.Execute(); err != nil || !strings.HasPrefix(stderr.String(), "eqflow: computing with Go backend: ") {
		t.Errorf("%v, %q", err, stderr.String())
	}
}

// The first interrupt stops an installation cleanly: exit code 130, one line, and nothing left
// behind.
func TestInterrupt(t *testing.T) {
	bin, cache := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\n[ \"$3\" = --version ] && exit 0\n" +
		"/bin/echo started > " + bin + "/started\nexec /bin/sleep 30\n"
	if err := os.WriteFile(filepath.Join(bin, "python3"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "xla", "install")
	command.Env = append(os.Environ(), asProgram+"=1", "XDG_CACHE_HOME="+cache, "PATH="+bin)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	for range 200 { // at most 10 s until the download runs
		if _, err := os.Stat(filepath.Join(bin, "started")); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := command.Wait()
	var exit *exec.ExitError
	stopped := errors.As(err, &exit) && exit.ExitCode() == exitInterrupted
	if !stopped || !strings.Contains(stderr.String(), "nothing is left of it") {
		t.Errorf("%v, stderr %q", err, stderr.String())
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "eqflow", "pjrt", "[.a-z]*[a-z0-9]")); len(left) != 1 {
		t.Errorf("files besides the lock: %v", left)
	}
}
