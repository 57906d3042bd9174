// Command eqflow trains and judges equivariant Boltzmann generators, and reproduces arXiv:1910.00753.
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

// run executes one command line and returns the exit code, having printed an error as one line on stderr.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := interruptible(stderr)
	defer stop()
	started, out := false, &sink{Writer: stdout}
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

// sink remembers the first failure to write, such as that of a full disk: prints need not look for it one by one.
type sink struct {
	io.Writer
	err error
}

func (s *sink) Write(text []byte) (int, error) {
	n, err := s.Writer.Write(text)
	if s.err == nil {
		s.err = err
	}
	return n, err
}

// execute runs the command and turns a panic, GoMLX's way to report an error inside a graph, into an error.
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

// interruptible returns a context that the first Ctrl-C cancels, for a clean stop; the second one kills.
func interruptible(stderr io.Writer) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			fmt.Fprintln(stderr, "\neqflow: stopping cleanly; press Ctrl-C again to stop at once")
			signal.Stop(signals) // back to the system's way, which ends the process
			cancel()
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, cancel
}
