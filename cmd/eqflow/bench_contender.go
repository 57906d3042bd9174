package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/bench"
)

// newContenderCommand is eqflow as a contender of the benchmark, in a process of its own. "eqflow
// bench" starts this command.
func newContenderCommand() *cobra.Command {
	return &cobra.Command{
		Use:    bench.ServeCommand,
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return bench.Serve(cmd.Context(), args[0], os.Stdin, cmd.OutOrStdout())
		},
	}
}
