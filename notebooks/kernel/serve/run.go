package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/eqflow/gonb-eqflow/internal/gocommand"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
)

// Launch says how a Jupyter kernel is served.
type Launch struct {
	Connection string // Jupyter's connection file
	Root       string // the clone, or the module's folder, that cells compile against
	Program    string // the eqflow program, which becomes the resident helper; empty for no helper
	Tools      gonb.Toolchain
	Env        []string // further variables of the cells, "NAME=value"
	Magics     []Magic
	Version    string // for the banner
	Live       bool   // values live on between cells
}

// Run serves a kernel to Jupyter. It starts GoNB on private sockets, prepares it for cells, and
// passes all messages between Jupyter and GoNB. It adds the parts that GoNB does not have: magics
// and their completion, answers to "is this cell complete?", and interrupts that reach a cell while
// it still compiles. Run returns when Jupyter shuts the kernel down or when ctx ends. Nothing that
// it started outlives it, however it ends.
func Run(ctx context.Context, l Launch) error {
	c, err := readConnection(l.Connection)
	if err != nil {
		return err
	}
	gonb.RemoveStale()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go endWithParent(ctx, stop)
	for _, warning := range c.warnings(l.Connection) {
		report(warning)
	}
	f, err := listen(c)
	if err != nil {
		return err
	}
	defer f.close()
	if err := gonb.CheckGo(ctx, l.Root); errors.Is(err, gonb.ErrGo) {
		return refuseAll(ctx, f, l, err)
	}
	if err := gocommand.Seed(); err != nil {
		tell(fmt.Errorf("kernel: the shared build cache is not used, so that the first cell takes a while: %w", err))
	}
	kernel, err := gonb.NewKernel()
	if err != nil {
		return lament(ctx, f, l, err)
	}
	defer kernel.Close()
	stopHelper, err := l.start(kernel, f.key)
	if err != nil {
		return lament(ctx, f, l, err)
	}
	defer stopHelper()
	return l.serve(ctx, f, kernel)
}

// serve prepares a started kernel, and passes messages on until the kernel ends.
func (l Launch) serve(ctx context.Context, f *front, kernel *gonb.Kernel) error {
	broken := l.prepare(ctx, kernel)
	if ctx.Err() != nil {
		return nil
	}
	if errors.Is(broken, gonb.ErrEnded) || errors.Is(broken, gonb.ErrSilent) {
		return lament(ctx, f, l, broken)
	}
	if broken != nil {
		tell(broken)
	}
	back, err := kernel.Dial(gonb.RandomToken())
	if err != nil {
		return lament(ctx, f, l, err)
	}
	defer back.Close()
	p := newProxy(f, back, kernel, l)
	p.broken, p.toGoNB = broken, &private{Socket: back.Shell}
	if l.Live && broken == nil {
		if p.living, err = newLiving(ctx, p); err != nil {
			return err
		}
		defer p.living.kernel.Close()
	}
	return p.run(ctx)
}

// start starts GoNB and, if there is a program for it, the resident helper. stop ends the helper.
func (l Launch) start(kernel *gonb.Kernel, key gonb.Signer) (stop func(), err error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("kernel: the notebook's folder is gone: %w", err)
	}
	o := gonb.Options{Tools: l.Tools, Folder: folder, Env: l.Env, Key: key, Name: filepath.Base(l.Connection)}
	if l.Program == "" {
		return func() {}, kernel.Start(o)
	}
	socket := filepath.Join(kernel.Dir(), "resident")
	host, err := resident.NewHost(socket, l.Program)
	if err != nil {
		return nil, err
	}
	o.Env = append(slices.Clip(l.Env), resident.EnvSocket+"="+socket, resident.EnvProgram+"="+l.Program)
	err = os.Setenv(resident.EnvSocket, socket) // the magics, in this process, use the helper too
	if err == nil {
		err = kernel.Start(o)
	}
	if err != nil {
		host.Close()
		return nil, err
	}
	return host.Close, nil
}

// endWithParent calls stop when the Jupyter server that started this kernel has ended without a
// shutdown request.
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
