package docker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	batch "k8s.io/api/batch/v1"
)

// The Slurm scripts and the Kubernetes Job give up after the exit code of wrong input, and after no
// other. The program's source has the code.
func TestCampaignsKnowTheExitCodes(t *testing.T) {
	code := numberIn(t, filepath.Join("..", "cmd", "eqflow", "exit.go"), `exitInput\s*=\s*(\d+)`)
	for _, script := range []string{"slurm.sh", "slurm-merge.sh"} {
		if got := numberIn(t, filepath.Join("campaign", script), `(?m)^wrong_input=(\d+)`); got != code {
			t.Errorf("%s: wrong input is %s, and eqflow ends with %s", script, got, code)
		}
	}
	if got := numberIn(t, filepath.Join("campaign", "slurm-submit.sh"), `(?m)^  exit (\d+)`); got != code {
		t.Errorf("slurm-submit.sh ends with %s after wrong input, and eqflow with %s", got, code)
	}
	for name, action := range map[string]batch.PodFailurePolicyAction{
		"kubernetes.yaml":       batch.PodFailurePolicyActionFailIndex,
		"kubernetes-merge.yaml": batch.PodFailurePolicyActionFailJob,
	} {
		job, c := readJob(t, name)
		rules := job.Spec.PodFailurePolicy.Rules
		last := rules[len(rules)-1]
		if last.Action != action || *last.OnExitCodes.ContainerName != c.Name ||
			fmt.Sprint(last.OnExitCodes.Values) != "["+code+"]" {
			t.Errorf("%s: %s after %v, and wrong input is %s", name, last.Action, last.OnExitCodes, code)
		}
	}
	job, _ := readJob(t, "kubernetes.yaml")
	tries := numberIn(t, filepath.Join("campaign", "slurm.sh"), `(?m)^retries=(\d+)`)
	if fmt.Sprint(*job.Spec.BackoffLimitPerIndex) != tries {
		t.Errorf("Slurm tries %s times again, Kubernetes %d times", tries, *job.Spec.BackoffLimitPerIndex)
	}
}

// numberIn is the number that a pattern finds in a file.
func numberIn(t *testing.T, path, pattern string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s has no %s", path, pattern)
	}
	return string(found[1])
}

// Stand-ins for Slurm's commands answer as clusters do that the test behind the tag slurm does not
// have: one without a default partition, and one that demands an account.
func TestSubmitExplains(t *testing.T) {
	for _, trial := range []struct{ what, config, partitions, refusal, want string }{
		{"no default partition", "MaxArraySize = 1001", "cpu\ngpu", "",
			"this cluster has no default partition; give --partition, one of: cpu gpu"},
		{"an account", "MaxArraySize = 1001", "cpu*\ngpu",
			"sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
			"account/partition combination specified; give --account; yours: sacctmgr show associations user="},
		{"a quality of service", "MaxArraySize = 1001", "cpu*\ngpu",
			"sbatch: error: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
			"give --qos, --time or fewer SHARDS"},
		{"a short array", "MaxArraySize = 8", "cpu*\ngpu", "",
			"at most 8 tasks (MaxArraySize); give SHARDS=8 or fewer"},
	} {
		folder := standIns(t, trial.config, trial.partitions, trial.refusal)
		path, err := filepath.Abs(filepath.Join("campaign", "slurm-submit.sh"))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), path)
		cmd.Dir, cmd.Env = folder, []string{"PATH=" + folder + ":" + os.Getenv("PATH")} // as cron has it
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), trial.want) {
			t.Errorf("%s: %v: %s, want %q", trial.what, err, out, trial.want)
		}
	}
}

// standIns makes a folder with a model, eqflow, and Slurm's commands: of a cluster with the given
// configuration and partitions, which refuses every job.
func standIns(t *testing.T, config, partitions, refusal string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	names := strings.ReplaceAll(partitions, "*", "")
	for name, text := range map[string]string{
		"eqflow":          "#!/bin/sh\n",
		"model/model.npz": "",
		"scontrol":        "#!/bin/sh\necho '" + config + "'\n",
		"sbatch":          "#!/bin/sh\necho \"" + refusal + "\" >&2\nexit 1\n",
		"sinfo": "#!/bin/sh\ncase $* in *%P*) echo '" + partitions + "' ;; *%R*) echo '" + names + "' ;;\n" +
			"*) echo infinite ;; esac\n",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}
