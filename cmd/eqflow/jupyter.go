package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/xla"
)

// The commands kernel, lab and reproduce share these steps of setting a machine up.

// openOrInstall opens a backend. If that is auto and no XLA is there, it installs the CPU plugin
// first. The caller closes the backend.
func openOrInstall(ctx context.Context, stderr io.Writer, spec string) (*xla.Opened, error) {
	opened, err := xla.Open(spec)
	if err != nil {
		return nil, err
	}
	if !opened.IsXLA() && spec == xla.Auto && os.Getenv(xla.EnvBackend) == "" {
		fmt.Fprintln(stderr, "eqflow: installing the XLA CPU plugin (66 MB)")
		if _, err := xla.Install(ctx, xla.CPU, xla.InstallOptions{}); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			fmt.Fprintf(stderr, "eqflow: no XLA (%s); going on with the Go backend\n", oneLine(err))
		}
		opened.Close()
		if opened, err = xla.Open(spec); err != nil {
			return nil, err
		}
	}
	fmt.Fprintln(stderr, "eqflow: computing with", opened)
	return opened, nil
}

// installKernel builds what the kernel needs, fills the build cache and writes the kernelspec. It
// returns the folder of the kernelspec.
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
	stop := line.tick("compiling the packages that cells use; the first time takes a minute or two")
	err = serve.Warm(ctx, i.Tools, root)
	stop()
	if err != nil {
		return "", fmt.Errorf("a cell of the kernel fails: %w", err)
	}
	line.end("%s", time.Since(line.start).Round(100*time.Millisecond))
	return i.Install()
}
