package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/xla"
)

// newKernelStatusCommand shows the installed kernels.
func newKernelStatusCommand() *cobra.Command {
	var asJSON bool
	var where kernelPlace
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show where the kernel is installed, and what is broken",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := findKernels(cmd.Context(), where)
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
			return showKernels(cmd.OutOrStdout(), found, where)
		},
	}
	where.add(cmd)
	addJSONFlag(cmd, &asJSON)
	return cmd
}

// findKernels finds the kernel at the place that the flags name. Without flags it finds the user's
// kernel, and the kernels of the active Python environment and of /usr/local.
func findKernels(ctx context.Context, where kernelPlace) ([]serve.Installed, error) {
	if where != (kernelPlace{}) {
		prefix, err := where.find(ctx)
		if err == nil && prefix != "" {
			err = asInput(serve.CheckPrefix(prefix))
		}
		if err != nil {
			return nil, err
		}
		return serve.Find(prefix)
	}
	prefixes := []string{""}
	if _, err := serve.SpecFolder(""); err != nil {
		prefixes = nil // without a home folder there is no kernel of the user's own
	}
	if prefix, err := sysPrefix(ctx); err == nil {
		prefixes = append(prefixes, prefix)
	}
	if !slices.Contains(prefixes, systemPrefix) {
		prefixes = append(prefixes, systemPrefix)
	}
	return serve.Find(prefixes...)
}

// systemPrefix is where every Jupyter of a machine looks for kernels.
const systemPrefix = "/usr/local"

const noGopls = "none, so cells do not complete Go; go install golang.org/x/tools/gopls@latest installs it"

// showKernels prints the installed kernels. It returns an error if one is broken.
func showKernels(out io.Writer, found []serve.Installed, where kernelPlace) error {
	if len(found) == 0 {
		place := "for this user, the active Python environment or " + systemPrefix
		if where.prefix != "" {
			place = "in " + where.prefix
		}
		_, err := fmt.Fprintf(out, "no kernel is installed %s; run eqflow kernel install in a clone\n", place)
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
