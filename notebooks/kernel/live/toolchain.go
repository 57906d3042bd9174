package live

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eqflow/gonb-eqflow/internal/gocommand"
	"github.com/eqflow/gonb-eqflow/internal/lock"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// module is the import path that the packages of living cells begin with.
const module = "github.com/eqflow/gonb-eqflow/notebooks/kernel/live/"

// buildFlags are the flags that the host and all packages of cells are compiled with. One set of
// flags makes the plugins fit the host.
var buildFlags = []string{"-buildmode=plugin", "-gcflags=all=-linkshared"}

// toolchain compiles cells against packages that are compiled already.
type toolchain struct {
	folder  string          // of the module whose go.mod chooses the packages
	tools   string          // of the compiler and the linker
	cc      string          // the C compiler, which links plugins
	env     []string        // of the compiler and the linker
	program string          // the host
	symbols symbols         // that the host offers
	files   *token.FileSet  // of the packages
	autoget *atomic.Bool    // whether packages of no module are fetched, or nil
	offered map[string]bool // packages that need no import

	mu       sync.Mutex
	archives map[string]string   // compiled packages by import path
	named    map[string][]string // import paths by package name
	rank     map[string]int      // of import paths
	standard []string            // names and paths of the standard library, or nil
	importer types.Importer
	ctx      context.Context // of the running cell, or nil
}

// errUnsupported is the error of a machine that cannot load plugins.
var errUnsupported = errors.New("cells run one by one, and their values do not live on")

// prepare compiles the packages that cells use, and links the host. With a warm cache it takes a
// second. folder is the folder of a module that holds this code; cache keeps the host; offered are
// packages that cells may use without an import.
func prepare(ctx context.Context, folder, cache string, offered []string) (*toolchain, error) {
	t := &toolchain{
		folder: folder, archives: map[string]string{}, named: map[string][]string{}, offered: map[string]bool{},
		rank: maps.Clone(ranks), files: token.NewFileSet(),
	}
	for _, path := range offered {
		t.offered[path] = true
	}
	if err := t.findTools(ctx); err != nil {
		return nil, err
	}
	if _, err := t.list(ctx, append(slices.Clone(offered), module+"host", module+"values", "runtime/cgo")); err != nil {
		return nil, err
	}
	t.importer = importer.ForCompiler(t.files, "gc", t.open)
	var err error
	if t.program, err = t.linkHost(ctx, cache); err != nil {
		return nil, err
	}
	t.symbols = symbols{}
	return t, t.symbols.add(t.program, func(string) bool { return true })
}

// findTools finds Go's compiler and linker, and checks that this program understands their files.
func (t *toolchain) findTools(ctx context.Context) error {
	out, err := gonb.GoCommand(ctx, t.folder, "env", "GOTOOLDIR", "CC", "GOVERSION", "CGO_ENABLED", "GOOS")
	if err != nil {
		return err
	}
	lines := strings.Split(out, "\n")
	if len(lines) < 5 {
		return fmt.Errorf("go env says only %q", out)
	}
	t.tools, t.cc, t.env = lines[0], lines[1], gocommand.Environment(os.Environ())
	switch {
	case lines[4] != "linux":
		return fmt.Errorf("%w: plugins are supported on Linux only", errUnsupported)
	case lines[3] != "1":
		return fmt.Errorf("%w: plugins need cgo; install gcc, and set CGO_ENABLED=1", errUnsupported)
	case lines[2] != runtime.Version():
		return fmt.Errorf("%w: the go command is %s, and this program was built by %s; "+
			"run `eqflow kernel install` again",
			errUnsupported, lines[2], runtime.Version())
	}
	if _, err := exec.LookPath(strings.Fields(t.cc)[0]); err != nil {
		return fmt.Errorf("%w: plugins need the C compiler: %w", errUnsupported, err)
	}
	return nil
}

// list compiles packages and what they import, and notes their archives. changed names a package
// that has been compiled anew since, so that the host does not fit it.
func (t *toolchain) list(ctx context.Context, paths []string) (changed string, err error) {
	args := append([]string{"list", "-export", "-deps"}, buildFlags...)
	args = append(args, "-f", "{{if .Export}}{{.ImportPath}}\t{{.Name}}\t{{.Standard}}\t{{.Export}}{{end}}")
	out, err := gonb.GoCommand(ctx, t.folder, append(args, paths...)...)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 4 {
			continue
		}
		path, name := fields[0], fields[1]
		if known := t.archives[path]; known != "" {
			if known != fields[3] {
				changed = path
			}
			continue
		}
		t.archives[path] = fields[3]
		if t.offered[path] {
			t.rank[path] = offeredRank
		} else if fields[2] != "true" {
			t.rank[path] = foreignRank
		}
		if isPublic(path) && name != "main" {
			t.named[name] = append(t.named[name], path)
		}
	}
	for _, all := range t.named {
		slices.SortFunc(all, t.likelier)
	}
	return changed, nil
}

func isPublic(path string) bool {
	return !strings.HasPrefix(path, "internal/") && !strings.Contains(path, "/internal/") &&
		!strings.HasPrefix(path, "vendor/")
}

// ranks orders packages of one name: the smaller is the likelier in a notebook. Packages without a
// rank are of the standard library.
var ranks = map[string]int{"math/rand/v2": -3, "math/rand": -2, "text/template": -2, "html/template": -1}

const (
	offeredRank = -10
	foreignRank = 10
)

func (t *toolchain) likelier(a, b string) int {
	if t.rank[a] != t.rank[b] {
		return t.rank[a] - t.rank[b]
	}
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// open opens a compiled package for the type checker.
func (t *toolchain) open(path string) (io.ReadCloser, error) {
	file := t.archives[path]
	if file == "" {
		return nil, fmt.Errorf("package %s is not compiled", path)
	}
	return os.Open(file)
}

// Import returns a package for the type checker. A package that no cell has used is compiled first.
func (t *toolchain) Import(path string) (*types.Package, error) {
	return t.load(path, t.autoget != nil && t.autoget.Load())
}

// load is Import. fetch says whether a package of no module is fetched.
func (t *toolchain) load(path string, fetch bool) (*types.Package, error) {
	t.mu.Lock()
	known := path == "unsafe" || t.archives[path] != ""
	t.mu.Unlock()
	if !known {
		changed, err := t.list(t.context(), []string{path})
		if fetch && isMissing(err) {
			changed, err = "", t.fetch(path)
		}
		if err != nil {
			return nil, importError(path, err)
		}
		if changed != "" {
			return nil, fmt.Errorf("%s needs another version of %s than the living values have: "+
				"%%eqflow reset starts anew with it", path, changed)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.importer.Import(path)
}

// importError shortens the go command's message about a package that it cannot import.
func importError(path string, err error) error {
	if isMissing(err) {
		return fmt.Errorf("package %[1]s is in no module of this notebook: begin the cell with %%autoget, "+
			"or run !*go get %[1]s in a cell", path)
	}
	return err
}

// Named lists the packages of a name that cells may use without an import.
func (t *toolchain) Named(name string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.named[name]
}

// Others lists the packages of a name in the standard library that no cell has used.
func (t *toolchain) Others(name string) []string {
	t.mu.Lock()
	standard := t.standard
	t.mu.Unlock()
	if standard == nil {
		out, err := gonb.GoCommand(t.context(), t.folder, "list", "-f", "{{.Name}} {{.ImportPath}}", "std")
		if err != nil {
			return nil
		}
		standard = strings.Split(out, "\n")
		t.mu.Lock()
		t.standard = standard
		t.mu.Unlock()
	}
	var paths []string
	for _, line := range standard {
		if other, path, _ := strings.Cut(line, " "); other == name && isPublic(path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// importConfig writes the places of all compiled packages, for the compiler and the linker.
func (t *toolchain) importConfig(file string, more map[string]string) error {
	var b strings.Builder
	t.mu.Lock()
	for path, archive := range t.archives {
		fmt.Fprintf(&b, "packagefile %s=%s\n", path, archive)
	}
	t.mu.Unlock()
	for path, archive := range more {
		fmt.Fprintf(&b, "packagefile %s=%s\n", path, archive)
	}
	return os.WriteFile(file, []byte(b.String()), 0o600)
}

// keptUnused is the time after which a host that no kernel has used is removed.
const keptUnused = 30 * 24 * time.Hour

// removeOld removes the hosts of earlier versions of the code.
func removeOld(cache string) {
	programs, _ := filepath.Glob(filepath.Join(cache, "live-*", "host"))
	for _, program := range programs {
		if info, err := os.Stat(program); err == nil && time.Since(info.ModTime()) > keptUnused {
			_ = os.RemoveAll(filepath.Dir(program))
		}
	}
}

// linkHost returns the host program for the packages. It links the program unless the cache has it.
func (t *toolchain) linkHost(ctx context.Context, cache string) (string, error) {
	sum := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(t.archives)) {
		fmt.Fprintln(sum, path, t.archives[path])
	}
	fmt.Fprintln(sum, slices.Sorted(maps.Keys(t.offered)))
	folder := filepath.Join(cache, "live-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	program := filepath.Join(folder, "host")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("no folder for the host: %w; set XDG_CACHE_HOME to a writable folder", err)
	}
	held, err := lock.Wait(ctx, filepath.Join(folder, "lock"), func(string) {})
	if err != nil {
		return "", fmt.Errorf("cannot link the host: %w", err)
	}
	defer held.Release()
	if _, err := os.Stat(program); err == nil {
		now := time.Now()
		return program, os.Chtimes(program, now, now)
	}
	removeOld(cache)
	source, object := filepath.Join(folder, "main.go"), filepath.Join(folder, "main.a")
	config := filepath.Join(folder, "importcfg")
	err = errors.Join(os.WriteFile(source, []byte(t.hostMain()), 0o600), t.importConfig(config, nil))
	if err != nil {
		return "", err
	}
	if err := t.compile(ctx, "main", config, source, object); err != nil {
		return "", err
	}
	err = t.tool(ctx, folder, "link", "-o", program+".part", "-importcfg", config, "-buildmode=pie",
		"-linkmode=external", "-s", "-w", "-extld", t.cc, object)
	if err != nil {
		return "", err
	}
	return program, os.Rename(program+".part", program)
}

// compile compiles one file to the archive of a package.
func (t *toolchain) compile(ctx context.Context, path, config, source, archive string) error {
	folder := filepath.Dir(source)
	return t.tool(ctx, folder, "compile", "-o", archive, "-p", path, "-complete", "-dynlink", "-linkshared",
		"-dwarf=false", "-trimpath", folder+"=>", "-importcfg", config, "-pack", source)
}

// linkPlugin links the archive of a cell to a plugin. more are the archives of earlier cells, and
// cells is what they offer.
func (t *toolchain) linkPlugin(
	ctx context.Context, path, archive, plugin string, more map[string]string, cells symbols,
) error {
	err := t.linkSmall(ctx, path, archive, plugin, more, cells)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return t.linkWhole(ctx, path, archive, plugin)
}

// linkWhole links a plugin that holds everything which the cell uses.
func (t *toolchain) linkWhole(ctx context.Context, path, archive, plugin string) error {
	config := filepath.Join(filepath.Dir(plugin), "importcfg")
	return t.tool(ctx, filepath.Dir(plugin), "link", "-o", plugin, "-importcfg", config, "-buildmode=plugin",
		"-pluginpath", path, "-s", "-w", "-extld", t.cc, archive)
}

// dropStub is a C compiler that forgets the stub, so that the plugin does not ask for it when
// loaded.
const dropStub = `#!/bin/sh
for a; do
	shift
	case "$a" in -lhost|-L*|-Wl,-rpath*) ;; *) set -- "$@" "$a" ;; esac
done
exec %s "$@"
`

// linkSmall links a plugin that takes everything but the cell from the running host. It fails for a
// cell that uses what the host does not have.
func (t *toolchain) linkSmall(
	ctx context.Context, path, archive, plugin string, more map[string]string, cells symbols,
) error {
	if runtime.GOARCH != "amd64" {
		return errors.ErrUnsupported // stubs are written for this processor alone
	}
	object, err := os.ReadFile(archive)
	if err != nil {
		return err
	}
	used, err := references(object)
	if err != nil {
		return err
	}
	folder := filepath.Dir(plugin)
	stub, config := filepath.Join(folder, stubName), filepath.Join(folder, "stubcfg")
	linker := filepath.Join(folder, "ld.sh")
	var b strings.Builder
	t.mu.Lock()
	for path := range t.archives {
		fmt.Fprintf(&b, "packageshlib %s=%s\n", path, stub)
	}
	t.mu.Unlock()
	for path := range more {
		fmt.Fprintf(&b, "packageshlib %s=%s\n", path, stub)
	}
	err = errors.Join(writeStub(stub, used, offer{cells, t.symbols}, t.symbols[knownBytes].data),
		os.WriteFile(config, []byte(b.String()), 0o600),
		os.WriteFile(linker, fmt.Appendf(nil, dropStub, t.cc), 0o700))
	if err != nil {
		return err
	}
	err = t.tool(ctx, folder, "link", "-o", plugin, "-importcfg", config, "-linkshared", "-buildmode=plugin",
		"-pluginpath", path, "-s", "-w", "-extld", linker, archive)
	if err != nil {
		return err
	}
	const word = 8
	next := binary.LittleEndian.Uint64(t.symbols[moduleType].data) - word
	return useHost(plugin, uint32(next))
}
