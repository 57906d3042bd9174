// Package live runs the cells of a notebook so that their values live on.
//
// A Kernel has a state of living names, which package cells compiles cells against, and a process,
// the host, which holds the values (process.go). A cell becomes a plugin (run.go, toolchain.go),
// which the host loads and runs. What the cell writes and displays goes to the cell's Output
// (outputs.go), also from a goroutine that has outlived the cell (late.go); what a cell reads comes
// from the Output's User (stdin.go). Questions about unfinished cells are answered beside the
// running cell (query.go), and values go to disk and back (keep.go). A cell that ends the host, by
// os.Exit or by a panic in a goroutine of its own, loses all values; the next cell starts a new
// host.
package live

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/cells"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// Grace is the time in which an interrupted cell must end. Then the host is ended, with all values.
const Grace = 5 * time.Second

// Options say where a kernel finds what it needs.
type Options struct {
	Module  string   // the folder of a module that holds eqflow's code
	Folder  string   // the cells' working folder
	Cache   string   // where the host is kept between kernels
	Scratch string   // where cells are compiled: a folder that exists, for this kernel alone
	Env     []string // further variables of the host, "NAME=value"
	Offered []string // packages that cells may use without an import
}

// Kernel runs cells, one at a time.
type Kernel struct {
	options  Options
	prepared chan struct{} // closed when tools or failure are set
	tools    *toolchain
	failure  error

	mu       sync.Mutex // guards a cell's run
	state    *cells.State
	seen     atomic.Pointer[view] // by questions
	archives map[string]string    // of cells, by import path
	symbols  symbols              // that cells offer

	autoget atomic.Bool // whether an import of a package that is in no module fetches it

	asking sync.Mutex // guards the host's answers to Describe

	processMu   sync.Mutex // guards the fields below
	process     *process
	environment map[string]string
	folder      string
	stop        context.CancelCauseFunc // of the running cell's build, or nil
	interrupted bool
}

// Failure is the error of a cell that ran and failed.
type Failure struct {
	wire.Ended
	Lost []string // the variables that have died with the host
	Dump string   // Go's own account of all goroutines, if a fatal error ended the host
}

func (f *Failure) Error() string { return f.Text }

// New returns a kernel that prepares itself in the background.
func New(ctx context.Context, o Options) *Kernel {
	k := &Kernel{
		options: o, prepared: make(chan struct{}), archives: map[string]string{}, symbols: symbols{},
		environment: map[string]string{}, folder: o.Folder,
	}
	go func() {
		defer close(k.prepared)
		k.failure = k.prepare(ctx)
	}()
	return k
}

// prepare prepares the tools and an empty state.
func (k *Kernel) prepare(ctx context.Context) error {
	o := k.options
	tools, err := prepare(ctx, o.Module, o.Cache, o.Offered)
	if err != nil {
		return err
	}
	own := filepath.Join(o.Scratch, "host") // the cache may be emptied while the kernel runs
	_ = os.Remove(own)
	if os.Link(tools.program, own) == nil {
		tools.program = own
	}
	tools.autoget = &k.autoget
	k.tools, k.state = tools, cells.NewState(tools)
	k.archives, k.symbols = map[string]string{}, symbols{}
	for _, path := range o.Offered { // the first cell then finds them read
		_, _ = tools.Import(path)
	}
	k.publish()
	return nil
}

// Warm compiles the packages that cells use and links the host, so that a kernel starts at once. On
// a machine that cannot load plugins it does nothing.
func Warm(ctx context.Context, o Options) error {
	_, err := prepare(ctx, o.Module, o.Cache, o.Offered)
	if errors.Is(err, errUnsupported) {
		return nil
	}
	return err
}

// Ready waits until the kernel can run cells, and returns the reason if it cannot.
func (k *Kernel) Ready(ctx context.Context) error {
	select {
	case <-k.prepared:
		return k.failure
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run runs a cell. number is the cell's number as the user sees it. The error is a *cells.Error for
// a cell that does not compile, a *cells.Unsupported for one that cannot live, and a *Failure for
// one that failed.
func (k *Kernel) Run(number int, code string, out Output) error {
	if err := k.Ready(context.Background()); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	k.processMu.Lock()
	k.stop, k.interrupted = stop, false
	k.processMu.Unlock()
	defer func() {
		k.processMu.Lock()
		k.stop = nil
		k.processMu.Unlock()
	}()
	k.noticeEnd(out)
	defer k.tools.during(ctx)()
	c, err := k.state.Compile(number, code)
	if ctx.Err() != nil {
		return notRun()
	}
	if err != nil {
		return err
	}
	if c.Source == "" {
		k.state.Commit(c)
		k.publish()
		return nil
	}
	plugin, err := k.build(ctx, c)
	if ctx.Err() != nil {
		return notRun()
	}
	if err != nil {
		return err
	}
	return k.execute(ctx, c, plugin, out)
}

// notRun is the failure of a cell that was interrupted too early for losing anything.
func notRun() *Failure {
	return &Failure{Ended: wire.Ended{Kind: wire.Interrupted, Text: "interrupted before the cell ran"}}
}

// host returns the running host, or starts one.
func (k *Kernel) host() (*process, error) {
	k.processMu.Lock()
	defer k.processMu.Unlock()
	if k.process != nil && !k.process.hasEnded() {
		return k.process, nil
	}
	p, err := startProcess(k.tools.program, k.folder, k.options, k.environment)
	if err == nil {
		k.process = p
	}
	return p, err
}

// Interrupt asks the running cell to end. A cell that does not end within Grace loses its host.
func (k *Kernel) Interrupt() {
	k.processMu.Lock()
	defer k.processMu.Unlock()
	if k.stop == nil {
		return
	}
	first := !k.interrupted
	k.interrupted = true
	k.stop(context.Canceled)
	if p := k.process; p != nil && p.busy() {
		p.interrupt()
		if first {
			go p.endUnlessIdle(Grace)
		}
	}
}

// Values describes the living variables.
func (k *Kernel) Values(ctx context.Context) ([]wire.Value, error) {
	k.processMu.Lock()
	p := k.process
	k.processMu.Unlock()
	if p == nil || p.hasEnded() {
		return nil, nil
	}
	k.asking.Lock()
	all, err := p.describe(ctx)
	k.asking.Unlock()
	for i := range all {
		all[i].Type, all[i].Summary = cleaned(all[i].Type), cleaned(all[i].Summary)
	}
	return all, err
}

// Tell hands a value of a widget to the running cell.
func (k *Kernel) Tell(value *protocol.CommValue) {
	k.processMu.Lock()
	p := k.process
	k.processMu.Unlock()
	if p != nil {
		p.tell(value)
	}
}

// Footprint returns the number of compiled cells in the host, and the bytes of their files.
func (k *Kernel) Footprint() (plugins int, bytes int64) {
	archives := k.seen.Load().archives
	for _, archive := range archives {
		if info, err := os.Stat(strings.TrimSuffix(archive, ".a") + ".so"); err == nil {
			bytes += info.Size()
		}
	}
	return len(archives), bytes
}

// Set sets an environment variable of the cells.
func (k *Kernel) Set(name, value string) {
	k.processMu.Lock()
	defer k.processMu.Unlock()
	k.environment[name] = value
	if k.process != nil {
		k.process.request(wire.Request{Set: map[string]string{name: value}})
	}
}

// ChangeFolder changes the cells' working folder.
func (k *Kernel) ChangeFolder(folder string) {
	k.processMu.Lock()
	defer k.processMu.Unlock()
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(k.folder, folder)
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return // GoNB says so
	}
	k.folder = folder
	if k.process != nil {
		k.process.request(wire.Request{Directory: folder})
	}
}

// Reset ends the host and forgets all names. Packages that have changed since are compiled again.
// It returns the variables that were lost.
func (k *Kernel) Reset(ctx context.Context) ([]string, error) {
	if err := k.Ready(ctx); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	lost := k.state.Variables()
	k.end()
	k.state = cells.NewState(k.tools) // also if the packages do not compile now
	k.archives, k.symbols = map[string]string{}, symbols{}
	return lost, k.prepare(ctx)
}

// end ends the host.
func (k *Kernel) end() {
	k.processMu.Lock()
	defer k.processMu.Unlock()
	if k.process != nil {
		k.process.kill()
		k.process = nil
	}
}

// Close ends the host.
func (k *Kernel) Close() { k.end() }
