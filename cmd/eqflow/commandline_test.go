package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// Newcomers type these command lines, and are told what to type instead.
func TestWhatWasMeant(t *testing.T) {
	for line, want := range map[string]string{
		"trian":                              "did you mean eqflow train?",
		"trian --help":                       "did you mean eqflow train?",
		"help trian":                         "did you mean eqflow train?",
		"TYPO --help":                        "`eqflow --help` lists the commands",
		"TYPO --version":                     `there is no command "TYPO"`,
		"generate":                           "did you mean eqflow sample?",
		"version":                            "did you mean eqflow --version?",
		"xla instal --help":                  "did you mean eqflow xla install?",
		"kernel isntall":                     "did you mean eqflow kernel install?",
		"help kernel isntall":                "did you mean eqflow kernel install?",
		"mcmc --systm dw4":                   "did you mean --system?",
		"mcmc -system dw4":                   "did you mean --system?",
		"mcmc system dw4":                    "did you mean --system?",
		"mcmc --n 5":                         "did you mean -n?",
		"-n 5":                               "there is no flag -n (",
		"train --lr 1":                       "did you mean --learning-rate?",
		"train --learning_rate 1":            "did you mean --learning-rate?",
		"reproduce extra":                    "takes nothing else",
		"sample":                             "--model FOLDER and --out FILE are missing",
		"sample -n 1e4":                      "here 10000",
		"sample -n abc":                      "give a whole number",
		"sample --seed -1":                   "from 0 up",
		"mcmc -n 9999999999999999999":        "not as large",
		"mcmc --kt warm":                     "give a number",
		"lab --port 70000":                   "65535",
		"kernel uninstall --user --prefix x": "give one of them",
		"kernel install --prefix /nosuch":    "there is no folder /nosuch",
		"kernel status --prefix /nosuch":     "there is no folder /nosuch",
	} {
		if stderr := checkRefused(t, line, want); strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: stderr %q is not one line", line, stderr)
		}
	}
}

// A prefix that is no Python environment is refused before anything is made or built.
func TestPrefixThatIsNoEnvironment(t *testing.T) {
	prefix := t.TempDir()
	for _, command := range []string{"install", "status"} {
		checkRefused(t, "kernel "+command+" --prefix "+prefix, "is no Python environment")
	}
	if left, err := os.ReadDir(prefix); err != nil || len(left) > 0 {
		t.Errorf("made %v, %v", left, err)
	}
}

// Shells complete through a hidden command, which is not reported as a mistake.
func TestCompletion(t *testing.T) {
	if code, stdout, _ := runCaptured("__complete", "tr"); code != exitDone || !strings.HasPrefix(stdout, "train\t") {
		t.Errorf("code %d, %q", code, stdout)
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestResultThatCannotBePrinted(t *testing.T) {
	var stderr strings.Builder
	if code := run([]string{"xla", "--backend"}, full{}, &stderr); code != exitInput {
		t.Errorf("a wrong command line: code %d", code)
	}
	stderr.Reset()
	code := run([]string{"--version"}, full{}, &stderr)
	if code != exitFailed || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("code %d, stderr %q", code, stderr.String())
	}
}
