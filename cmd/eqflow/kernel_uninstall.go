package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
)

// newKernelUninstallCommand removes the kernel from Jupyter.
func newKernelUninstallCommand() *cobra.Command {
	var where kernelPlace
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove the kernel from Jupyter",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			prefix, err := where.find(cmd.Context())
			if err != nil {
				return err
			}
			folder, found, err := serve.Uninstall(prefix)
			if err != nil {
				return err
			}
			if !found {
				return inputErrorf("no kernel is installed in %s; `eqflow kernel status` shows where kernels are", folder)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "removed ", folder)
			return err
		},
	}
	where.add(cmd)
	return cmd
}
