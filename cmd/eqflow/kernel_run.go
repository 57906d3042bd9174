package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/magics"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
)

// newKernelRunCommand serves a kernel. Jupyter starts this command.
func newKernelRunCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "run CONNECTION_FILE",
		Short:  "Serve a kernel; Jupyter calls this",
		Args:   cobra.MinimumNArgs(1), // jupyter run appends the names of its files
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := serve.FromEnvironment(args[0], version())
			if err != nil {
				return err
			}
			cache, _ := gonb.CacheFolder() // without a home folder there is nothing that %eqflow clean could list
			binary, err := os.Executable()
			if err != nil {
				return err
			}
			l.Program, l.Magics, l.Live = binary, magics.All(binary, cache), os.Getenv(serve.EnvLive) != "0"
			return serve.Run(cmd.Context(), l)
		},
	}
}
