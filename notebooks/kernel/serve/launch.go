package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
)

// Launch says how a Jupyter kernel is served.
type Launch struct {
	Connection string // Jupyter's connection file
	Root       string // the checkout, or the module's folder, that cells compile against
	Program    string // eqflow itself, which becomes the resident helper; none if it is empty
	Tools      gonb.Toolchain
	Env        []string // further variables of the cells, "NAME=value"
	Magics     []Magic
	Version    string // for the banner
}

// Run is a kernel for Jupyter: it starts GoNB on private sockets, prepares its session, and passes everything between the
// two, adding what GoNB does not have: the magics, their completion, answers to "is this cell complete?", and interrupts
// that reach a cell while it still compiles. It returns when Jupyter shuts the kernel down, or ctx ends; nothing that it
// started outlives it, however it ends.
func Run(ctx context.Context, l Launch) error {
	c, err := readConnection(l.Connection)
	if err != nil {
		return err
	}
	gonb.RemoveStale()
	folder, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("kernel: the notebook's folder is gone: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go endWithParent(ctx, stop)
	f, err := listen(ctx, c)
	if err != nil {
		return err
	}
	defer f.close()
	go f.beat()
	e, err := gonb.NewEngine()
	if err != nil {
		return err
	}
	defer e.Close()
	env := l.Env
	if l.Program != "" {
		socket := filepath.Join(e.Dir(), "resident")
		host, err := resident.NewHost(socket, l.Program)
		if err != nil {
			return err
		}
		defer host.Close()
		env = append(slices.Clip(env), resident.EnvSocket+"="+socket, resident.EnvProgram+"="+l.Program)
		if err := os.Setenv(resident.EnvSocket, socket); err != nil { // magics ask it too
			return err
		}
	}
	err = e.Start(gonb.Options{Tools: l.Tools, Folder: folder, Env: env, Key: f.key, Name: filepath.Base(l.Connection)})
	if err != nil {
		return err
	}
	broken := prepare(ctx, e, l.Root)
	if ctx.Err() != nil {
		return nil
	}
	back, err := e.Dial(gonb.RandomToken())
	if err != nil {
		return fmt.Errorf("%w\n%s", err, e.Log())
	}
	defer back.Close()
	p := newProxy(f, back, e, l)
	p.broken = broken
	return p.run(ctx)
}

// imports are what every cell can use without importing it. Nothing else is prepared: what a cell can call, every later cell
// links.
var imports = []string{
	"eqflow", "eqflow/dataset", "eqflow/dynamics", "eqflow/figure", "eqflow/flow", "eqflow/mcmc", "eqflow/ode", "eqflow/particle",
	"eqflow/prior", "eqflow/stats", "eqflow/target", "notebooks/kernel/resident", "notebooks/kernel/session", "xla",
}

// prepare points the cells' module at root, without network, and imports what cells use. Its error is the user's to read.
func prepare(ctx context.Context, e *gonb.Engine, root string) error {
	s, err := e.Session(ctx)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, e.Log())
	}
	defer s.Channels.Close()
	if err := module(ctx, e, root); err != nil {
		return err
	}
	if err := hasImports(root); err != nil {
		return err
	}
	var cell strings.Builder
	cell.WriteString("%noautoget\nimport (\n")
	for _, path := range imports {
		fmt.Fprintf(&cell, "\t%q\n", gonb.Module+"/"+path)
	}
	cell.WriteString(")")
	out := ipynb.NewCollector()
	if _, err := s.Execute(ctx, cell.String(), gonb.Grace, out.Take); err != nil {
		return err
	}
	if out.Failure != "" {
		return errors.New(out.Failure)
	}
	return nil
}

// hasImports checks that root holds the packages that this program imports into every cell.
func hasImports(root string) error {
	for _, path := range imports {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(path))); err != nil {
			return fmt.Errorf("kernel: this program and the code that cells compile against are of different versions: %s has no %s; "+
				"run `eqflow kernel install` again", root, path)
		}
	}
	return nil
}

// module gives the cells' program the go.mod of root, with root in the place of the module.
func module(ctx context.Context, e *gonb.Engine, root string) error {
	places, err := filepath.Glob(filepath.Join(e.Dir(), "gonb_*"))
	if err != nil || len(places) != 1 {
		return fmt.Errorf("kernel: GoNB has made %d folders for its cells, not one; restart the kernel", len(places))
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return fmt.Errorf("kernel: the code that cells compile against has moved: %w; run `eqflow kernel install` in its clone", err)
		}
		if err := os.WriteFile(filepath.Join(places[0], name), text, 0o644); err != nil {
			return fmt.Errorf("kernel: cannot write the cells' %s: %w", name, err)
		}
	}
	_, err = gonb.GoCommand(ctx, places[0], "mod", "edit", "-module=notebook", "-replace="+gonb.Module+"="+root, "-require="+gonb.Module+"@v0.0.0")
	return err
}

// endWithParent stops when the Jupyter server that started this kernel is gone, which its shutdown did not announce.
func endWithParent(ctx context.Context, stop func()) {
	if os.Getenv("JPY_PARENT_PID") == "" {
		return
	}
	parent := os.Getppid()
	for ctx.Err() == nil && os.Getppid() == parent {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	stop()
}
