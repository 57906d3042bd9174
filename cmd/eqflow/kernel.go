package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/magics"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/xla"
)

const kernelHelp = `The notebook kernel "eqflow (Go)": GoNB with eqflow ready in every cell. Install it once, then pick
it in JupyterLab, Notebook or VS Code.`

const kernelInstallHelp = `Builds GoNB and goimports as go.mod pins them, compiles what cells use, and tells Jupyter about the
kernel "eqflow (Go)". Cells then compile against the clone that it is run in, elsewhere against the
code that this program was built from. It needs no network once the modules are there; the first
time takes a minute or two. Run it again after that code has moved or changed its versions.`

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

// installKernel builds what the kernel needs, warms the build cache and writes the kernelspec.
func installKernel(ctx context.Context, stderr io.Writer, prefix, backend string) (folder string, err error) {
	root, err := gonb.FindCode(".")
	if err != nil {
		return "", asInput(err)
	}
	cache, err := gonb.CacheFolder()
	if err != nil {
		return "", err
	}
	i := serve.Installation{Prefix: prefix, Root: root}
	if backend != xla.Auto {
		opened, err := xla.Open(backend)
		if err != nil {
			return "", err
		}
		opened.Close()
		i.Backend = backend
	}
	line := newStatus(stderr, "kernel install")
	line.say("building GoNB")
	if i.Tools, err = gonb.BuildToolchain(ctx, root, cache); err != nil {
		return "", err
	}
	if i.Binary, err = serve.CopyBinary(cache); err != nil {
		return "", err
	}
	stop := line.tick("compiling what cells use, a minute or two the first time")
	err = serve.Warm(ctx, i.Tools, root)
	stop()
	if err != nil {
		return "", fmt.Errorf("a cell of the kernel fails: %w", err)
	}
	line.end("%s", time.Since(line.start).Round(100*time.Millisecond))
	return i.Install()
}

func newKernelUninstallCommand() *cobra.Command {
	var where place
	cmd := &cobra.Command{
		Use: "uninstall", Short: "Remove the kernel from Jupyter", Args: noArguments,
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
				return inputErrorf("no kernel is installed in %s; `eqflow kernel status` shows where one is", folder)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "removed ", folder)
			return err
		},
	}
	where.add(cmd)
	return cmd
}

func newKernelStatusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show where the kernel is installed, and what is broken", Args: noArguments,
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

const noGopls = "none, and no completion of Go in cells; go install golang.org/x/tools/gopls@latest brings it"

func showKernels(out io.Writer, found []serve.Installed) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(out, "no kernel is installed for this user or the active Python environment; run eqflow kernel install in a clone")
		return err
	}
	for _, k := range found {
		fmt.Fprintf(out, "kernel   %s, in %s\n", ipynb.SpecTitle, k.Folder)
		if k.Binary != "" {
			fmt.Fprintf(out, "program  %s\ncode     %s\nGoNB     %s, in %s\nbackend  %s\ngopls    %s\n", k.Binary, k.Root, k.Version, k.Tools, k.Computes, cmp.Or(k.Gopls, noGopls))
		}
		for _, what := range k.Broken {
			fmt.Fprintf(out, "BROKEN   %s\n", what)
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

// newKernelRunCommand is what Jupyter starts.
func newKernelRunCommand() *cobra.Command {
	return &cobra.Command{
		Use: "run CONNECTION_FILE", Short: "Serve a kernel; Jupyter calls this", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := serve.FromEnvironment(args[0], version())
			if err != nil {
				return err
			}
			cache, err := gonb.CacheFolder()
			if err != nil {
				return err
			}
			binary, err := os.Executable()
			if err != nil {
				return err
			}
			l.Program, l.Magics = binary, magics.All(binary, cache)
			return serve.Run(cmd.Context(), l)
		},
	}
}

// newKernelHelperCommand is what the kernel starts.
func newKernelHelperCommand() *cobra.Command {
	return &cobra.Command{
		Use: "helper", Short: "Answer the cells of a kernel; the kernel calls this", Args: noArguments, Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			return resident.Run(func(spec string) (compute.Backend, error) {
				opened, err := xla.Open(spec)
				if err != nil {
					return nil, err
				}
				fmt.Fprintln(os.Stderr, "computing with", opened)
				return opened.Backend, nil
			})
		},
	}
}
