package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/lab"
)

const labHelp = `Opens the notebooks of this clone in a browser. It first prepares what is missing: JupyterLab in a
Python environment of its own (in the user's cache folder, once), XLA's plugin for the CPU, and the
kernel "eqflow (Go)". JupyterLab listens on 127.0.0.1 with a token. The command prints the address.
Ctrl-C stops JupyterLab and its kernels.`

// labOptions are the flags of "eqflow lab".
type labOptions struct {
	folder, backend string
	port            int
	noBrowser       bool
}

// newLabCommand opens the notebooks in JupyterLab.
func newLabCommand() *cobra.Command {
	var o labOptions
	cmd := &cobra.Command{
		Use:     "lab",
		Short:   "Open the notebooks in JupyterLab",
		Long:    labHelp,
		Example: "  eqflow lab\n  eqflow lab --dir ~/work --port 0 --no-browser",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	cmd.Flags().StringVar(&o.folder, "dir", "", "the `folder` of notebooks (default notebooks in the clone)")
	cmd.Flags().IntVar(&o.port, "port", 8888, "the port where JupyterLab listens; 0 for any free port")
	cmd.Flags().BoolVar(&o.noBrowser, "no-browser", false, "print the address, and open no browser")
	addBackendFlag(cmd, &o.backend)
	return cmd
}

func (o *labOptions) run(cmd *cobra.Command) error {
	ctx, stderr := cmd.Context(), cmd.ErrOrStderr()
	if err := o.check(); err != nil {
		return err
	}
	cache, err := gonb.CacheFolder()
	if err != nil {
		return err
	}
	environment, err := o.prepare(ctx, stderr, cache)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(cache, "lab.log"))
	if err != nil {
		return fmt.Errorf("cannot write JupyterLab's log: %w", err)
	}
	defer log.Close()
	server, err := environment.Start(ctx, lab.Options{Folder: o.folder, Port: o.port, Log: log})
	if err != nil {
		return fmt.Errorf("%w (%s)", err, log.Name())
	}
	defer server.Close()
	address := server.Address("")
	fmt.Fprintf(cmd.OutOrStdout(), "JupyterLab  %s\nnotebooks   %s\nstop        Ctrl-C\n", address, o.folder)
	if !o.noBrowser {
		browse(address)
	}
	started := time.Now()
	if err := server.Wait(ctx); err != nil {
		ran := time.Since(started).Round(time.Second)
		return fmt.Errorf("JupyterLab ended by itself after %s: %w (%s)", ran, err, log.Name())
	}
	return nil
}

// check refuses wrong flags, and finds the folder of the notebooks.
func (o *labOptions) check() error {
	if o.port < 0 || o.port > 1<<16-1 {
		return inputErrorf("--port %d; give a number from 1 to 65535, or 0 for any free port", o.port)
	}
	root, err := gonb.FindRoot(".")
	if err != nil {
		return asInput(err)
	}
	if o.folder, err = filepath.Abs(cmp.Or(o.folder, filepath.Join(root, "notebooks"))); err != nil {
		return err
	}
	if info, err := os.Stat(o.folder); err != nil || !info.IsDir() {
		return inputErrorf("--dir %s is no folder", o.folder)
	}
	return nil
}

// prepare sets JupyterLab, the backend and the kernel up, where they are missing.
func (o *labOptions) prepare(ctx context.Context, stderr io.Writer, cache string) (lab.Environment, error) {
	line := newStatus(stderr, "lab")
	stop := func() {}
	environment, err := lab.Prepare(ctx, filepath.Join(cache, "lab"), func(text string) {
		stop()
		stop = line.tick(text)
	})
	stop()
	line.clear()
	if err != nil {
		return environment, err
	}
	opened, err := openOrInstall(ctx, stderr, o.backend)
	if err != nil {
		return environment, err
	}
	opened.Close()
	_, err = installKernel(ctx, stderr, environment.Prefix, o.backend)
	return environment, err
}

// browse opens an address on a machine with a desktop. Elsewhere the user copies the printed
// address.
func browse(address string) {
	program := "xdg-open"
	if runtime.GOOS == "darwin" {
		program = "open"
	}
	if command := exec.Command(program, address); command.Start() == nil {
		go func() { _ = command.Wait() }()
	}
}
