//go:build faults && linux && amd64

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process that receives a signal at any moment keeps what it can, and ends soon.
func TestSignals(t *testing.T) {
	const times = 8
	long := &scenario{
		name: "train, with checkpoints", prepare: scenarios()[0].prepare, result: trained("m"),
		line: strings.Replace(training, "--steps 8", "--steps 520", 1),
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range append(scenarios(), long) {
		began := time.Now()
		prepared(t, s)
		took := time.Since(began) / time.Duration(len(s.prepare)+1)
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
			tally := tally{command: s.name, fault: signal.String() + " at random"}
			for range times {
				folder := fresh(t, s)
				cmd, output := program(t, folder, strings.Fields(s.line)...)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(rng.Int64N(int64(took))))
				_ = cmd.Process.Signal(signal)
				ended := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
				_ = cmd.Wait()
				code := cmd.ProcessState.ExitCode()
				wrong := checkRecovery(t, s, folder, code, output())
				if !ended.Stop() {
					wrong = "did not end within 30 s"
				}
				tally.count(t, wrong)
			}
			tallies = append(tallies, tally)
		}
	}
}

// count adds a try, and reports what was wrong.
func (c *tally) count(t *testing.T, wrong string) {
	c.tried++
	if wrong != "" {
		c.lost++
		t.Errorf("%s, %s: %s", c.command, c.fault, wrong)
	}
}

// limits are what the shell's ulimit sets: blocks of a file, kB of addresses, open files.
var limits = []string{
	"-f 0", "-f 1", "-f 4", "-v 200000", "-v 700000", "-v 1500000", "-n 4", "-n 7", "-n 10", "-n 16",
}

// A process that may not write large files, open many files or have much memory fails with a word,
// or ends as it should.
func TestLimits(t *testing.T) {
	for _, s := range scenarios() {
		prepared(t, s)
		for _, limit := range limits {
			tally := tally{command: s.name, fault: "ulimit " + limit[:2]}
			folder := fresh(t, s)
			cmd, output := program(t, folder)
			// The limit holds for stderr too, which is a file, so that cat writes it.
			script := fmt.Sprintf("{ (ulimit %s; exec %s %s) 2>&1 >/dev/null; echo $? >../code; } | cat >&2",
				limit, binary, s.line)
			cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", script}
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			code, err := strconv.Atoi(strings.TrimSpace(readFile(t, filepath.Join(filepath.Dir(folder), "code"))))
			if err != nil {
				t.Fatal(err)
			}
			wrong := checkRecovery(t, s, folder, code, withoutRuntime(limit, output()))
			tally.count(t, wrong)
			tallies = append(tallies, tally)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withoutRuntime replaces what Go's runtime or the linker says of a process that cannot start: the
// program has no part in that.
func withoutRuntime(limit, stderr string) string {
	starved := strings.Contains(stderr, "fatal error: ") || strings.Contains(stderr, "runtime/cgo: ") ||
		strings.Contains(stderr, "shared libraries")
	if starved && !strings.HasPrefix(limit, "-f") {
		return "eqflow: (the process could not start)"
	}
	return stderr
}

// mounted mounts a small disk on a folder, or skips the test.
func mounted(t *testing.T, folder, options string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, options); err != nil {
		t.Skipf("a disk of its own needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
}

// On a disk with little room left, a command ends as it should or fails with a word and leaves
// nothing broken. With room it ends as it should.
func TestFullDisk(t *testing.T) {
	for _, s := range scenarios() {
		prepared(t, s)
		tally := tally{command: s.name, fault: "a disk with 0 to 64 kB left"}
		for _, pages := range []int{0, 1, 2, 3, 4, 5, 6, 8, 12, 16} {
			folder := resolved(t)
			mounted(t, folder, "size=1m")
			if err := os.CopyFS(folder, os.DirFS(s.first)); err != nil {
				t.Fatal(err)
			}
			filler := filepath.Join(folder, "filler")
			fill(t, filler, pages<<12)
			code, stderr := runs(t, folder, strings.Fields(s.line)...)
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			wrong := unbroken(s, folder)
			if wrong == "" {
				wrong = checkRecovery(t, s, folder, code, stderr)
			}
			tally.count(t, wrong)
		}
		tallies = append(tallies, tally)
	}
}

// fill fills a disk with a file, up to the given room.
func fill(t *testing.T, path string, room int) {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &disk); err != nil {
		t.Fatal(err)
	}
	size := int(disk.Bavail)*int(disk.Bsize) - room
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
}

// On a disk that cannot be written a command fails before the work, with the folder's name.
func TestReadOnly(t *testing.T) {
	for _, s := range scenarios() {
		prepared(t, s)
		tally := tally{command: s.name, fault: "a disk that is read-only"}
		folder := resolved(t)
		mounted(t, folder, "size=1m")
		if err := os.CopyFS(folder, os.DirFS(s.first)); err != nil {
			t.Fatal(err)
		}
		remount := func(flags uintptr) {
			if err := syscall.Mount("", folder, "", syscall.MS_REMOUNT|flags, ""); err != nil {
				t.Fatal(err)
			}
		}
		remount(syscall.MS_RDONLY)
		code, stderr := runs(t, folder, strings.Fields(s.line)...)
		remount(0)
		wrong := ""
		switch {
		case s.name == "eval": // whose report is printed all the same
			code = exitFailed
		case code == exitDone || !strings.Contains(stderr, "read-only") || strings.Contains(stderr, "steps of"):
			wrong = fmt.Sprintf("ends with exit code %d: %s", code, stderr)
		}
		if wrong == "" {
			wrong = checkRecovery(t, s, folder, code, stderr)
		}
		tally.count(t, wrong)
		tallies = append(tallies, tally)
	}
}

// Of two processes that do the same at once, each ends as it should or is refused by the name of
// the other, and the result is right.
func TestTwoAtOnce(t *testing.T) {
	const times = 5
	for _, s := range scenarios() {
		prepared(t, s)
		tally := tally{command: s.name, fault: "two at once"}
		for range times {
			folder := fresh(t, s)
			var both [2]*exec.Cmd
			var output [2]func() string
			for k := range both {
				both[k], output[k] = program(t, folder, strings.Fields(s.line)...)
				if err := both[k].Start(); err != nil {
					t.Fatal(err)
				}
			}
			done, wrong := 0, ""
			for k, cmd := range both {
				_ = cmd.Wait()
				code, said := cmd.ProcessState.ExitCode(), output[k]()
				refused := strings.Contains(said, "exists") || strings.Contains(said, "is in use by process")
				switch {
				case code == exitDone:
					done++
				case code != exitInput || !refused:
					wrong = fmt.Sprintf("one ends with exit code %d: %s", code, said)
				}
			}
			if done == 0 {
				wrong = "both were refused"
			}
			if wrong == "" {
				wrong = checkRecovery(t, s, folder, exitDone, "")
			}
			tally.count(t, wrong)
		}
		tallies = append(tallies, tally)
	}
}

// A reproduction that is killed goes on where it was.
func TestReproduceIsKilled(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	out := resolved(t)
	line := []string{"reproduce", "--quick", "--only", "02", "--backend", "go", "--out", out}
	tally := tally{command: "reproduce --quick --only 02", fault: "killed -9 at random"}
	for _, after := range []time.Duration{time.Second, 4 * time.Second, 10 * time.Second} {
		cmd, _ := program(t, root, line...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		tally.tried++
	}
	code, stderr := runs(t, root, line...)
	_, err = os.Stat(filepath.Join(out, "results.json"))
	if leftovers := names(t, out); code != exitDone || err != nil || strings.Contains(leftovers, ".tmp") {
		tally.lost++
		t.Errorf("after three kills it ends with exit code %d and leaves %s: %s", code, leftovers, stderr)
	}
	tallies = append(tallies, tally)
}
