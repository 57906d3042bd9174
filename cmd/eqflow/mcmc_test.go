package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
)

// runMcmc executes "eqflow mcmc" with these flags.
func runMcmc(ctx context.Context, args ...string) (stdout string, err error) {
	var out bytes.Buffer
	cmd := newMcmcCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&bytes.Buffer{})
	err = cmd.ExecuteContext(ctx)
	return out.String(), err
}

func TestMcmcWritesSamplesAndSummary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dw4.npz")
	args := []string{"--system", "dw4", "-n", "100", "--seed", "3", "--burn", "2000", "--out", path, "--json"}
	stdout, err := runMcmc(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	var s mcmcSummary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatal(err)
	}
	if s.N != 100 || !s.Complete || s.VirialExact != 6 || s.Spec.Constants["d0"] != 4 || len(s.LongPairShares) != 7 {
		t.Errorf("summary %+v", s)
	}
	if math.Abs(s.MeanEnergy.Value+22.54) > 5*s.MeanEnergy.Error || s.MeanEnergy.Error > 0.4 {
		t.Errorf("⟨u⟩ = %+v, want −22.54", s.MeanEnergy)
	}
	set, err := dataset.Read(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if set.Batch.Len() != 100 || set.Manifest.System != "dw4" || set.Manifest.Seed != 3 {
		t.Errorf("file of %d, manifest %+v", set.Batch.Len(), set.Manifest)
	}
	if u, ok := set.Arrays.Get("u"); !ok || u.Len() != 100 {
		t.Errorf("%d energies", u.Len())
	}
	_, err = runMcmc(t.Context(), args...)
	if exitCode(err) != exitInput || !strings.Contains(err.Error(), "--force") {
		t.Errorf("an existing file: %v", err)
	}
	if _, err := runMcmc(t.Context(), append(args, "--force")...); err != nil {
		t.Errorf("with --force: %v", err)
	}
	again, err := dataset.Read(path, 0, 0)
	if err != nil || again.Manifest.SHA256 != set.Manifest.SHA256 {
		t.Errorf("the same seed gives another file: %v", err)
	}
}

func TestMcmcConstants(t *testing.T) {
	dir := t.TempDir()
	settings := filepath.Join(dir, "five.json")
	if err := os.WriteFile(settings, []byte(`{"kind":"double-well","n":5,"d":2,"constants":{"kt":2}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "five.xyz")
	stdout, err := runMcmc(t.Context(), "--spec", settings, "--b", "-3", "-n", "20", "--burn", "100", "--out", out)
	if err != nil || !strings.Contains(stdout, "double-well-5x2") || !strings.Contains(stdout, "exact 8") {
		t.Errorf("%v\n%s", err, stdout)
	}
	set, err := dataset.Read(out, 0, 0)
	if spec := string(set.Manifest.Spec); err != nil || !strings.Contains(spec, `"b":-3`) || !strings.Contains(spec, `"kt":2`) {
		t.Errorf("spec %s, %v", spec, err)
	}
}

func TestMcmcWrongInput(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.npz")
	for line, want := range map[string]string{
		"--out " + out:                                 "--system NAME",
		"--system dw-4 --out " + out:                   `did you mean "dw4"`,
		"--system dw4 --rm 2 --out " + out:             "it has a, b, c, d0, kt",
		"--system dw4 --convention pairs --out " + out: "remove it",
		"--system dw4 --c -1 --out " + out:             "give c > 0",
		"--system dw4 --kt 0 --out " + out:             "kt > 0",
		"--system dw4 -n 0 --out " + out:               "at least 1",
		"--system dw4 -n 999999999999 --out " + out:    "ask for fewer",
		"--system dw4 --chains -2 --out " + out:        "not negative",
		"--system dw4 --sampler gibbs --out " + out:    "metropolis",
		"--system dw4 --out " + out + ".txt":           ".npz, .npy or .xyz",
		"--system dw4 --out " + out + "/a/b.npz":       "mkdir -p",
		"--spec nowhere.json --out " + out:             "check the path",
	} {
		_, err := runMcmc(t.Context(), strings.Fields(line)...)
		if exitCode(err) != exitInput || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, code %d; want %q", line, err, exitCode(err), want)
		}
	}
}

func TestMcmcStoppedKeepsNothingWhereNothingIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "x.npz")
	if _, err := runMcmc(ctx, "--system", "dw4", "--out", out); exitCode(err) != exitInterrupted {
		t.Errorf("stopped: %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a file without configurations was written")
	}
}
