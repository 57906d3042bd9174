package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/xla"
)

// newKernelStatusCommand shows the installed kernels.
func newKernelStatusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show where the kernel is installed, and what is broken",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var prefixes []string
			if prefix, err := sysPrefix(cmd.Context()); err == nil {
				prefixes = append(prefixes, prefix)
			}
			found, err := serve.Find(prefixes...)
			if err != nil {
				return err
			}
			for i := range found {
				opened, err := xla.Open(found[i].Backend)
				if err != nil {
					found[i].Broken = append(found[i].Broken, "its backend does not open: "+oneLine(err))
					continue
				}
				found[i].Computes = opened.String()
				opened.Close()
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), found)
			}
			return showKernels(cmd.OutOrStdout(), found)
		},
	}
	addJSONFlag(cmd, &asJSON)
	return cmd
}

const noGopls = "none, so cells do not complete Go; go install golang.org/x/tools/gopls@latest installs it"

// showKernels prints the installed kernels. It returns an error if one is broken.
func showKernels(out io.Writer, found []serve.Installed) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(out, "no kernel is installed for this user or the active Python environment; "+
			"run eqflow kernel install in a clone")
		return err
	}
	for _, k := range found {
		fmt.Fprintf(out, "kernel   %s, in %s\n", ipynb.SpecTitle, k.Folder)
		if k.Binary != "" {
			fmt.Fprintf(out, "program  %s\ncode     %s\nGoNB     %s, in %s\nbackend  %s\ngopls    %s\n",
				k.Binary, k.Root, k.Version, k.Tools, k.Computes, cmp.Or(k.Gopls, noGopls))
		}
		for _, fault := range k.Broken {
			fmt.Fprintf(out, "BROKEN   %s\n", fault)
		}
		fmt.Fprintln(out)
	}
	for _, k := range found {
		if len(k.Broken) > 0 {
			return fmt.Errorf("the kernel in %s is broken", k.Folder)
		}
	}
	return nil
}
