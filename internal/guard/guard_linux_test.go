package guard

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ownerVariable names the folder in which the child process of a test runs a guarded program.
const ownerVariable = "EQFLOW_TEST_GUARD_OWNER"

// TestMain is also a process that is killed while it guards the script.
func TestMain(m *testing.M) {
	folder := os.Getenv(ownerVariable)
	if folder == "" {
		os.Exit(m.Run())
	}
	_, err := Start(Options{
		Program: "/bin/sh", Args: []string{"-c", script}, Dir: folder, Env: os.Environ(), Log: os.Stderr,
		Folder: filepath.Join(folder, "private"),
	})
	if err != nil {
		panic(err)
	}
	select {}
}

// script starts three processes and writes their numbers: a child, an orphan in the same group, and
// an orphan in a session of its own.
const script = `sleep 1000 & echo $! > child
(sleep 1000 & echo $! > orphan)
setsid sh -c 'echo $$ > session.new; mv session.new session; exec sleep 1000' &
while :; do sleep 0.05; [ -e stop ] && exit 7; done`

// start guards the script and waits until its processes run. It returns their numbers.
func start(t *testing.T, o Options) (*Process, map[string]int) {
	t.Helper()
	o.Program, o.Args, o.Dir, o.Env, o.Log = "/bin/sh", []string{"-c", script}, t.TempDir(), os.Environ(), os.Stderr
	p, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.End)
	return p, numbers(t, o.Dir)
}

// numbers reads the numbers of the script's processes.
func numbers(t *testing.T, folder string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, name := range []string{"child", "orphan", "session"} {
		await(t, name+" runs", func() bool {
			text, _ := os.ReadFile(filepath.Join(folder, name))
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			found[name] = pid
			return err == nil
		})
	}
	return found
}

func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !reached(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// runs reports whether a process exists and is no zombie.
func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

func awaitEnds(t *testing.T, pids map[string]int) {
	t.Helper()
	for name, pid := range pids {
		await(t, name+" has ended", func() bool { return !runs(pid) })
	}
}

func TestEndEndsEverything(t *testing.T) {
	p, pids := start(t, Options{})
	p.End()
	for name, pid := range pids {
		if runs(pid) {
			t.Errorf("%s still runs", name)
		}
	}
	if <-p.Done(); p.State() != "signal: killed" {
		t.Errorf("the state is %q", p.State())
	}
}

func TestEverythingEndsWithTheProgram(t *testing.T) {
	p, pids := start(t, Options{})
	if err := os.WriteFile(filepath.Join(p.guard.Dir, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if p.State() != "exit status 7" {
		t.Errorf("the state is %q", p.State())
	}
	awaitEnds(t, pids)
}

// The owner is killed without a chance to clean up.
func TestEverythingEndsWithTheOwner(t *testing.T) {
	folder := t.TempDir()
	private := filepath.Join(folder, "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	owner := exec.Command("/proc/self/exe")
	owner.Env = append(os.Environ(), ownerVariable+"="+folder)
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	pids := numbers(t, folder)
	_ = owner.Process.Kill()
	_ = owner.Wait()
	awaitEnds(t, pids)
	await(t, "the folder is removed", func() bool { _, err := os.Stat(private); return os.IsNotExist(err) })
}

// A guard that is killed takes its program and the program's group along. A process with a session
// of its own is then out of reach.
func TestTheProgramEndsWithItsGuard(t *testing.T) {
	p, pids := start(t, Options{})
	_ = p.guard.Process.Kill()
	<-p.Done()
	await(t, "the program has ended", func() bool { return !runs(p.program) })
	_ = syscall.Kill(pids["session"], syscall.SIGKILL)
	awaitEnds(t, pids)
	if p.State() != "its guard was killed" {
		t.Errorf("the state is %q", p.State())
	}
}

// A sweep ends the orphans that have come since the mark. It spares older orphans, and everything
// whose parent lives.
func TestSweepEndsNewOrphans(t *testing.T) {
	p, pids := start(t, Options{})
	p.Mark()
	time.Sleep(200 * time.Millisecond) // the guard looks
	p.Sweep()
	time.Sleep(5 * sweepEvery)
	for name, pid := range pids {
		if !runs(pid) {
			t.Errorf("%s was swept, although it is older than the mark or has a parent", name)
		}
	}
	p, pids = start(t, Options{})
	p.Sweep()
	await(t, "the orphan has ended", func() bool { return !runs(pids["orphan"]) })
	if !runs(pids["child"]) {
		t.Error("a process whose parent lives was swept")
	}
}

// A sweep interrupts what the program's children wait for, as Ctrl-C in a terminal does.
func TestSweepInterruptsGrandchildren(t *testing.T) {
	folder := t.TempDir()
	nested := `sh -c 'echo > ready; sleep 1000; exit 0'; sleep 1000`
	p, err := Start(Options{
		Program: "/bin/sh", Args: []string{"-c", nested}, Dir: folder, Env: os.Environ(), Log: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.End()
	exists := func(name string) func() bool {
		return func() bool { _, err := os.Stat(filepath.Join(folder, name)); return err == nil }
	}
	await(t, "the shell waits", exists("ready"))
	var shell int
	await(t, "sleep runs", func() bool {
		children := processes()
		for _, child := range children[p.program] {
			shell = child.pid
		}
		return len(children[shell]) == 1
	})
	p.Sweep()
	await(t, "the shell has ended, since its sleep has", func() bool { return !runs(shell) })
}

// An orphan that ignores SIGTERM is killed.
func TestSweepKillsTheDeaf(t *testing.T) {
	folder := t.TempDir()
	deaf := `(sh -c 'trap "" TERM INT HUP; echo $$ > new; mv new deaf; while :; do sleep 0.1; done' &); sleep 1000`
	p, err := Start(Options{
		Program: "/bin/sh", Args: []string{"-c", deaf}, Dir: folder, Env: os.Environ(), Log: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.End()
	var pid int
	await(t, "the orphan runs", func() bool {
		text, _ := os.ReadFile(filepath.Join(folder, "deaf"))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid > 0
	})
	p.Sweep()
	await(t, "the orphan has ended", func() bool { return !runs(pid) })
}

// A program with a grace ends by itself, and everything below it too.
func TestGraceLetsTheProgramEnd(t *testing.T) {
	folder := t.TempDir()
	p, err := Start(Options{
		Program: "/bin/sh",
		Args:    []string{"-c", `trap "echo bye > bye; exit 3" TERM; echo > ready; while :; do sleep 0.05; done`},
		Dir:     folder, Env: os.Environ(), Log: os.Stderr, Grace: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the program runs", func() bool { _, err := os.Stat(filepath.Join(folder, "ready")); return err == nil })
	p.End()
	if _, err := os.Stat(filepath.Join(folder, "bye")); err != nil || p.State() != "exit status 3" {
		t.Errorf("%v; the state is %q", err, p.State())
	}
}

// A program gets the files that are meant for it, each with its number, and its guard holds none.
func TestFilesOfTheProgram(t *testing.T) {
	var readers, writers []*os.File
	for range 4 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		readers, writers = append(readers, r), append(writers, w)
	}
	p, err := Start(Options{
		Program: "/bin/sh", Args: []string{"-c", "for i in 1 2 3 4; do echo $i >&$i; done; exec 3>&- 4>&-; sleep 1000"},
		Dir: t.TempDir(), Env: os.Environ(), Log: writers[0], Errors: writers[1], Files: writers[2:],
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.End()
	for _, w := range writers {
		_ = w.Close()
	}
	for i, r := range readers {
		want, got := fmt.Sprintln(i+1), ""
		if i < 2 {
			text := make([]byte, len(want))
			_, err = io.ReadFull(r, text)
			got = string(text)
		} else { // the program has closed these, and only they end before the program
			var text []byte
			text, err = io.ReadAll(r)
			got = string(text)
		}
		if err != nil || got != want {
			t.Errorf("file %d has %q, %v", i+1, got, err)
		}
	}
}

func TestProgramsThatCannotStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]error{"/nosuch/program": syscall.ENOENT, file: syscall.EACCES} {
		_, err := Start(Options{Program: program, Dir: t.TempDir(), Env: os.Environ(), Log: os.Stderr})
		if err == nil || !strings.Contains(err.Error(), want.Error()) || !strings.Contains(err.Error(), program) {
			t.Errorf("%s: %v", program, err)
		}
	}
}
