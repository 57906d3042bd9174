// Package xla opens the backend that the rest of the program computes on, and says which one and why.
//
// It looks for CUDA, then XLA on the CPU, then falls back to GoMLX's backend in plain Go, which is always there.
// XLA lives in a plugin, a shared library that is not part of the binary; Install brings it and Probe lists what is
// there. Nothing is ever downloaded except by Install.
package xla

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

// The kinds of backend, best first; each is also a spec for Open.
const (
	CUDA = "cuda" // XLA on an NVIDIA device
	CPU  = "cpu"  // XLA on the CPU
	Go   = "go"   // plain Go, no plugin
	Auto = "auto" // the first of the three that can be had
)

// The environment variables that Open reads.
const (
	// EnvBackend is what "auto" means; GoMLX's own GOMLX_BACKEND is read where it is not set.
	EnvBackend = "EQFLOW_BACKEND"
	// EnvCPU and EnvCUDA are paths of plugins, looked at before all others.
	EnvCPU  = "EQFLOW_XLA_CPU"
	EnvCUDA = "EQFLOW_XLA_CUDA"
	// EnvPluginFolders lists folders with plugins, as for go-xla itself.
	EnvPluginFolders = "PJRT_PLUGIN_LIBRARY_PATH"

	envGoMLX = "GOMLX_BACKEND"
)

// Opened is a backend that works, with the account of how it was chosen.
type Opened struct {
	Backend compute.Backend
	Kind    string // CUDA, CPU or Go
	Plugin  string // path of the plugin; empty for the Go backend
	Version string // version of the plugin's PJRT interface, "0.104"; empty for the Go backend
	Devices int    // how many of its devices were asked for: the first ones
	Why     string // one sentence: why this one, and why no better one
}

// IsXLA tells whether the backend compiles with XLA.
func (o *Opened) IsXLA() bool { return o.Kind != Go }

// SupportsLoops tells whether graphs may hold While loops that slice at a computed index, as the hand-written adjoints
// do. The Go backend has no DynamicSlice: loops are unrolled there.
func (o *Opened) SupportsLoops() bool { return o.IsXLA() }

// String names the backend in a few words and says why it was chosen.
func (o *Opened) String() string {
	if o.Kind == Go {
		return "Go backend: " + o.Why
	}
	several := ""
	if o.Devices > 1 {
		several = fmt.Sprintf(", %d devices", o.Devices)
	}
	return fmt.Sprintf("XLA %s (PJRT %s, %s%s): %s", o.Kind, o.Version, o.Plugin, several, o.Why)
}

// Close releases the backend and everything on its devices. Calling it twice is harmless.
func (o *Opened) Close() {
	if o == nil || o.Backend == nil || o.Backend.IsFinalized() {
		return
	}
	_ = guard(func() error { o.Backend.Finalize(); return nil })
}

// SpecError says that what was asked of Open or Install does not exist: the caller's mistake, not the machine's.
type SpecError struct{ message string }

// Error says what is wrong with the request, and what may be asked for.
func (e *SpecError) Error() string { return e.message }

// Open returns a working backend for a spec: "auto" (also ""), "cuda", "cpu", "go", or the path of a PJRT plugin.
//
// "auto" takes the first that works of CUDA (a plugin and a device), XLA CPU and the Go backend, and cannot fail; the
// environment variable EQFLOW_BACKEND (else GOMLX_BACKEND) stands in for it. Every call opens a client of its own, so
// that two of them compute at the same time. A backend that was named and cannot be had is an error that says what
// was looked for, where, and what to do; a spec that names nothing is a *SpecError. Open never downloads or panics.
func Open(spec string) (*Opened, error) { return OpenDevices(spec, 1) }

// OpenDevices is Open for programs that share their work among several devices. XLA's CPU backend has as many as are asked
// for, each a slice of the same processor; of another backend that has too few the error, a *SpecError, says how many.
func OpenDevices(spec string, devices int) (*Opened, error) {
	if devices < 1 {
		return nil, &SpecError{fmt.Sprintf("xla: %d devices asked for; ask for at least 1", devices)}
	}
	o, err := openSpec(spec, devices)
	if err != nil {
		return nil, err
	}
	if have := o.Backend.NumDevices(); have < devices {
		err = &SpecError{fmt.Sprintf("xla: %d devices asked for, and this backend has %d: %s", devices, have, o)}
		o.Close()
		return nil, err
	}
	o.Devices = devices
	return o, nil
}

func openSpec(spec string, devices int) (*Opened, error) {
	spec, from := resolve(spec)
	var o *Opened
	var err error
	switch {
	case spec == Auto:
		return openAuto(devices)
	case spec == Go:
		o, err = openGo(asked(from))
	case spec == CPU || spec == CUDA:
		o, err = openKind(spec, asked(from), devices)
	case looksLikePath(spec):
		o, err = openPath(spec, asked(from), devices)
	default:
		err = &SpecError{fmt.Sprintf("xla: %q is no backend; use auto, cuda, cpu, go, or the path of a PJRT plugin", spec)}
	}
	if err != nil && from != "" {
		return nil, fmt.Errorf("%w (asked for by %s)", err, from)
	}
	return o, err
}

// resolve brings a spec into its shortest form and tells the environment variable it came from, if any.
func resolve(spec string) (resolved, from string) {
	spec = shorten(spec)
	if spec != Auto {
		return spec, ""
	}
	for _, name := range []string{EnvBackend, envGoMLX} {
		if s := shorten(os.Getenv(name)); s != Auto {
			return s, name
		}
	}
	return Auto, ""
}

// shorten accepts GoMLX's way of naming backends ("xla:cpu", "xla:/path.so") beside ours.
func shorten(spec string) string {
	spec = strings.TrimSpace(spec)
	spec = strings.TrimPrefix(spec, "xla:")
	switch lower := strings.ToLower(spec); lower {
	case "", "xla", Auto:
		return Auto
	case "gpu", CUDA:
		return CUDA
	case CPU, Go:
		return lower
	}
	return spec
}

func looksLikePath(spec string) bool {
	return strings.ContainsRune(spec, filepath.Separator) || isLibrary(spec)
}

func asked(from string) string {
	if from == "" {
		return "it was asked for by name"
	}
	return "it was asked for by " + from
}

func openGo(why string) (*Opened, error) {
	var backend compute.Backend
	err := guard(func() (err error) {
		backend, err = gobackend.New("")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("xla: the Go backend does not open: %w; please report it", err)
	}
	return &Opened{Backend: backend, Kind: Go, Why: why}, nil
}

// openAuto tries the kinds in order and keeps the reasons why the better ones were not to be had.
func openAuto(devices int) (*Opened, error) {
	if !builtWithCgo {
		return openGo(noCgo)
	}
	var reasons []string
	for _, kind := range []string{CUDA, CPU} {
		o, err := openKind(kind, "", devices)
		if err == nil {
			o.Why = because(append(reasons, "it is the best backend that works here"))
			return o, nil
		}
		reasons = append(reasons, shortReason(kind, err))
	}
	return openGo(because(reasons))
}

func because(reasons []string) string { return strings.Join(reasons, "; ") }

// shortReason is why a kind is not to be had, in few words for the sentence that Why holds.
func shortReason(kind string, err error) string {
	var missing *missingError
	if errors.As(err, &missing) {
		return fmt.Sprintf("no %s (%s)", label(kind), missing.short())
	}
	return fmt.Sprintf("no %s (%s)", label(kind), firstLine(err))
}

func label(kind string) string {
	if kind == CUDA {
		return "CUDA"
	}
	return "XLA CPU"
}

// openKind opens the first plugin of a kind that works.
func openKind(kind, why string, devices int) (*Opened, error) {
	missing := &missingError{kind: kind, obstacle: obstacle(kind)}
	if missing.obstacle != "" {
		return nil, missing
	}
	var plugins []plugin
	plugins, missing.looked = search(kind)
	for _, p := range plugins {
		o, err := openPlugin(p.path, kind, devices)
		if err == nil {
			o.Why = why
			return o, nil
		}
		missing.failed = append(missing.failed, fmt.Sprintf("%s: %s", p.path, firstLine(err)))
	}
	return nil, missing
}

// openPath opens one plugin that the caller named.
func openPath(path, why string, devices int) (*Opened, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, &SpecError{fmt.Sprintf("xla: %q is no path: %v; give the path of a PJRT plugin", path, err)}
	}
	info, err := os.Stat(abs)
	if err != nil || info.IsDir() {
		return nil, &SpecError{fmt.Sprintf("xla: there is no plugin file %s; `eqflow xla` lists the plugins of this machine", abs)}
	}
	kind := cmp.Or(kindOf(abs), CPU)
	if obstacle := obstacle(kind); obstacle != "" {
		return nil, fmt.Errorf("xla: %s cannot be opened: %s; use the backend \"auto\"", abs, obstacle)
	}
	o, err := openPlugin(abs, kind, devices)
	if err != nil {
		return nil, fmt.Errorf("xla: the plugin %s does not open: %s; `eqflow xla install` brings one that does", abs, firstLine(err))
	}
	o.Why = why
	return o, nil
}

// missingError says that no backend of a kind can be had, with everything that was tried.
type missingError struct {
	kind     string
	obstacle string   // why not even a plugin was looked for
	looked   []string // files and folders that were looked at
	failed   []string // plugins that are there and do not open, with the reason
}

func (e *missingError) short() string {
	switch {
	case e.obstacle != "":
		return e.obstacle
	case len(e.failed) > 0:
		return "no plugin opens: " + strings.Join(e.failed, ", ")
	}
	return fmt.Sprintf("no plugin found, `%s` brings it", installCommand(e.kind))
}

// Error says what was looked for, where, and what to do.
func (e *missingError) Error() string {
	head := fmt.Sprintf("xla: no %s backend: ", label(e.kind))
	switch {
	case e.obstacle != "":
		return head + e.obstacle + "; use the backend \"auto\""
	case len(e.failed) > 0:
		return head + fmt.Sprintf("no plugin opens (%s); run `%s`", strings.Join(e.failed, "; "), installCommand(e.kind))
	}
	return head + fmt.Sprintf("no plugin in %s; run `%s`", strings.Join(e.looked, ", "), installCommand(e.kind))
}

func installCommand(kind string) string {
	if kind == CUDA {
		return "eqflow xla install cuda13"
	}
	return "eqflow xla install cpu"
}

// guard turns a panic of GoMLX or go-xla into an error.
func guard(f func() error) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			err = r
		default:
			err = fmt.Errorf("%v", r)
		}
	}()
	return f()
}

// firstLine cuts an error to one line that fits into another message.
func firstLine(err error) string {
	const longest = 300
	line, _, _ := strings.Cut(err.Error(), "\n")
	if runes := []rune(line); len(runes) > longest {
		line = string(runes[:longest]) + "…"
	}
	return line
}
