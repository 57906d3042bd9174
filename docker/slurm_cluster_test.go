//go:build slurm

package docker

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cluster is a Slurm of two nodes on this machine: munged, slurmctld and two slurmd with ports and
// folders of their own.
type cluster struct {
	folder  string // of the configuration and the daemons
	work    string // where jobs are submitted; their logs lie there
	samples int    // of the campaign
	daemons map[string]*exec.Cmd
}

// daemonPrograms are the programs that the test needs. Debian's packages slurmctld, slurmd,
// slurm-client and munge have them.
var daemonPrograms = []string{"munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo"}

// slurmConf is the configuration, of the hostname, the folder and three ports. A node is lost after
// 10 s, and a task that is queued again starts after 5 s, when its credential has expired. Nodes
// have more processors than the machine, so that all tasks run at a time: 0 to 4 on node1, whose
// weight is lower, and 5 to 7 on node2.
const slurmConf = `ClusterName=eqflow
SlurmctldHost=%[1]s(127.0.0.1)
SlurmctldPort=%[3]d
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=%[2]s/munge.sock,cred_expire=5
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
StateSaveLocation=%[2]s/state
SlurmctldPidFile=%[2]s/slurmctld.pid
SlurmdPidFile=%[2]s/slurmd-%%n.pid
SlurmdSpoolDir=%[2]s/spool-%%n
SlurmctldLogFile=%[2]s/slurmctld.log
SlurmdLogFile=%[2]s/slurmd-%%n.log
SlurmdParameters=config_overrides
SlurmdTimeout=10
KillWait=30
MaxArraySize=64
NodeName=node1 NodeHostname=%[1]s NodeAddr=127.0.0.1 Port=%[4]d CPUs=5 RealMemory=8000 Weight=1
NodeName=node2 NodeHostname=%[1]s NodeAddr=127.0.0.1 Port=%[5]d CPUs=5 RealMemory=4000 Weight=2
PartitionName=short Nodes=ALL Default=YES MaxTime=30 State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL State=UP PriorityTier=10
PartitionName=closed Nodes=ALL State=DOWN
`

// startCluster starts a cluster that ends with the test. It skips the test where that is not
// possible, or fails it if EQFLOW_REQUIRE_SLURM is set.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	impossible := t.Skip
	if os.Getenv("EQFLOW_REQUIRE_SLURM") != "" {
		impossible = t.Fatal
	}
	for _, name := range daemonPrograms {
		if _, err := exec.LookPath(name); err != nil {
			impossible(name, "is not installed: apt-get install slurmctld slurmd slurm-client munge")
		}
	}
	if os.Geteuid() != 0 {
		impossible("slurmd starts tasks only as root; run the test as root")
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	c := &cluster{folder: t.TempDir(), work: t.TempDir(), daemons: map[string]*exec.Cmd{}}
	ports := freePorts(t, 3)
	key := make([]byte, 1024)
	_, _ = rand.Read(key) // never fails
	c.write(t, "munge.key", string(key), 0o400)
	c.write(t, "slurm.conf", fmt.Sprintf(slurmConf, host, c.folder, ports[0], ports[1], ports[2]), 0o644)
	for _, name := range []string{"state", "spool-node1", "spool-node2"} {
		if err := os.Mkdir(filepath.Join(c.folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { c.stop(t) })
	at := func(name string) string { return filepath.Join(c.folder, name) }
	c.start(t, "munged", "munged", "--foreground", "--force", "--key-file="+at("munge.key"),
		"--socket="+at("munge.sock"), "--pid-file="+at("munge.pid"), "--log-file="+at("munge.log"),
		"--seed-file="+at("munge.seed"))
	waitFor(t, 30*time.Second, "munged's socket", func() bool {
		_, err := os.Stat(at("munge.sock"))
		return err == nil
	})
	c.start(t, "slurmctld", "slurmctld", "-D")
	c.start(t, "node1", "slurmd", "-D", "-N", "node1")
	c.start(t, "node2", "slurmd", "-D", "-N", "node2")
	waitFor(t, 60*time.Second, "two idle nodes", func() bool {
		out, _ := c.command("sinfo", "--noheader", "--partition=short", "--states=idle", "--format=%D").Output()
		return strings.TrimSpace(string(out)) == "2"
	})
	return c
}

// freePorts returns ports of the loopback interface that nobody uses now.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func (c *cluster) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.folder, name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// command is a command of this cluster, in the folder of the jobs.
func (c *cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = c.work, append(os.Environ(), c.mark())
	return cmd
}

// mark is the environment variable that every process of the cluster has.
func (c *cluster) mark() string { return "SLURM_CONF=" + filepath.Join(c.folder, "slurm.conf") }

// run runs a command of this cluster, which must succeed, and returns its output.
func (c *cluster) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := c.command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// start starts a daemon, which ends with the test even if the test is killed.
func (c *cluster) start(t *testing.T, key, name string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(c.folder, key+".out"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := c.command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.daemons[key] = cmd
}

// stop ends all processes of the cluster: jobs, daemons, and tasks that outlived their daemon.
func (c *cluster) stop(t *testing.T) {
	if t.Failed() {
		c.show(t)
	}
	for _, key := range []string{"slurmctld", "node1", "node2", "munged"} { // nobody starts tasks any more
		c.kill(key)
	}
	for range 20 {
		pids := c.processes()
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("processes of the cluster stay: %v", c.processes())
}

// kill ends a daemon as a crash does.
func (c *cluster) kill(key string) {
	if cmd := c.daemons[key]; cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		delete(c.daemons, key)
	}
}

// show prints what the daemons and the jobs have written.
func (c *cluster) show(t *testing.T) {
	for _, pattern := range []string{c.folder + "/*.out", c.work + "/*.log"} {
		files, _ := filepath.Glob(pattern) // the pattern is well-formed
		for _, file := range files {
			text, _ := os.ReadFile(file)
			t.Logf("%s:\n%s", filepath.Base(file), text[max(0, len(text)-2000):])
		}
	}
}

// processes are the processes of the cluster whose environment has all the given variables.
func (c *cluster) processes(variables ...string) (pids []int) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		environment, err := os.ReadFile(folder + "/environ")
		if err != nil {
			continue // it has ended
		}
		has := true
		for _, v := range append(variables, c.mark()) {
			has = has && bytes.Contains(append([]byte{0}, environment...), []byte("\x00"+v+"\x00"))
		}
		pid, _ := strconv.Atoi(filepath.Base(folder))
		if has && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// waitFor waits until done. The time is several times what an idle machine needs.
func waitFor(t *testing.T, most time.Duration, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); time.Sleep(200 * time.Millisecond) {
		if time.Since(start) > most {
			t.Fatalf("%s: not within %s", what, most)
		}
	}
}
