package guard

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The reports of a guard, one a line.
const (
	started = "started" // with the number of the program's process
	failed  = "failed"  // with the reason for which the program did not start
	ended   = "ended"   // with the state in which the program ended
)

// The commands to a guard, one a line.
const (
	mark  = "mark"
	sweep = "sweep"
)

// endLimit is the time that a guard has to end everything, beyond the program's grace.
const endLimit = 10 * time.Second

// Process is a guarded program.
type Process struct {
	grace   time.Duration
	guard   *exec.Cmd
	program int      // the number of the program's process, which is also the number of its group
	control *os.File // its end tells the guard to end everything
	done    chan struct{}
	gone    chan struct{} // closed when the guard has ended
	state   string
}

// Start starts a program under a guard. The program has a process group of its own.
func Start(o Options) (*Process, error) {
	commands, control, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w; raise the limit of open files", err)
	}
	defer commands.Close()
	reports, report, err := os.Pipe()
	if err != nil {
		control.Close()
		return nil, fmt.Errorf("cannot make a pipe: %w; raise the limit of open files", err)
	}
	defer report.Close()
	guard := exec.Command("/proc/self/exe")
	guard.Args = append(
		[]string{guardName, o.Folder, o.Grace.String(), strconv.Itoa(len(o.Files)), o.Program}, o.Args...)
	guard.Dir, guard.Env, guard.Stdout, guard.Stderr = o.Dir, o.Env, o.Log, o.errors()
	guard.ExtraFiles = append([]*os.File{commands, report}, o.Files...)
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := guard.Start(); err != nil {
		control.Close()
		reports.Close()
		return nil, fmt.Errorf("cannot start its guard: %w", err)
	}
	p := &Process{
		grace: o.Grace, guard: guard, control: control, done: make(chan struct{}), gone: make(chan struct{}),
	}
	report.Close()
	from := bufio.NewReader(reports)
	kind, text := next(from)
	if kind != started {
		p.watch(reports, from)
		p.End()
		if kind == failed {
			return nil, fmt.Errorf("cannot start %s: %s", o.Program, text)
		}
		return nil, fmt.Errorf("cannot start %s: its guard ended", o.Program)
	}
	_, _ = fmt.Sscan(text, &p.program)
	go p.watch(reports, from)
	return p, nil
}

// next reads a report of the guard.
func next(from *bufio.Reader) (kind, text string) {
	line, _ := from.ReadString('\n')
	kind, text, _ = strings.Cut(strings.TrimSpace(line), " ")
	return kind, text
}

// watch waits for the end of the program and of its guard.
func (p *Process) watch(reports io.Closer, from *bufio.Reader) {
	defer reports.Close()
	kind, text := next(from)
	p.state = text
	if kind != ended {
		p.state = "its guard was killed"
		if p.program > 0 {
			_ = syscall.Kill(-p.program, syscall.SIGKILL)
		}
	}
	close(p.done)
	_ = p.guard.Wait()
	close(p.gone)
}

// Group is the number of the program's process, and of its process group.
func (p *Process) Group() int { return p.program }

// Done is closed when the program has ended, by itself or by End.
func (p *Process) Done() <-chan struct{} { return p.done }

// State says how the program ended, such as "exit status 1". It is valid after Done.
func (p *Process) State() string { return p.state }

// Gone is closed when everything that the program has started has ended too.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Mark spares the processes that exist now from the sweeps to come.
func (p *Process) Mark() { p.tell(mark) }

// Sweep interrupts the processes below the program's children that have come since the last Mark.
// It then ends the orphans that have come since, and those that come in the next seconds. An orphan
// is a process whose parent below the guard has ended.
func (p *Process) Sweep() { p.tell(sweep) }

func (p *Process) tell(command string) {
	_, _ = fmt.Fprintln(p.control, command) // fails only if the guard has ended
}

// End ends the program and everything below it, and returns when they have ended.
func (p *Process) End() {
	_ = p.control.Close()
	select {
	case <-p.gone:
	case <-time.After(p.grace + endLimit):
		_ = p.guard.Process.Kill() // the program dies with its guard
		<-p.gone
	}
}
