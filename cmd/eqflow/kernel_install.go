package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
)

const kernelInstallHelp = `Builds GoNB and goimports in the versions of go.mod, compiles the packages that cells use, and
registers the kernel "eqflow (Go)" with Jupyter. In a clone, cells compile against that clone.
Elsewhere they compile against the code from which this program was built. No network is needed once
the Go modules are on the machine. The first time takes some minutes. Run the command again after
the code has moved or its versions have changed.

With --prefix or --sys-prefix, root installs for every user: the program, GoNB, a copy of the code,
the Go modules, their compiled packages and XLA for the CPU go to lib/eqflow below the prefix, about
1.1 GB. This compiles everything once more, for several minutes. The go command must be one that
every user can run.`

// newKernelInstallCommand installs the kernel for Jupyter.
func newKernelInstallCommand() *cobra.Command {
	var where kernelPlace
	var backend string
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the kernel for Jupyter",
		Long:  kernelInstallHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			prefix, err := where.find(cmd.Context())
			if err != nil {
				return err
			}
			folder, err := installKernel(cmd.Context(), cmd.ErrOrStderr(), prefix, backend)
			if errors.Is(err, serve.ErrPlace) {
				return fmt.Errorf("%w; choose another place with --user or --prefix", err)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "kernel   %s, in %s\nnext     jupyter lab, and choose it\n",
				ipynb.SpecTitle, folder)
			return err
		},
	}
	where.add(cmd)
	addBackendFlag(cmd, &backend)
	return cmd
}
