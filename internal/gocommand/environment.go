// Package gocommand runs the go command in an environment of its own: Environment keeps what the
// user's shell and `go env -w` say about the network and the C compiler, and drops what would build
// something else (environment.go). Check refuses a Go that is too old (version.go).
package gocommand

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/eqflow/gonb-eqflow/internal/scratch"
)

// dropped are the variables that would change what the go command builds, or where it looks. The
// variables of instruction sets, such as GOAMD64, are dropped too.
var dropped = []string{
	"GO111MODULE", "GOFLAGS", "GOWORK", "GOPATH", "GOROOT", "GOTOOLCHAIN", "GOEXPERIMENT", "CGO_ENABLED",
	"GOOS", "GOARCH", "GOENV", "GOTMPDIR", "GOCACHEPROG", "GOCACHE", "GOMODCACHE", "GO_EXTLINK_ENABLED",
	"GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM", "GOFIPS140",
	"GOBIN", "GCCGO", "GOTOOLDIR", "GOHOSTOS", "GOHOSTARCH", "GOEXE", "GOCOVERDIR",
}

// kept are the settings of `go env -w` that stay in force: those of the network and of the C
// compiler.
var kept = []string{
	"GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS",
	"CC", "CXX", "AR", "PKG_CONFIG",
}

// keptFlags are the flags of GOFLAGS that do not change what is built.
var keptFlags = []string{"-p", "-modcacherw"}

// Environment returns base, which is like os.Environ, made fit for the go command and for programs
// that run it. The result depends on the user's shell only in the network, the C compiler and the
// places of the caches. Further flags go into GOFLAGS.
func Environment(base []string, flags ...string) []string {
	own := map[string]string{}
	for _, variable := range base {
		name, value, _ := strings.Cut(variable, "=")
		own[name] = value
	}
	settings := readSettings(own)
	get := func(name string) string {
		if value := own[name]; value != "" {
			return value
		}
		return settings[name]
	}
	out := slices.DeleteFunc(slices.Clone(base), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(dropped, name)
	})
	for _, name := range kept {
		if value := settings[name]; value != "" && own[name] == "" {
			out = append(out, name+"="+value)
		}
	}
	flags = append([]string{ownFlag}, append(keep(get("GOFLAGS")), flags...)...)
	out = append(out, "GOENV=off", "GOFLAGS="+strings.Join(flags, " "))
	if get("GOTOOLCHAIN") == "local" { // no toolchain is downloaded against the user's will
		out = append(out, "GOTOOLCHAIN=local")
	}
	out = append(out, places(get)...)
	if modules := own[EnvModules]; modules != "" {
		proxy := get("GOPROXY")
		if proxy == "" {
			proxy = "https://proxy.golang.org,direct"
		}
		files := "file://" + filepath.ToSlash(filepath.Join(modules, "cache", "download"))
		out = append(out, "GOMODCACHE="+modules, "GOPROXY="+files+","+proxy)
	}
	if own[EnvBuild] != "" {
		out = append(out, "GOCACHE="+seeded())
	}
	return out
}

// Setting returns the value that a variable of the go command has in an environment, or else by
// `go env -w`.
func Setting(env []string, name string) string {
	own := map[string]string{}
	for _, variable := range env {
		key, value, _ := strings.Cut(variable, "=")
		own[key] = value
	}
	if value := own[name]; value != "" {
		return value
	}
	return readSettings(own)[name]
}

// Ignored returns the flags of a GOFLAGS that Environment drops, except those that it sets itself.
func Ignored(flags string) (dropped []string) {
	kept := append(keep(flags), ownFlag)
	for _, flag := range strings.Fields(flags) {
		if !slices.Contains(kept, flag) {
			dropped = append(dropped, flag)
		}
	}
	return dropped
}

// ownFlag keeps the go command from asking git, which may be missing, or refuse the clone's owner.
const ownFlag = "-buildvcs=false"

// keep returns the flags that stay in force.
func keep(flags string) (out []string) {
	for _, flag := range strings.Fields(flags) {
		name, _, _ := strings.Cut("-"+strings.TrimLeft(flag, "-"), "=")
		if slices.Contains(keptFlags, name) {
			out = append(out, flag)
		}
	}
	return out
}

// readSettings reads the file of `go env -w`, unless GOENV is off.
func readSettings(own map[string]string) map[string]string {
	file := own["GOENV"]
	if file == "off" {
		return nil
	}
	if file == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return nil
		}
		file = filepath.Join(config, "go", "env")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	settings := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			settings[name] = value
		}
	}
	return settings
}

// places returns the variables of the go command's folders: GOPATH, the modules, the build cache,
// and temporary files.
func places(get func(string) string) (out []string) {
	path := goPath(get)
	modules := moduleCache(path, get("GOMODCACHE"))
	cache := get("GOCACHE")
	if !writable(cache) {
		cache = ""
		if user, err := os.UserCacheDir(); err == nil {
			cache = filepath.Join(user, "go-build")
		}
	}
	spare := sync.OnceValue(spareFolder)
	if !writable(cache) {
		cache = filepath.Join(spare(), "go-build")
	}
	if !writable(modules) && !holdsModules(modules) {
		modules = filepath.Join(spare(), "modules")
	}
	if path == "" {
		path = filepath.Join(spare(), "gopath")
	}
	out = append(out, "GOPATH="+path, "GOMODCACHE="+modules, "GOCACHE="+cache)
	if folder := temporary(); folder != os.TempDir() {
		out = append(out, "TMPDIR="+folder)
	}
	return out
}

// goPath returns the user's GOPATH if the go command accepts it, and the default otherwise. It is
// empty without a home folder that can be written.
func goPath(get func(string) string) string {
	for _, path := range filepath.SplitList(get("GOPATH")) {
		if _, err := os.Stat(filepath.Join(path, "go.mod")); err != nil && filepath.IsAbs(path) && writable(path) {
			return path
		}
	}
	if home, err := os.UserHomeDir(); err == nil && writable(filepath.Join(home, "go")) {
		return filepath.Join(home, "go")
	}
	return ""
}

// probeModule is a module that every kernel needs.
const probeModule = "cache/download/github.com/janpfeifer/gonb"

func holdsModules(cache string) bool {
	_, err := os.Stat(filepath.Join(cache, filepath.FromSlash(probeModule)))
	return err == nil
}

// moduleCache returns the folder of modules: the first that holds eqflow's, or else the first that
// is writable.
func moduleCache(path, wanted string) string {
	var candidates []string
	add := func(folder string) {
		if filepath.IsAbs(folder) {
			candidates = append(candidates, folder)
		}
	}
	add(wanted)
	if path != "" {
		add(filepath.Join(path, "pkg", "mod"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		add(filepath.Join(home, "go", "pkg", "mod"))
	}
	if i := slices.IndexFunc(candidates, holdsModules); i >= 0 {
		return candidates[i]
	}
	if i := slices.IndexFunc(candidates, writable); i >= 0 {
		return candidates[i]
	}
	return ""
}

// temporary returns TMPDIR if files can be written there, and another folder otherwise.
func temporary() string {
	folder, _, err := scratch.Make(scratch.Need{Pattern: "eqflow-probe-"})
	if err != nil {
		return os.TempDir()
	}
	_ = os.Remove(folder)
	return filepath.Dir(folder)
}
