package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
)

const kernelInstallHelp = `Builds GoNB and goimports as go.mod pins them, compiles what cells use, and tells Jupyter about the
kernel "eqflow (Go)". Cells then compile against the clone that it is run in, elsewhere against the
code that this program was built from. It needs no network once the modules are there; the first
time takes a minute or two. Run it again after that code has moved or changed its versions.`

func newKernelInstallCommand() *cobra.Command {
	var where place
	var backend string
	cmd := &cobra.Command{
		Use: "install", Short: "Install the kernel for Jupyter", Long: kernelInstallHelp, Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			prefix, err := where.find(cmd.Context())
			if err != nil {
				return err
			}
			folder, err := installKernel(cmd.Context(), cmd.ErrOrStderr(), prefix, backend)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "kernel   %s, in %s\nnext     jupyter lab, and pick it\n", ipynb.SpecTitle, folder)
			return err
		},
	}
	where.add(cmd)
	addBackendFlag(cmd, &backend)
	return cmd
}
