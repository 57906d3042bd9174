package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

const kernelHelp = `The notebook kernel "eqflow (Go)": GoNB with eqflow ready in every cell. Install it once, then pick
it in JupyterLab, Notebook or VS Code.`

func newKernelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "kernel", Short: "Install the notebook kernel, and see what it is", Long: kernelHelp,
		Example: "  eqflow kernel install\n  eqflow kernel install --sys-prefix   # into the active Python environment\n  eqflow kernel status",
		Args:    noArguments,
	}
	cmd.AddCommand(newKernelInstallCommand(), newKernelUninstallCommand(), newKernelStatusCommand(), newKernelRunCommand(), newKernelHelperCommand())
	return cmd
}

// place is where a kernelspec goes.
type place struct {
	user, sys bool
	prefix    string
}

func (p *place) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.user, "user", false, "for this user (the default)")
	cmd.Flags().BoolVar(&p.sys, "sys-prefix", false, "for the active Python environment")
	cmd.Flags().StringVar(&p.prefix, "prefix", "", "for the Python environment in this `folder`")
}

// find returns the prefix, empty for the user's own folder.
func (p *place) find(ctx context.Context) (string, error) {
	switch {
	case p.user && (p.sys || p.prefix != "") || p.sys && p.prefix != "":
		return "", inputErrorf("--user, --sys-prefix and --prefix say different places; give one of them")
	case p.prefix != "":
		return filepath.Abs(p.prefix)
	case !p.sys:
		return "", nil
	}
	prefix, err := sysPrefix(ctx)
	if err != nil {
		return "", inputErrorf("no Python environment is active (%w); activate one, or give its --prefix", err)
	}
	return prefix, nil
}

// sysPrefix is the folder of the active Python environment.
func sysPrefix(ctx context.Context) (string, error) {
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if prefix := os.Getenv(name); prefix != "" {
			return prefix, nil
		}
	}
	text, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.prefix)").Output()
	return strings.TrimSpace(string(text)), err
}
