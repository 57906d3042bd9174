package guard

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guardName is the zeroth argument by which this program knows that it is a guard.
const guardName = "eqflow-guard"

// firstArgument is the position of the program among a guard's arguments.
const firstArgument = 4

// The files of a guard, after the three standard files. The program's further files begin at
// firstFile.
const (
	commandFile = 3
	reportFile  = 4
	firstFile   = 5
)

// The guard is this same program. It takes over here, before main, so that every program and every
// test that starts a guard can also be one.
func init() {
	if len(os.Args) > firstArgument && os.Args[0] == guardName {
		runtime.LockOSThread() // the program dies with the thread that started it
		os.Exit(guard())
	}
}

// adopter is a guard's state.
type adopter struct {
	program int
	ended   bool // the program has ended
	status  syscall.WaitStatus
	grace   time.Duration
	report  *os.File
	spared  map[process]bool
	dying   map[process]time.Time // swept processes, with the time of their SIGTERM
}

// guard runs the program until it ends, or until the commands end.
func guard() int {
	folder := os.Args[1]
	grace, _ := time.ParseDuration(os.Args[2])
	files, _ := strconv.Atoi(os.Args[3])
	a := &adopter{
		grace: grace, report: os.NewFile(reportFile, "report"),
		spared: map[process]bool{}, dying: map[process]time.Time{},
	}
	unix.CloseOnExec(commandFile)
	unix.CloseOnExec(reportFile)
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	children, stops := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	signal.Notify(stops, syscall.SIGTERM)
	// The signals of a terminal are for the program in front of it.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	if err := a.start(os.Args[firstArgument:], files); err != nil {
		fmt.Fprintln(a.report, failed, err)
		return 1
	}
	fmt.Fprintln(a.report, started, a.program)
	commands := readCommands()
	a.run(commands, children, stops)
	a.endAll()
	if folder != "" {
		for range commands { // the owner still reads the program's log there
		}
		_ = os.RemoveAll(folder)
	}
	return 0
}

// start starts the program, and hands it its files: the standard ones and some more.
func (a *adopter) start(arguments []string, more int) error {
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	for i := range more {
		unix.CloseOnExec(firstFile + i)
		file := os.NewFile(uintptr(firstFile+i), "file")
		defer file.Close()
		files = append(files, file)
	}
	child, err := os.StartProcess(arguments[0], arguments, &os.ProcAttr{
		Env: os.Environ(), Files: files,
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return err
	}
	a.program = child.Pid
	return child.Release() // reap waits for all children
}

// readCommands reads commands until this guard's owner has ended or has closed the pipe.
func readCommands() <-chan string {
	commands := make(chan string)
	go func() {
		defer close(commands)
		lines := bufio.NewScanner(os.NewFile(commandFile, "commands"))
		for lines.Scan() {
			commands <- lines.Text()
		}
	}()
	return commands
}

// A sweep looks for orphans at intervals, for as long as an interrupted cell may take to end.
const (
	sweepEvery = 50 * time.Millisecond
	sweepTime  = 20 * time.Second
)

// run returns when the program has ended, or when everything shall end.
func (a *adopter) run(commands <-chan string, children, stops <-chan os.Signal) {
	var look <-chan time.Time
	var until time.Time
	for !a.ended {
		select {
		case command, open := <-commands:
			switch {
			case !open:
				return
			case command == mark:
				if look != nil {
					a.sweep(syscall.SIGKILL) // the interrupted cell's rest
				}
				look = nil
				a.spare()
			case command == sweep:
				a.interrupt()
				look, until = time.After(0), time.Now().Add(sweepTime)
			}
		case <-children:
			a.reap()
		case <-stops:
			return
		case <-look:
			look = time.After(sweepEvery)
			if a.sweep(syscall.SIGTERM); time.Now().After(until) && len(a.dying) == 0 {
				look = nil
			}
		}
	}
}

// reap waits for the children that have ended. left reports whether there are others.
func (a *adopter) reap() (left bool) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return false
		case pid == 0:
			return true
		case pid == a.program:
			a.ended, a.status = true, status
			fmt.Fprintln(a.report, ended, describe(status))
		}
	}
}

// describe says how a program ended, as package os does.
func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("signal: %v", status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// endAll ends the program in its grace and then kills whatever is left below this guard. It gives
// up after half of endLimit, on processes that the kernel does not let go or that belong to another
// user.
func (a *adopter) endAll() {
	if a.grace > 0 && !a.ended {
		_ = syscall.Kill(a.program, syscall.SIGTERM)
		for end := time.Now().Add(a.grace); !a.ended && time.Now().Before(end); time.Sleep(sweepEvery) {
			a.reap()
		}
	}
	const limit = endLimit / 2
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if !a.ended {
			_ = syscall.Kill(-a.program, syscall.SIGKILL)
		}
		for _, p := range below(os.Getpid()) {
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
		}
		if !a.reap() {
			return
		}
	}
}
