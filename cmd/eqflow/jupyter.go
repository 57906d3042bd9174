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
// returns the folder of the kernelspec. A kernel that root installs below a prefix has its parts
// there, for every user. All others have their parts in the user's cache.
func installKernel(ctx context.Context, stderr io.Writer, prefix, backend string) (folder string, err error) {
	i := serve.Installation{Prefix: prefix}
	if i.Root, err = gonb.FindCode("."); err != nil {
		return "", asInput(err)
	}
	if prefix != "" {
		if err := serve.CheckPrefix(prefix); err != nil {
			return "", asInput(err)
		}
	}
	if err := gonb.CheckGo(ctx, i.Root); err != nil {
		return "", err
	}
	if i.Backend, err = chosenBackend(backend); err != nil {
		return "", err
	}
	if serve.IsShared(prefix) {
		defer serve.LetOthersRead()()
	}
	line := newStatus(stderr, "kernel install")
	if err := placeParts(ctx, line, &i); err != nil {
		return "", err
	}
	stop := line.tick("compiling the packages that cells use; the first time takes some minutes")
	if i.Share != nil {
		err = i.Share.Warm(ctx, i.Tools)
	} else {
		err = serve.Warm(ctx, i.Tools, i.Root)
	}
	stop()
	if err != nil {
		return "", fmt.Errorf("a cell of the kernel fails: %w", err)
	}
	line.end("%s", time.Since(line.start).Round(100*time.Millisecond))
	return i.Install()
}

// placeParts puts the kernel's parts where the kernelspec's readers can read them.
func placeParts(ctx context.Context, line *status, i *serve.Installation) error {
	if serve.IsShared(i.Prefix) {
		line.say("copying the code and the Go modules, for every user")
		share, err := serve.NewShare(ctx, i.Prefix, i.Root)
		if err != nil {
			return err
		}
		i.Share, i.Root = &share, share.Root()
		line.say("building GoNB")
		if i.Tools, err = gonb.BuildToolchain(ctx, i.Root, share.Folder); err != nil {
			return err
		}
		if i.Binary, err = share.CopyBinary(); err != nil {
			return err
		}
		return addPlugin(share)
	}
	cache, err := gonb.CacheFolder()
	if err != nil {
		return err
	}
	line.say("building GoNB")
	if i.Tools, err = gonb.BuildToolchain(ctx, i.Root, cache); err != nil {
		return err
	}
	if i.Modules, err = gonb.GoCommand(ctx, i.Root, "env", "GOMODCACHE"); err != nil {
		return err
	}
	i.Binary, err = serve.CopyBinary(cache)
	return err
}

// addPlugin lets every user compute with this user's XLA for the CPU.
func addPlugin(share serve.Share) error {
	opened, err := xla.Open(xla.CPU)
	if err != nil {
		return nil // the Go backend serves everybody
	}
	defer opened.Close()
	if err := share.AddPlugin(opened.Plugin); err != nil {
		return fmt.Errorf("kernel: cannot copy XLA's plugin: %w", err)
	}
	return nil
}

// chosenBackend checks that a backend opens. It returns "" for the best available.
func chosenBackend(spec string) (string, error) {
	if spec == xla.Auto {
		return "", nil
	}
	opened, err := xla.Open(spec)
	if err != nil {
		return "", err
	}
	opened.Close()
	return spec, nil
}
