//go:build slurm

package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The campaign: eight shards, each of which takes a core shardTime on any machine. A shard that is
// submitted again must still be drawn when slurm-submit.sh has looked after it, for some seconds.
const (
	slurmShards = 8
	shardTime   = 12 * time.Second
)

// A campaign on a Slurm of two nodes. The program of one task is killed as by a node without
// memory, and that of another gets SIGTERM. One task is cancelled, one queued again, one told that
// its time is over, one preempted, and a node's daemon and one of its tasks are killed. The merged
// file has the bytes of an undisturbed one.
func TestSlurmCampaign(t *testing.T) {
	start := time.Now()
	phase := func(what string) { t.Logf("%3.0f s: %s", time.Since(start).Seconds(), what) }
	c := startCluster(t)
	phase("the nodes are ready")
	program := prepareCampaign(t, c)
	phase("eqflow is built, and has trained")

	printed := c.run(t, submitScript(t), c.settings(program)...)
	array, merge := jobOf(t, printed, "tasks "), jobOf(t, printed, "merge ")
	failing := c.run(t, "sbatch", "--parsable", "--array=0", "--nodelist=node1", "--cpus-per-task=1", "--mem=200M",
		taskScript(t), "EQFLOW=/bin/false", "OUT=failing")
	disturb(t, c, program, array)
	phase("all tasks draw, and six are disturbed")
	undisturbed := make(chan error, 1)
	go func() { undisturbed <- drawUndisturbed(c, program) }()
	checkRefusals(t, c, program)

	c.waitForEnd(t, merge)
	phase("the merge has refused")
	c.checkEnd(t, merge, "2:0", 0)
	text := c.log(t, "eqflow-merge-"+merge+".log")
	again := between(text, "1 of 8 shards are missing: 3. The others stay. Draw these with: ", "\n")
	if again == "" {
		t.Fatalf("the merge does not name the cancelled shard and the command that draws it: %s", text)
	}
	// From its beginning, the shard takes long enough to be preempted.
	if err := os.Remove(filepath.Join(c.work, "campaign", "samples-3.npz.partial")); err != nil {
		t.Error("the cancelled shard keeps nothing: ", err)
	}
	printed = c.run(t, "bash", "-c", again)
	if !strings.Contains(printed, "shards 3,") {
		t.Errorf("again submits %s", printed)
	}
	c.preempt(t, program, jobOf(t, printed, "tasks "))
	phase("the rest was preempted, and is drawn")
	merge = jobOf(t, printed, "merge ")
	c.waitForEnd(t, merge)
	c.checkEnd(t, merge, "0:0", 0)
	phase("the merge has merged")

	c.waitForEnd(t, failing+"_0")
	c.checkEnd(t, failing+"_0", "1:0", 3)
	checkLogs(t, c, array)
	if err := <-undisturbed; err != nil {
		t.Fatal(err)
	}
	checkShards(t, c)
	checkSingleTasks(t, c, program)
	phase("single tasks have ended as they should")
}

// prepareCampaign builds eqflow and trains a small model, and returns the program.
func prepareCampaign(t *testing.T, c *cluster) (program string) {
	t.Helper()
	program = filepath.Join(c.folder, "eqflow")
	build := c.command("go", "build", "-o", program, "./cmd/eqflow")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c.run(t, program, "mcmc", "--system", "dw4", "-n", "64", "--seed", "1", "--out", "data.npz")
	c.run(t, program, "train", "--system", "dw4", "--data", "data.npz", "--flow", "egnn", "--steps", "2",
		"--batch", "16", "--backend", "go", "--out", "model")
	c.samples = slurmShards * c.samplesIn(t, program, shardTime)
	t.Logf("%d samples", c.samples)
	return program
}

// samplesIn returns how many samples one core draws in a time.
func (c *cluster) samplesIn(t *testing.T, program string, limit time.Duration) int {
	t.Helper()
	const few, many = 64, 192
	used := func(n int) time.Duration {
		cmd := c.command(program, "sample", "--model", "model", "--backend", "go", "-n", fmt.Sprint(n),
			"--out", "timed.npz", "--force")
		cmd.Env = append(cmd.Environ(), "GOMAXPROCS=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return cmd.ProcessState.UserTime()
	}
	each := max((used(many)-used(few))/(many-few), time.Millisecond)
	return int(limit / each)
}

// settings are arguments of slurm-submit.sh. Jobs see nothing of the environment.
func (c *cluster) settings(program string) []string {
	return []string{"--export=NONE", "--cpus-per-task=1", "--mem=200M", "EQFLOW=" + program, "SEED=7", "BACKEND=go",
		fmt.Sprint("SHARDS=", slurmShards), fmt.Sprint("SAMPLES=", c.samples)}
}

func submitScript(t *testing.T) string { return script(t, "slurm-submit.sh") }
func taskScript(t *testing.T) string   { return script(t, "slurm.sh") }

func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("campaign", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// disturb disturbs the tasks of the array while they draw.
func disturb(t *testing.T, c *cluster, program, array string) {
	t.Helper()
	for k := range slurmShards {
		c.waitForDrawing(t, program, array, k)
		node, want := c.run(t, "squeue", "--noheader", "--jobs", task(array, k), "--format=%N"), "node1"
		if k > 4 {
			want = "node2"
		}
		if node != want {
			t.Fatalf("task %d is on %s, not on %s", k, node, want)
		}
	}
	// Until Slurm misses node2 it would start other tasks there, which would begin once more.
	c.run(t, "scontrol", "update", "nodename=node2", "state=drain", "reason=crash")
	for k, s := range map[int]syscall.Signal{1: syscall.SIGKILL, 2: syscall.SIGTERM} {
		if err := syscall.Kill(c.drawing(t, program, array, k), s); err != nil {
			t.Fatalf("task %d: %v", k, err)
		}
	}
	c.run(t, "scancel", "--batch", "--signal=USR1", task(array, 0)) // as --signal does before the time limit
	c.run(t, "scancel", task(array, 3))
	c.run(t, "scontrol", "requeue", task(array, 4))
	c.crash(t, array, 5)
}

// crash ends the daemon of node2, and the given task there with the process that watches it. The
// other tasks on the node go on, unknown to Slurm, which starts them again elsewhere.
func (c *cluster) crash(t *testing.T, array string, k int) {
	t.Helper()
	pids := c.processes(fmt.Sprint("SLURM_ARRAY_TASK_ID=", k), "SLURM_ARRAY_JOB_ID="+array)
	c.kill("node2")
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprint("/proc/", pid, "/stat"))
		_, after, ok := strings.Cut(string(stat), ") ")
		if err != nil || !ok {
			continue // it has ended
		}
		parent := strings.Fields(after)[1]
		if name, _ := os.ReadFile("/proc/" + parent + "/comm"); strings.HasPrefix(string(name), "slurmstepd") {
			if watcher, err := strconv.Atoi(parent); err == nil {
				_ = syscall.Kill(watcher, syscall.SIGKILL)
			}
		}
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// task is the name of a task of an array.
func task(array string, k int) string { return fmt.Sprint(array, "_", k) }

// preempt has an urgent job take the place of the array's only running task.
func (c *cluster) preempt(t *testing.T, program, array string) {
	t.Helper()
	c.waitForDrawing(t, program, array, 3)
	urgent := c.run(t, "sbatch", "--parsable", "--partition=urgent", "--nodelist=node1", "--exclusive", "--mem=200M",
		"--output=/dev/null", "--wrap=true")
	c.waitForEnd(t, urgent)
	c.waitForEnd(t, task(array, 3))
	c.checkEnd(t, task(array, 3), "0:0", 1)
}

// drawing returns the process of a task's eqflow, 0 if it does not run.
func (c *cluster) drawing(t *testing.T, program, array string, k int) int {
	t.Helper()
	for _, pid := range c.processes(fmt.Sprint("SLURM_ARRAY_TASK_ID=", k), "SLURM_ARRAY_JOB_ID="+array) {
		line, _ := os.ReadFile(fmt.Sprint("/proc/", pid, "/cmdline"))
		if strings.HasPrefix(string(line), program+"\x00sample\x00") {
			return pid
		}
	}
	return 0
}

// waitForDrawing waits until a task's eqflow has used the processor for so long that it has drawn
// samples.
func (c *cluster) waitForDrawing(t *testing.T, program, array string, k int) {
	t.Helper()
	waitFor(t, 2*time.Minute, task(array, k)+" draws", func() bool {
		text, err := os.ReadFile(fmt.Sprint("/proc/", c.drawing(t, program, array, k), "/stat"))
		_, after, ok := strings.Cut(string(text), ") ")
		if err != nil || !ok {
			return false
		}
		ticks, err := strconv.Atoi(strings.Fields(after)[11]) // utime, in hundredths of a second
		return err == nil && ticks >= 80
	})
}

// checkLogs checks that the disturbed tasks were queued again, and what they have said.
func checkLogs(t *testing.T, c *cluster, array string) {
	t.Helper()
	for _, k := range []int{0, 1, 2, 4, 5} {
		c.checkEnd(t, task(array, k), "0:0", 1)
	}
	c.checkEnd(t, task(array, 3), "130:0", 0) // of eqflow, which has kept its samples
	for k, want := range map[int][]string{
		0: {"are kept in", "exit code 130", "queued again", "continuing after the"},
		1: {"exit code 137 after 0 restarts; it is queued again"},
		2: {"are kept in", "exit code 130", "queued again", "continuing after the"},
		3: {"are kept in"},
		4: {"are kept in", "DUE TO JOB REQUEUE", "continuing after the"},
	} {
		text := c.log(t, fmt.Sprintf("eqflow-%s-%d.log", array, k))
		for _, words := range want {
			if !strings.Contains(text, words) {
				t.Errorf("task %d does not say %q:\n%s", k, words, text)
			}
		}
	}
}

// drawUndisturbed draws and merges the same shards without Slurm.
func drawUndisturbed(c *cluster, program string) error {
	if err := os.Mkdir(filepath.Join(c.work, "undisturbed"), 0o755); err != nil {
		return err
	}
	merge := []string{"merge", "--out", "undisturbed/samples.npz"}
	for k := range slurmShards {
		shard := fmt.Sprintf("undisturbed/samples-%d.npz", k)
		merge = append(merge, shard)
		cmd := c.command(program, "sample", "--model", "model", "--seed", "7", "--backend", "go", "-n",
			fmt.Sprint(c.samples), "--shard", fmt.Sprintf("%d/%d", k, slurmShards), "--out", shard)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("shard %d: %w: %s", k, err, out)
		}
	}
	if out, err := c.command(program, merge...).CombinedOutput(); err != nil {
		return fmt.Errorf("merge: %w: %s", err, out)
	}
	return nil
}
