package main

import (
	"context"
	"errors"
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
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
)

const labHelp = `Opens the notebooks in a browser. It first prepares what is missing: JupyterLab in a Python
environment of its own (in the user's cache folder, once), XLA's plugin for the CPU, and the kernel
"eqflow (Go)". JupyterLab listens on 127.0.0.1 with a token. The command prints the address. Ctrl-C
stops JupyterLab and its kernels.

In a clone it opens the clone's notebooks. The file browser leaves out the folders of Go code. The
notebooks that are as they were committed are signed, so that their films have buttons at once.
Elsewhere it opens the present folder, and copies the notebooks to ` + copiesFolder + ` in that folder.
Copies that are there already stay as they are. With --dir it opens another folder, and copies
nothing.`

// copiesFolder is where lab copies the notebooks to if it runs outside a clone.
const copiesFolder = "eqflow-notebooks"

// labOptions are the flags of "eqflow lab".
type labOptions struct {
	folder, backend string
	port            int
	noBrowser       bool

	root   string   // of the code
	begin  string   // the folder below the served folder where the file browser begins
	hidden []string // the folders that the file browser leaves out
	sign   []string // the notebooks to sign
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
	cmd.Flags().StringVar(&o.folder, "dir", "", "open this `folder` (default notebooks in the clone; elsewhere the present folder)")
	cmd.Flags().IntVar(&o.port, "port", 8888, "the port where JupyterLab listens; 0 for any free port")
	cmd.Flags().BoolVar(&o.noBrowser, "no-browser", false, "print the address, and open no browser")
	addBackendFlag(cmd, &o.backend)
	return cmd
}

func (o *labOptions) run(cmd *cobra.Command) error {
	ctx, stderr := cmd.Context(), cmd.ErrOrStderr()
	if err := o.check(ctx); err != nil {
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
	if err := environment.Trust(ctx, o.sign); err != nil {
		fmt.Fprintln(stderr, "eqflow:", oneLine(err))
	}
	server, err := environment.Start(ctx, lab.Options{Folder: o.folder, Port: o.port, Hidden: o.hidden, Log: log})
	if err != nil {
		return fmt.Errorf("%w (%s)", err, log.Name())
	}
	defer server.Close()
	address := server.Address(o.begin)
	notebooks := filepath.Join(o.folder, o.begin)
	fmt.Fprintf(cmd.OutOrStdout(), "JupyterLab  %s\nnotebooks   %s\nstop        Ctrl-C\n", address, notebooks)
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
func (o *labOptions) check(ctx context.Context) (err error) {
	if o.port < 0 || o.port > 1<<16-1 {
		return inputErrorf("--port %d; give a number from 1 to 65535, or 0 for any free port", o.port)
	}
	if o.root, err = gonb.FindCode("."); err != nil {
		return asInput(err)
	}
	_, err = gonb.FindRoot(".")
	clone := err == nil
	chosen := o.folder
	if o.folder, err = filepath.Abs(o.folder); err != nil {
		return err
	}
	if info, err := os.Stat(o.folder); err != nil || !info.IsDir() {
		return inputErrorf("--dir %s is no folder", o.folder)
	}
	switch {
	case chosen != "":
	case clone:
		o.folder = filepath.Join(o.root, "notebooks")
	default:
		o.begin = copiesFolder
		o.sign, err = lab.CopyNotebooks(filepath.Join(o.root, "notebooks"), filepath.Join(o.folder, o.begin))
		return err
	}
	if o.folder == filepath.Join(o.root, "notebooks") {
		o.hidden, o.sign = lab.CodeFolders(o.folder), lab.Committed(ctx, o.folder)
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
	if errors.Is(err, serve.ErrPlace) {
		err = fmt.Errorf("%w; set XDG_CACHE_HOME to a folder that can be written", err)
	}
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
