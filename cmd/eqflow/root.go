package main

import (
	"cmp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// commands are the subcommands. Each has a file of its own.
var commands = []func() *cobra.Command{
	newReproduceCommand,
	newMcmcCommand,
	newTrainCommand,
	newSampleCommand,
	newEvalCommand,
	newCompareCommand,
	newMeasureCommand,
	newFreeEnergyCommand,
	newMoleculeCommand,
	newEnergyCommand,
	newMergeCommand,
	newLabCommand,
	newBenchCommand,
	newContenderCommand,
	newKernelCommand,
	newXLACommand,
}

const rootHelp = `eqflow trains and judges equivariant Boltzmann generators. A Boltzmann generator is a normalising
flow that turns random numbers into configurations of a many-body system, with exact likelihoods.
An equivariant generator respects rotation, reflection, translation and the exchange of like
particles. eqflow reproduces "Equivariant Flows" by Köhler, Klein and Noé (arXiv:1910.00753).

eqflow computes with XLA on an NVIDIA device, or on the CPU where a plugin is installed
("eqflow xla install"), and with plain Go elsewhere. Results go to stdout. Progress and messages go
to stderr.`

const rootExamples = `  eqflow xla install        # install XLA for the CPU, once: 10 to 50 times as fast as plain Go
  eqflow xla                # list the backends, and show which one is used
  eqflow COMMAND --help     # explain a command, with examples`

const rootFooter = `
Environment:
  EQFLOW_BACKEND            the backend without --backend: auto, cuda, cpu, go or a plugin's path
  EQFLOW_ENGINE             the engine without --engine: auto, graph or host
  EQFLOW_XLA_CPU            path of the XLA CPU plugin to try first
  EQFLOW_XLA_CUDA           path of the CUDA plugin to try first
  PJRT_PLUGIN_LIBRARY_PATH  folders with more plugins
  XDG_CACHE_HOME            "eqflow xla install" puts plugins into eqflow/pjrt in this folder

Exit codes: 0 done, 1 failed, 2 wrong input or flags, 130 stopped by Ctrl-C, SIGTERM or SIGHUP;
131 to 139 crashed or out of memory, which says nothing about the input: run the command again
`

// newRootCommand assembles the program. When a command's own code begins, started becomes true.
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
		// This check comes before cobra's own, whose message is meant for programmers.
		PersistentPreRunE: requiredFlags,
	}
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	for _, construct := range commands {
		root.AddCommand(construct())
	}
	root.InitDefaultHelpCmd() // now, so that unknownCommand finds it
	root.InitDefaultCompletionCmd()
	markStart(root, started)
	root.SetUsageTemplate(usageTemplate(root.UsageTemplate()))
	return root
}

// usageTemplate is cobra's template with flags wrapped at 100 columns, and with the footer below
// the program's own help.
func usageTemplate(inherited string) string {
	wrapped := strings.ReplaceAll(inherited, ".FlagUsages ", ".FlagUsagesWrapped 100 ")
	return wrapped + "{{if not .HasParent}}" + rootFooter + "{{end}}"
}

// markStart sets started when the code of a command begins. An error before that is a mistake in
// the command line.
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

// version is the module's version, or the commit that was built, and the version of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown version)"
	}
	return cmp.Or(info.Main.Version, "(devel)") + " " + info.GoVersion
}
