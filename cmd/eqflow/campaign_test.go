package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/xla"
)

// The examples of docker/campaign are run as they stand, but for their folders and the number of
// samples.
const (
	slurmExample      = "../../docker/campaign/slurm.sh"
	kubernetesExample = "../../docker/campaign/kubernetes.yaml"
	exampleShards     = 16
)

// Slurm's tasks, of which some run twice, and the pods of a Job make the same samples.
func TestCampaignExamples(t *testing.T) {
	t.Setenv(xla.EnvBackend, xla.Go)
	work := t.TempDir()
	if err := os.Rename(smallModel(t), filepath.Join(work, "model")); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 3, 7} {
		runSlurmTask(t, work, i)
	}
	slurm := mergedSummary(t, filepath.Join(work, "campaign"))
	for i := range exampleShards {
		runPod(t, work, i)
	}
	kubernetes := mergedSummary(t, work)
	if kubernetes.LogZ != slurm.LogZ || kubernetes.N != 320 || kubernetes.Shards != exampleShards {
		t.Errorf("Kubernetes gives %+v, Slurm %+v", kubernetes, slurm)
	}
}

func runSlurmTask(t *testing.T, work string, task int) {
	t.Helper()
	script, err := filepath.Abs(slurmExample)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", script)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), asProgram+"=1",
		"EQFLOW="+os.Args[0], "SAMPLES=320", fmt.Sprint("SLURM_ARRAY_TASK_ID=", task))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("task %d: %v: %s", task, err, out)
	}
}

func runPod(t *testing.T, work string, index int) {
	t.Helper()
	text, err := os.ReadFile(kubernetesExample)
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	found := regexp.MustCompile(`(?m)^ *args: (\[.*\])$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("the Job has no args in one line")
	}
	if err := json.Unmarshal(found[1], &args); err != nil || args[0] != "eqflow" {
		t.Fatalf("args %s: %v", found[1], err)
	}
	change := strings.NewReplacer("$(SHARD)", fmt.Sprint(index), "/work", work, "1000000", "320")
	for k := range args {
		args[k] = change.Replace(args[k])
	}
	if code, _, stderr := runCaptured(args[1:]...); code != exitDone {
		t.Fatalf("pod %d: code %d, %s", index, code, stderr)
	}
}

func mergedSummary(t *testing.T, folder string) (s campaign.Summary) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "samples-*.npz"))
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runCaptured(append([]string{"merge", "--json"}, files...)...)
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitDone {
		t.Fatalf("code %d, %v, %s", code, err, stderr)
	}
	return s
}
