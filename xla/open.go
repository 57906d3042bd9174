// Package xla opens the backend on which the program computes, and says which one and why.
//
// It tries CUDA, then XLA on the CPU, then GoMLX's backend in plain Go, which is always available.
// XLA comes in a plugin, a shared library that is not part of the binary. Install installs the
// plugin, and Probe lists the plugins of this machine. Only Install downloads anything.
//
// Open is the entry point. search.go finds the plugins, plugin_cgo.go loads them, and install.go,
// wheels.go, pip.go and unpack.go install them. Package xlatest opens backends for tests.
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

// The kinds of backend, best first. Each is also a spec for Open.
const (
	CUDA = "cuda" // XLA on an NVIDIA device
	CPU  = "cpu"  // XLA on the CPU
	Go   = "go"   // plain Go, no plugin
	Auto = "auto" // the first of the three that works
)

// The environment variables that Open reads.
const (
	// EnvBackend holds the spec that replaces "auto". If it is not set, Open reads GoMLX's own
	// GOMLX_BACKEND.
	EnvBackend = "EQFLOW_BACKEND"
	// EnvCPU and EnvCUDA are paths of plugins. Open tries them before all others.
	EnvCPU  = "EQFLOW_XLA_CPU"
	EnvCUDA = "EQFLOW_XLA_CUDA"
	// EnvPluginFolders lists folders with plugins, as for go-xla itself.
	EnvPluginFolders = "PJRT_PLUGIN_LIBRARY_PATH"

	envGoMLX = "GOMLX_BACKEND"
)

// Opened is a working backend, with the reason why it was chosen.
type Opened struct {
	Backend compute.Backend
	Kind    string // CUDA, CPU or Go
	Plugin  string // path of the plugin; empty for the Go backend
	Version string // version of the plugin's PJRT interface, "0.104"; empty for the Go backend
	Devices int    // number of devices requested; the backend uses its first ones
	Why     string // one sentence: why this backend, and why no better one
}

// IsXLA reports whether the backend compiles with XLA.
func (o *Opened) IsXLA() bool { return o.Kind != Go }

// SupportsLoops reports whether graphs may contain While loops that slice at a computed index, as
// the hand-written adjoints do. The Go backend has no DynamicSlice, so loops are unrolled there.
func (o *Opened) SupportsLoops() bool { return o.IsXLA() }

// String names the backend in a few words, with the reason why it was chosen.
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

// SpecError reports that Open or Install was asked for something that does not exist: the caller's
// mistake, not the machine's.
type SpecError struct{ message string }

// Error says what is wrong with the request and which requests are valid.
func (e *SpecError) Error() string { return e.message }

// Open returns a working backend for a spec: "auto" (also ""), "cuda", "cpu", "go", or the path of
// a PJRT plugin.
//
// "auto" opens the first working backend of CUDA (a plugin and a device), XLA CPU and Go, and
// cannot fail. The environment variable EQFLOW_BACKEND (else GOMLX_BACKEND) replaces "auto". Every
// call opens a client of its own, so that two of them can compute at the same time.
//
// If a named backend does not open, the error says what was searched for, where, and what to do. A
// spec that names no backend gives a *SpecError. Open never downloads or panics.
func Open(spec string) (*Opened, error) { return OpenDevices(spec, 1) }

// OpenDevices is Open for programs that share their work among several devices. XLA's CPU backend
// provides any number, each a slice of the same processor. If another backend has too few devices,
// the error is a *SpecError that says how many it has.
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
		o, err = openGo(requested(from))
	case spec == CPU || spec == CUDA:
		o, err = openKind(spec, requested(from), devices)
	case looksLikePath(spec):
		o, err = openPath(spec, requested(from), devices)
	default:
		err = &SpecError{fmt.Sprintf("xla: %q is not a backend; "+
			"use auto, cuda, cpu, go, or the path of a PJRT plugin", spec)}
	}
	if err != nil && from != "" {
		return nil, fmt.Errorf("%w (requested by %s)", err, from)
	}
	return o, err
}

// resolve returns the canonical form of a spec, and the environment variable that it comes from, if
// any.
func resolve(spec string) (resolved, from string) {
	spec = canonical(spec)
	if spec != Auto {
		return spec, ""
	}
	for _, name := range []string{EnvBackend, envGoMLX} {
		if s := canonical(os.Getenv(name)); s != Auto {
			return s, name
		}
	}
	return Auto, ""
}

// canonical returns the shortest form of a spec. It accepts GoMLX's names of backends ("xla:cpu",
// "xla:/path.so") beside ours.
func canonical(spec string) string {
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

// requested is the reason for a backend that was not chosen automatically.
func requested(from string) string {
	if from == "" {
		return "it was requested by name"
	}
	return "it was requested by " + from
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

// openAuto tries the kinds in order and collects the reasons why the better ones do not work.
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

// shortReason says in a few words why a kind does not work, for the sentence in Why.
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

// openKind opens the first working plugin of a kind.
func openKind(kind, why string, devices int) (*Opened, error) {
	missing := &missingError{kind: kind, obstacle: obstacle(kind)}
	if missing.obstacle != "" {
		return nil, missing
	}
	var plugins []plugin
	plugins, missing.searched = search(kind)
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
		return nil, &SpecError{fmt.Sprintf("xla: %q is not a path: %v; give the path of a PJRT plugin", path, err)}
	}
	info, err := os.Stat(abs)
	if err != nil || info.IsDir() {
		return nil, &SpecError{fmt.Sprintf("xla: there is no plugin file %s; `eqflow xla` lists this machine's plugins", abs)}
	}
	kind := cmp.Or(kindOf(abs), CPU)
	if obstacle := obstacle(kind); obstacle != "" {
		return nil, fmt.Errorf("xla: %s cannot be opened: %s; use the backend \"auto\"", abs, obstacle)
	}
	o, err := openPlugin(abs, kind, devices)
	if err != nil {
		return nil, fmt.Errorf("xla: the plugin %s does not open: %s; `eqflow xla install` installs one that does",
			abs, firstLine(err))
	}
	o.Why = why
	return o, nil
}

// missingError reports that no backend of a kind works, with everything that was tried.
type missingError struct {
	kind     string
	obstacle string   // why no plugin was searched for, "" if one was
	searched []string // files and folders that were searched
	failed   []string // plugins that do not open, with the reason
}

func (e *missingError) short() string {
	switch {
	case e.obstacle != "":
		return e.obstacle
	case len(e.failed) > 0:
		return "no plugin opens: " + strings.Join(e.failed, ", ")
	}
	return fmt.Sprintf("no plugin found, `%s` installs it", installCommand(e.kind))
}

// Error says what was searched for, where, and what to do.
func (e *missingError) Error() string {
	head := fmt.Sprintf("xla: no %s backend: ", label(e.kind))
	switch {
	case e.obstacle != "":
		return head + e.obstacle + "; use the backend \"auto\""
	case len(e.failed) > 0:
		return head + fmt.Sprintf("no plugin opens (%s); run `%s`", strings.Join(e.failed, "; "), installCommand(e.kind))
	}
	return head + fmt.Sprintf("no plugin in %s; run `%s`", strings.Join(e.searched, ", "), installCommand(e.kind))
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

// firstLine shortens an error to one line that fits into another message.
func firstLine(err error) string {
	const longest = 300
	line, _, _ := strings.Cut(err.Error(), "\n")
	if runes := []rune(line); len(runes) > longest {
		line = string(runes[:longest]) + "…"
	}
	return line
}
