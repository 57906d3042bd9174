package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/resident"
)

// Launch says how a Jupyter kernel is served.
type Launch struct {
	Connection string // Jupyter's connection file
	Root       string // the checkout, or the module's folder, that cells compile against
	Program    string // eqflow itself, which becomes the resident helper; none if it is empty
	Tools      Toolchain
	Env        []string // further variables of the cells, "NAME=value"
	Magics     []Magic
	Version    string // for the banner
}

// Serve is a kernel for Jupyter: it starts GoNB on private sockets, prepares its session, and passes everything between the
// two, adding what GoNB does not have: the magics, their completion, answers to "is this cell complete?", and interrupts
// that reach a cell while it still compiles. It returns when Jupyter shuts the kernel down, or ctx ends; nothing that it
// started outlives it, however it ends.
func Serve(ctx context.Context, l Launch) error {
	c, err := readConnection(l.Connection)
	if err != nil {
		return err
	}
	removeStale()
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
	e, err := startEngine(engineOptions{
		Tools: l.Tools, Folder: folder, Env: l.Env, Key: f.key, Name: filepath.Base(l.Connection), Program: l.Program,
	})
	if err != nil {
		return err
	}
	defer e.close()
	if l.Program != "" { // magics ask it too
		if err := os.Setenv(resident.EnvSocket, e.helperSocket()); err != nil {
			return err
		}
	}
	broken := e.prepare(ctx, l.Root)
	if ctx.Err() != nil {
		return nil
	}
	back, err := e.dial(randomToken())
	if err != nil {
		return fmt.Errorf("%w\n%s", err, e.log())
	}
	defer back.close()
	p := newProxy(f, back, e, l)
	p.broken = broken
	return p.run(ctx)
}

// imports are what every cell can use without importing it. Nothing else is prepared: what a cell can call, every later cell
// links.
var imports = []string{
	"eqflow", "eqflow/dataset", "eqflow/dynamics", "eqflow/figure", "eqflow/flow", "eqflow/mcmc", "eqflow/ode", "eqflow/particle",
	"eqflow/prior", "eqflow/stats", "eqflow/target", "notebooks/resident", "notebooks/session", "xla",
}

// prepare points the cells' module at root, without network, and imports what cells use. Its error is the user's to read.
func (e *engine) prepare(ctx context.Context, root string) error {
	s, err := e.session(ctx)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, e.log())
	}
	defer s.channels.close()
	if err := e.module(ctx, root); err != nil {
		return err
	}
	var cell strings.Builder
	cell.WriteString("%noautoget\nimport (\n")
	for _, path := range imports {
		fmt.Fprintf(&cell, "\t%q\n", Module+"/"+path)
	}
	cell.WriteString(")")
	out := &collector{tell: func(string) {}, displays: map[string]map[string]any{}}
	if _, err := s.execute(ctx, cell.String(), grace, out.take); err != nil {
		return err
	}
	if out.failure != "" {
		return errors.New(out.failure)
	}
	return nil
}

// module gives the cells' program the go.mod of root, with root in the place of the module.
func (e *engine) module(ctx context.Context, root string) error {
	places, err := filepath.Glob(filepath.Join(e.dir, "gonb_*"))
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
	_, err = goCommand(ctx, places[0], "mod", "edit", "-module=notebook", "-replace="+Module+"="+root, "-require="+Module+"@v0.0.0")
	return err
}

// removeStale removes what kernels have left behind whose machine went down: their watchers remove the rest.
func removeStale() {
	folders, _ := filepath.Glob(filepath.Join(os.TempDir(), engineFolders+"*"))
	for _, folder := range folders {
		text, err := os.ReadFile(filepath.Join(folder, ownerFile))
		if err != nil {
			continue // of another user, or about to begin
		}
		owner, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && !alive(owner) {
			_ = os.RemoveAll(folder)
		}
	}
}

// ownerFile holds the process that an engine's folder belongs to.
const ownerFile = "owner"

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
