package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/lab"
)

const labHelp = `From a clone to the notebooks in a browser: sets JupyterLab up in a Python environment of its own
(in the user's cache folder, once), installs XLA's plugin for the CPU if there is none, and the kernel
"eqflow (Go)", and opens the notebooks of this clone. It listens on 127.0.0.1 with a token, prints the address, and stops with its kernels
at Ctrl-C.`

// labOptions are the flags of "eqflow lab".
type labOptions struct {
	folder, backend string
	port            int
	noBrowser       bool
}

func newLabCommand() *cobra.Command {
	var o labOptions
	cmd := &cobra.Command{
		Use: "lab", Short: "Open the notebooks in JupyterLab", Long: labHelp, Args: noArguments,
		Example: "  eqflow lab\n  eqflow lab --dir ~/work --port 0 --no-browser",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	cmd.Flags().StringVar(&o.folder, "dir", "", "the `folder` of notebooks (default notebooks in the clone)")
	cmd.Flags().IntVar(&o.port, "port", 8888, "where it listens; 0 for any that is free")
	cmd.Flags().BoolVar(&o.noBrowser, "no-browser", false, "print the address alone")
	addBackendFlag(cmd, &o.backend)
	return cmd
}

func (o *labOptions) run(cmd *cobra.Command) error {
	ctx, stderr := cmd.Context(), cmd.ErrOrStderr()
	if o.port < 0 || o.port > 1<<16-1 {
		return inputErrorf("--port %d; give a number from 1 to 65535, or 0 for any port that is free", o.port)
	}
	root, err := gonb.FindRoot(".")
	if err != nil {
		return asInput(err)
	}
	if o.folder == "" {
		o.folder = filepath.Join(root, "notebooks")
	}
	if o.folder, err = filepath.Abs(o.folder); err != nil {
		return err
	}
	if info, err := os.Stat(o.folder); err != nil || !info.IsDir() {
		return inputErrorf("--dir %s is no folder", o.folder)
	}
	cache, err := gonb.CacheFolder()
	if err != nil {
		return err
	}
	line := newStatus(stderr, "lab")
	stop := func() {}
	environment, err := lab.Prepare(ctx, filepath.Join(cache, "lab"), func(text string) {
		stop()
		stop = line.tick(text)
	})
	stop()
	line.clear()
	if err != nil {
		return err
	}
	opened, err := openOrInstall(ctx, stderr, o.backend)
	if err != nil {
		return err
	}
	opened.Close()
	if _, err := installKernel(ctx, stderr, environment.Prefix, o.backend); err != nil {
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
	fmt.Fprintf(cmd.OutOrStdout(), "JupyterLab  %s\nnotebooks   %s\nstop        Ctrl-C\n", server.Address(""), o.folder)
	if !o.noBrowser {
		browse(server.Address(""))
	}
	started := time.Now()
	if err := server.Wait(ctx); err != nil {
		return fmt.Errorf("JupyterLab ended by itself after %s: %w (%s)", time.Since(started).Round(time.Second), err, log.Name())
	}
	return nil
}

// browse opens an address where there is a desktop; elsewhere the printed one is there to be copied.
func browse(address string) {
	program := "xdg-open"
	if runtime.GOOS == "darwin" {
		program = "open"
	}
	if command := exec.Command(program, address); command.Start() == nil {
		go func() { _ = command.Wait() }()
	}
}
