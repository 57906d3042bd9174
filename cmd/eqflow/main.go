// Command eqflow trains and judges equivariant Boltzmann generators, and reproduces arXiv:1910.00753.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// commands are the subcommands, in the order in which the help lists them; each has a file of its own.
var commands = []func() *cobra.Command{
	newReproduceCommand,
	newMcmcCommand,
	newTrainCommand,
	newSampleCommand,
	newEvalCommand,
	newCompareCommand,
	newMeasureCommand,
	newMoleculeCommand,
	newEnergyCommand,
	newMergeCommand,
	newLabCommand,
	newBenchCommand,
	newContenderCommand,
	newKernelCommand,
	newXLACommand,
}

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

const rootHelp = `eqflow trains and judges equivariant Boltzmann generators: normalizing flows that turn
random numbers into configurations of many-body systems, with exact likelihoods, and
that respect rotation, reflection, translation and the exchange of like particles. It
reproduces "Equivariant Flows" by Köhler, Klein and Noé (arXiv:1910.00753).

It computes with XLA on an NVIDIA device or on the CPU where a plugin is installed
("eqflow xla install"), and with plain Go elsewhere. Results go to stdout, progress and
messages to stderr.`

const rootExamples = `  eqflow xla install        # bring XLA for the CPU, once: 10 to 50 times as fast as plain Go
  eqflow xla                # which backends there are, and which one is used
  eqflow COMMAND --help     # what a command does, with examples`

const rootFooter = `
Environment:
  EQFLOW_BACKEND            backend where --backend does not say: auto, cuda, cpu, go or a plugin's path
  EQFLOW_XLA_CPU            path of the XLA CPU plugin to try first
  EQFLOW_XLA_CUDA           path of the CUDA plugin to try first
  PJRT_PLUGIN_LIBRARY_PATH  folders with more plugins
  XDG_CACHE_HOME            where "eqflow xla install" puts plugins: in eqflow/pjrt below it

Exit codes: 0 done, 1 failed, 2 wrong input or flags, 130 stopped by Ctrl-C
`

// newRootCommand assembles the program; started tells afterwards whether the command line was in order.
func newRootCommand(started *bool) *cobra.Command {
	root := &cobra.Command{
		Use:           "eqflow",
		Short:         "Equivariant Boltzmann generators: train, sample, judge, reproduce",
		Long:          rootHelp,
		Example:       rootExamples,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// Before cobra's own check, whose words are those of programmers.
		PersistentPreRunE: requiredFlags,
	}
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	for _, construct := range commands {
		root.AddCommand(construct())
	}
	root.InitDefaultHelpCmd() // now, to be found by unknownCommand
	root.InitDefaultCompletionCmd()
	markStart(root, started)
	inherited := root.UsageTemplate()
	root.SetUsageTemplate(inherited + "{{if not .HasParent}}" + rootFooter + "{{end}}")
	return root
}

// markStart notes when a command's own code begins: whatever fails before is a mistake in the command line.
func markStart(cmd *cobra.Command, started *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		markStart(sub, started)
	}
}

// version is the module's version, or the commit that was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown version)"
	}
	text := info.Main.Version
	if text == "" {
		text = "(devel)"
	}
	return text + " " + info.GoVersion
}
