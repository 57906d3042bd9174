package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

const kernelHelp = `The notebook kernel "eqflow (Go)" is GoNB with eqflow ready in every cell. Install it once, then
choose it in JupyterLab, Notebook or VS Code.`

const kernelExamples = `  eqflow kernel install
  eqflow kernel install --sys-prefix              # into the active Python environment
  sudo eqflow kernel install --prefix /usr/local  # for every user
  eqflow kernel status
  eqflow kernel doctor                            # what is off, and the command that mends it`

// newKernelCommand groups the commands of the notebook kernel.
func newKernelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "kernel",
		Short:   "Install the notebook kernel, and show its state",
		Long:    kernelHelp,
		Example: kernelExamples,
		Args:    noArguments,
	}
	cmd.AddCommand(
		newKernelInstallCommand(),
		newKernelUninstallCommand(),
		newKernelStatusCommand(),
		newKernelDoctorCommand(),
		newKernelRunCommand(),
		newKernelResidentCommand(),
	)
	return cmd
}

// kernelPlace says where a kernelspec goes.
type kernelPlace struct {
	user, sys bool
	prefix    string
}

// add gives a command the flags.
func (p *kernelPlace) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.user, "user", false, "for this user (the default)")
	cmd.Flags().BoolVar(&p.sys, "sys-prefix", false, "for the active Python environment")
	cmd.Flags().StringVar(&p.prefix, "prefix", "", "for the Python environment in this `folder`")
}

// find returns the prefix. It is empty for the user's own folder.
func (p *kernelPlace) find(ctx context.Context) (string, error) {
	switch {
	case p.user && (p.sys || p.prefix != "") || p.sys && p.prefix != "":
		return "", inputErrorf("--user, --sys-prefix and --prefix name different places; give one of them")
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
