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

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code. It prints an error as one line on
// stderr.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := interruptible(stderr)
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
// Ctrl-C kills the process. The end of the terminal (SIGHUP) and of a job (SIGTERM) count as
// Ctrl-C; under nohup the end of the terminal means nothing.
func interruptible(stderr io.Writer) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		select {
		case <-signals:
			fmt.Fprintln(stderr, "\neqflow: stopping cleanly; press Ctrl-C again to stop at once")
			signal.Stop(signals) // the next signal ends the process, as the system has it
			cancel()
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, cancel
}
