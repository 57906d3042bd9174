//go:build slurm

package docker

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// jobOf is the number of the job in the line of slurm-submit.sh that begins with a word.
func jobOf(t *testing.T, printed, word string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + word + `(\d+)`).FindStringSubmatch(printed)
	if found == nil {
		t.Fatalf("no %q in %s", word, printed)
	}
	return found[1]
}

// between is the text between two others, "" if they are not there.
func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, ok := strings.Cut(text, after)
	if !ok {
		return ""
	}
	return text
}

// field is the value of a field that scontrol shows of a job.
func (c *cluster) field(t *testing.T, job, name string) string {
	t.Helper()
	found := regexp.MustCompile(`\s` + name + `=(\S+)`).FindStringSubmatch(c.run(t, "scontrol", "show", "job", job))
	if found == nil {
		t.Fatalf("job %s has no %s", job, name)
	}
	return found[1]
}

// waitForEnd waits until a job has ended for good.
func (c *cluster) waitForEnd(t *testing.T, job string) {
	t.Helper()
	waitFor(t, 5*time.Minute, "the end of "+job, func() bool {
		switch c.field(t, job, "JobState") {
		case "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY":
			return true
		}
		return false
	})
}

// checkEnd checks the exit code of a job and how often it was queued again.
func (c *cluster) checkEnd(t *testing.T, job, code string, restarts int) {
	t.Helper()
	if got := c.field(t, job, "ExitCode"); got != code {
		t.Errorf("job %s: exit code %s, want %s", job, got, code)
	}
	if got := c.field(t, job, "Restarts"); got != fmt.Sprint(restarts) {
		t.Errorf("job %s: %s restarts, want %d", job, got, restarts)
	}
}

// log is the text of a job's log.
func (c *cluster) log(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.work, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkShards checks that shards and merged file have the bytes of undisturbed ones, that no two
// samples are alike, and that nothing else lies beside them.
func checkShards(t *testing.T, c *cluster) {
	t.Helper()
	names := []string{"samples.npz"} // beside the job's number
	for k := range slurmShards {
		names = append(names, fmt.Sprintf("samples-%d.npz", k))
	}
	for _, name := range names {
		got, want := c.log(t, "campaign/"+name), c.log(t, "undisturbed/"+name)
		if got != want {
			t.Errorf("%s differs from the undisturbed one", name)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(c.work, "campaign")); err != nil || len(entries) != len(names)+1 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
	rows := readRows(t, filepath.Join(c.work, "campaign", "samples.npz"), "x.npy", c.samples)
	seen := map[string]int{}
	for i, row := range rows {
		if k, there := seen[string(row)]; there {
			t.Fatalf("samples %d and %d are alike", k, i)
		}
		seen[string(row)] = i
	}
	t.Logf("%d samples, no two alike", len(seen))
}

// readRows returns the bytes of each row of an array in an .npz.
func readRows(t *testing.T, path, member string, rows int) (out [][]byte) {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open(member)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	header, numbers, ok := bytes.Cut(text, []byte("\n"))
	if !ok || !bytes.Contains(header, fmt.Appendf(nil, "(%d, 4, 2)", rows)) || len(numbers)%rows != 0 {
		t.Fatalf("%s has the header %q and %d bytes", member, header, len(numbers))
	}
	width := len(numbers) / rows
	for i := range rows {
		out = append(out, numbers[i*width:(i+1)*width])
	}
	return out
}

// checkRefusals submits campaigns that this cluster refuses, or holds. slurm-submit.sh says so.
func checkRefusals(t *testing.T, c *cluster, program string) {
	t.Helper()
	for option, want := range map[string]string{
		"--time=2:00:00":    "the partition short allows 30:00; give --time=30:00 or less",
		"--time=0-00:31":    "allows 30:00; give --time=30:00 or less",
		"-t31":              "allows 30:00; give --time=30:00 or less",
		"--mem=100G":        "give a smaller --mem (4G by default)",
		"--cpus-per-task=9": "or --cpus-per-task (4), or --partition; partitions: closed: 5 processors",
		"--partition=nix":   "no partition nix; give --partition, one of: closed short urgent",
		"SHARDS=65":         "at most 64 tasks (MaxArraySize); give SHARDS=64 or fewer",
		"SHARDS=0":          "SHARDS=0: give a number",
		"SAMPLES=7":         "SAMPLES=7 leave some of SHARDS=8 empty",
		"SEED=-1":           "SEED=-1: give a whole number",
		"MODEL=nowhere":     "there is no model in nowhere",
		"EQFLOW=nope":       "there is no program nope in PATH",
		"OUT=/proc/here":    "nothing can be written to the folder /proc/here",
		"SHARD=8":           "SHARD=8 is no setting",
		"OUT=campaign":      "still draw shards into",
		"--array=3":         "the tasks are those whose shards are missing",
	} {
		args := append(c.settings(program), "OUT=refused", option)
		out, err := c.command(submitScript(t), args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v: %s, want %q", option, err, out, want)
		}
	}
	printed := c.run(t, submitScript(t), append(c.settings(program), "OUT=held", "--partition=closed")...)
	array, merge := jobOf(t, printed, "tasks "), jobOf(t, printed, "merge ")
	if want := "Slurm holds the tasks: PartitionDown; see sinfo, and give another --partition. scancel " +
		array + " " + merge + " removes them"; !strings.Contains(printed, want) {
		t.Errorf("a campaign in a closed partition: %s, want %q", printed, want)
	}
	c.run(t, "scancel", array, merge)
}

// checkSingleTasks runs single tasks as users meet them on a cluster. Wrong input ends a task with
// the code of wrong input, without another try.
func checkSingleTasks(t *testing.T, c *cluster, program string) {
	t.Helper()
	settings := func(more ...string) []string {
		return append(more, "EQFLOW="+program, "SHARDS=8", fmt.Sprint("SAMPLES=", c.samples), "BACKEND=go")
	}
	trials := []struct {
		what, says, code string
		settings         []string
		job              string
	}{
		{what: "another seed", says: "of seed 7, not 8", code: "2:0", settings: settings("SEED=8")},
		{what: "a shard that exists", says: "is kept", code: "0:0", settings: settings("SEED=7")},
		{what: "no program", says: "there is no program nope here", code: "2:0", settings: []string{"EQFLOW=nope"}},
		{what: "no model", says: "there is no model nowhere here", code: "2:0", settings: settings("MODEL=nowhere")},
		{what: "a folder of another machine", says: "is on login, and not here; choose one that all nodes share",
			code: "2:0", settings: settings("OUT=/nowhere/campaign", "SUBMITTED_ON=login")},
		{what: "no such setting", says: "SHARD=8 is no setting", code: "2:0", settings: []string{"SHARD=8"}},
		{what: "settings that --export=NONE hides", says: "give them as arguments", code: "2:0"},
		{what: "a home that is not there", says: "samples  2 of dw4", code: "0:0",
			settings: []string{"EQFLOW=env HOME=/proc/nowhere " + program, "SHARDS=8", "SAMPLES=16", "OUT=homeless"}},
	}
	name := func(what string) string { return strings.ReplaceAll(what, " ", "-") + ".log" }
	for k, trial := range trials {
		trials[k].job = c.run(t, "sbatch", append([]string{"--parsable", "--export=NONE", "--array=0", "--mem=200M",
			"--cpus-per-task=1", "--output=" + name(trial.what), taskScript(t)}, trial.settings...)...) + "_0"
	}
	for _, trial := range trials {
		c.waitForEnd(t, trial.job)
		c.checkEnd(t, trial.job, trial.code, 0)
		if text := c.log(t, name(trial.what)); !strings.Contains(text, trial.says) {
			t.Errorf("%s: the task does not say %q: %s", trial.what, trial.says, text)
		}
	}
}
