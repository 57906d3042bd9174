package guard

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// process identifies a process. Its number alone may be used again after its end.
type process struct {
	pid     int
	started string // in clock ticks since the machine's start
}

// processes returns all processes that this process may see, by their parent.
func processes() map[int][]process {
	children := map[int][]process{}
	folder, err := os.Open("/proc")
	if err != nil {
		return children
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // ended meanwhile
		}
		// The name in the second field may hold anything; the fields after it begin with the state.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		const parent, start = 1, 19
		if len(fields) <= start {
			continue
		}
		if number, err := strconv.Atoi(string(fields[parent])); err == nil {
			children[number] = append(children[number], process{pid, string(fields[start])})
		}
	}
	return children
}

// below returns the processes below a process, parents before their children.
func below(pid int) []process { return descend(processes(), pid) }

func descend(children map[int][]process, pid int) []process {
	found := slices.Clone(children[pid])
	for _, child := range children[pid] {
		found = append(found, descend(children, child.pid)...)
	}
	return found
}

// orphans returns the children of this guard that it has adopted, with everything below them.
func (a *adopter) orphans() (found []process) {
	children := processes()
	for _, child := range children[os.Getpid()] {
		if child.pid != a.program {
			found = append(append(found, child), descend(children, child.pid)...)
		}
	}
	return found
}

// spare excepts the processes of now from interrupts and sweeps.
func (a *adopter) spare() {
	clear(a.spared)
	clear(a.dying)
	for _, p := range append(a.orphans(), below(a.program)...) {
		a.spared[p] = true
	}
}

// interrupt sends SIGINT to the new processes below the program's own children, as a terminal does
// on Ctrl-C. The program interrupts its children itself.
func (a *adopter) interrupt() {
	children := processes()
	for _, child := range children[a.program] {
		for _, p := range descend(children, child.pid) {
			if !a.spared[p] && !a.spared[child] {
				_ = syscall.Kill(p.pid, syscall.SIGINT)
			}
		}
	}
}

// termGrace is the time that a swept process has to end after its SIGTERM.
const termGrace = time.Second

// sweep sends the first signal to each orphan, and kills those that do not end.
func (a *adopter) sweep(first syscall.Signal) {
	alive := map[process]bool{}
	for _, p := range a.orphans() {
		if a.spared[p] {
			continue
		}
		alive[p] = true
		asked, known := a.dying[p]
		switch {
		case !known:
			a.dying[p] = time.Now()
			_ = syscall.Kill(p.pid, first)
		case first == syscall.SIGKILL || time.Since(asked) > termGrace:
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
		}
	}
	for p := range a.dying {
		if !alive[p] {
			delete(a.dying, p)
		}
	}
	a.reap()
}
