package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/xla"
)

const xlaInstallHelp = `Installs the plugin that XLA needs into the user's cache folder: eqflow/pjrt in XDG_CACHE_HOME, or
in ~/.cache if that is not set. The plugins are cpu (the default; 66 MB to download, 259 MB
unpacked), and cuda12 and cuda13 for NVIDIA devices. pip downloads the file. Its SHA-256 must be the
known one before the plugin is put in place, as a whole. An installed plugin is left alone. Without
pip or network, fetch the wheel elsewhere and use --wheel.`

const xlaInstallExamples = `  eqflow xla install
  eqflow xla install cuda13
  eqflow xla install cpu --wheel xla_cpu_pjrt-0.0.1-py3-none-manylinux_2_27_x86_64.whl`

// newXLAInstallCommand installs a plugin.
func newXLAInstallCommand() *cobra.Command {
	var options xla.InstallOptions
	cmd := &cobra.Command{
		Use:       "install [cpu|cuda12|cuda13]",
		Short:     "Download and install the plugin that XLA needs",
		Long:      xlaInstallHelp,
		Example:   xlaInstallExamples,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: []string{xla.InstallCPU, xla.InstallCUDA12, xla.InstallCUDA13},
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := xla.InstallCPU
			if len(args) == 1 {
				kind = args[0]
			}
			return installPlugin(cmd, kind, options)
		},
	}
	cmd.Flags().StringVar(&options.Wheel, "wheel", "", "install from this `file`, not from the network")
	return cmd
}

// installPlugin installs the plugin and opens it, to check that this machine can use it.
func installPlugin(cmd *cobra.Command, kind string, options xla.InstallOptions) error {
	stages := &stageProgress{}
	options.Progress = stages.set
	installed, err := xla.Install(cmd.Context(), kind, options)
	stages.finish()
	if err != nil {
		return err
	}
	if installed.Already {
		fmt.Fprintln(cmd.ErrOrStderr(), "eqflow: already installed, nothing to do")
	}
	fmt.Fprintln(cmd.OutOrStdout(), installed.Path)
	if installed.Note != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "eqflow: note:", installed.Note)
		return nil
	}
	o, err := xla.Open(installed.Path)
	if err != nil {
		return fmt.Errorf("the plugin is installed but does not work: %w", err)
	}
	defer o.Close()
	fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: it works: XLA %s, PJRT %s\n", o.Kind, o.Version)
	return nil
}

// stageProgress shows one bar for each stage of an installation.
type stageProgress struct {
	stage string
	bar   *progress
}

func (s *stageProgress) set(stage string, done, total int64) {
	if stage != s.stage {
		s.finish()
		s.stage, s.bar = stage, newByteProgress(total, stage)
	}
	s.bar.Set(done)
}

func (s *stageProgress) finish() {
	if s.bar != nil {
		s.bar.Finish()
		s.bar = nil
	}
}
