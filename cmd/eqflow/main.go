// Command eqflow trains and judges equivariant Boltzmann generators, and reproduces
// arXiv:1910.00753.
//
// main.go runs one command line and root.go lists the commands. Every command has a file of its
// own, named after it. Files that several commands share are commandline.go (mistakes in the
// command line), exit.go (exit codes), flags_*.go (groups of flags), files.go (files of
// configurations), json.go, jupyter.go (what the Jupyter commands share), progress.go and
// status.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == guardArgument {
		passMessages(os.Stdin, os.Stderr)
		os.Exit(exitDone)
	}
	stop := guardCrashes()
	code := run(os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes one command line and returns the exit code. It prints an error as one line on
// stderr.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := interruptible(stderr, patienceOf(args))
	defer stop()
	started, out := false, &checkedWriter{Writer: stdout}
	root := newRootCommand(&started)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(stderr)
	err := asInput(unknownCommand(root, args))
	if err == nil {
		var command *cobra.Command
		command, err = execute(ctx, root)
		switch {
		case out.err != nil && (err == nil || errors.Is(err, out.err)):
			err = fmt.Errorf("the result could not be printed: %w", out.err)
		case err != nil && !started:
			err = inputErrorf("%w (`%s --help` shows how it is used)", err, command.CommandPath())
		}
	}
	if err != nil && ctx.Err() != nil && !errors.Is(err, context.Canceled) {
		err = stoppedError{err} // a compiler or a server that ended with the signal says so in its own words
	}
	if err != nil {
		fmt.Fprintln(stderr, "eqflow: "+strings.TrimPrefix(oneLine(err), "eqflow: "))
	}
	return exitCode(err)
}

// checkedWriter records the first write that fails, for example on a full disk. Commands then need
// not check every print.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(text []byte) (int, error) {
	n, err := w.Writer.Write(text)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

// execute runs the command. It turns a panic, by which GoMLX reports an error inside a graph, into
// an error.
func execute(ctx context.Context, root *cobra.Command) (command *cobra.Command, err error) {
	command = root
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("internal error: %w", r)
		default:
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	return root.ExecuteContextC(ctx)
}

// interruptible returns a context that the first Ctrl-C cancels, for a clean stop. The second
// Ctrl-C kills the process. A request to end (SIGTERM), and the end of the terminal (SIGHUP), count
// as the first Ctrl-C. A second SIGTERM changes nothing: Slurm may send the signal to every process
// of a task while the task's script passes it on, and what is kept must still be written.
//
// A step of a training or a compilation may take minutes and cannot be stopped from outside. If
// patience is positive and the command has not ended after that time, the process ends. What lies
// on disk is whole at any time.
func interruptible(stderr io.Writer, patience time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup has the program go on without its terminal
		signal.Notify(signals, syscall.SIGHUP)
	}
	over := make(chan struct{})
	go func() {
		select {
		case <-signals:
			fmt.Fprintln(stderr, "\neqflow: stopping cleanly; press Ctrl-C again to stop at once")
			signal.Reset(os.Interrupt) // the next Ctrl-C ends the process, as the system has it
			cancel()
			if patience > 0 && !endsWithin(patience, over) {
				fmt.Fprintf(stderr, "eqflow: the work under way does not end within %s and is given up; "+
					"what was written before is kept\n", patience)
				os.Exit(exitInterrupted)
			}
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, func() { close(over); cancel() }
}

// patience is the time that a command has to end after a signal, in all but the commands that end
// other programs first.
const patience = 4 * time.Second

// patienceOf returns the patience for a command line, 0 for no bound.
func patienceOf(args []string) time.Duration {
	for _, arg := range args {
		switch {
		case arg == "lab" || arg == "kernel" || arg == "reproduce" || arg == "xla":
			return 0
		case !strings.HasPrefix(arg, "-"):
			return patience
		}
	}
	return patience
}

// endsWithin reports whether a command ends within the patience, or, if files are being written by
// then, with the last of them.
func endsWithin(patience time.Duration, over <-chan struct{}) bool {
	for begun := time.Now(); time.Since(begun) < patience || atomic.Writing(); {
		select {
		case <-over:
			return true
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}
