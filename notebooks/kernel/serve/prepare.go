package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live"
)

// imports are the packages that every cell can use without an import. Nothing else is prepared,
// since every cell links all declarations of earlier cells.
var imports = []string{
	"eqflow", "eqflow/dataset", "eqflow/density", "eqflow/dynamics", "eqflow/engine", "eqflow/evaluate",
	"eqflow/figure", "eqflow/flow", "eqflow/mcmc", "eqflow/ode", "eqflow/particle", "eqflow/prior", "eqflow/stats",
	"eqflow/target", "eqflow/train", "notebooks/kernel/resident", "notebooks/kernel/session", "xla",
}

// prepare connects to the kernel and prepares it. The error is shown to the user in every cell.
func (l Launch) prepare(ctx context.Context, kernel *gonb.Kernel) error {
	client, err := kernel.Connect(ctx)
	if err != nil {
		return err
	}
	defer client.Channels.Close()
	return prepare(ctx, client, l.Root)
}

// prepare points the cells' module at root, without network, and runs the cell that imports the
// packages.
func prepare(ctx context.Context, client *gonb.Client, root string) error {
	if err := setModule(ctx, client.Dir(), root); err != nil {
		return err
	}
	if err := checkImports(root); err != nil {
		return err
	}
	var cell strings.Builder
	cell.WriteString("%noautoget\nimport (\n")
	for _, path := range imports {
		fmt.Fprintf(&cell, "\t%q\n", gonb.Module+"/"+path)
	}
	cell.WriteString(")")
	return runCell(ctx, client, cell.String())
}

// runCell runs a cell and returns its failure as an error.
func runCell(ctx context.Context, client *gonb.Client, code string) error {
	out := ipynb.NewCollector()
	if _, err := client.Execute(ctx, code, out.Collect); err != nil {
		return err
	}
	if out.Failure != "" {
		return errors.New(out.Failure)
	}
	return nil
}

// setModule lets the module of the cells in GoNB's folder dir compile against root.
func setModule(ctx context.Context, dir, root string) error {
	folder, err := moduleFolder(dir)
	if err != nil {
		return err
	}
	return writeModule(ctx, folder, root)
}

// writeModule writes the go.mod and go.sum of cells that compile against root.
func writeModule(ctx context.Context, dir, root string) error {
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return fmt.Errorf("kernel: the code that cells compile against has moved: %w; "+
				"run `eqflow kernel install` in its clone", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("kernel: cannot write the cells' %s: %w", name, err)
		}
	}
	_, err := gonb.GoCommand(ctx, dir, "mod", "edit", "-module=notebook",
		"-replace="+gonb.Module+"="+root, "-require="+gonb.Module+"@v0.0.0")
	return err
}

// checkImports checks that root holds the packages that this program imports into every cell.
func checkImports(root string) error {
	for _, path := range imports {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(path))); err != nil {
			return fmt.Errorf("kernel: this program and the code that cells compile against differ in version: "+
				"%s has no %s; run `eqflow kernel install` again", root, path)
		}
	}
	return nil
}

// warmCell links everything that the cells of a notebook usually link.
const warmCell = `%%
opened, err := xla.Open(xla.Auto)
if err != nil {
	panic(err)
}
opened.Close()
_, _, _ = eqflow.Generator{Target: target.DW4(), Flow: flow.Continuous{}}, train.Settings{}, figure.Axes{}`

// Warm fills Go's build cache with the packages that cells link, built with the cells' flags, so
// that the first cell of the first notebook starts at once. On a fresh machine it takes some
// minutes.
func Warm(ctx context.Context, tools gonb.Toolchain, root string) error {
	client, err := gonb.Open(ctx, tools, root, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := prepare(ctx, client, root); err != nil {
		return err
	}
	if err := runCell(ctx, client, warmCell); err != nil {
		return err
	}
	module, err := moduleFolder(client.Dir())
	if err != nil {
		return err
	}
	cache, err := gonb.CacheFolder()
	if err != nil {
		return err
	}
	return live.Warm(ctx, live.Options{Module: module, Cache: cache, Offered: offered()})
}

// moduleFolder returns the folder of the cells' module in GoNB's folder dir.
func moduleFolder(dir string) (string, error) {
	folders, err := filepath.Glob(filepath.Join(dir, "gonb_*"))
	if err != nil || len(folders) != 1 {
		return "", fmt.Errorf("kernel: GoNB has %d folders for its cells, not one; restart the kernel", len(folders))
	}
	return folders[0], nil
}

// offered returns the import paths of the packages that cells can use without an import.
func offered() []string {
	paths := make([]string, len(imports))
	for i, path := range imports {
		paths[i] = gonb.Module + "/" + path
	}
	return paths
}
