package gocommand

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is a folder with a go.mod.
func root(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// program puts a go command of the given script first into the PATH.
func program(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// values returns the variables of an environment; the last of a name counts.
func values(env []string) map[string]string {
	out := map[string]string{}
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		out[name] = value
	}
	return out
}

// The variables that would change what is built are gone, whether the shell or `go env -w` set
// them. The settings of the network and of the C compiler stay.
func TestEnvironmentDropsTheShellsSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	text := "GOFLAGS=-mod=vendor -p=3\nGOARCH=arm64\nGOPROXY=https://proxy.example\nCC=mycc\nGOTOOLCHAIN=local\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := values(Environment([]string{
		"GOENV=" + file, "GO111MODULE=off", "GOWORK=/nosuch/go.work", "GOROOT=/nosuch", "GOEXPERIMENT=nosuch",
		"CGO_ENABLED=0", "GOOS=windows", "GOAMD64=v9", "OTHER=kept", "GOMAXPROCS=2", "CXX=mycxx",
	}, "-x"))
	for _, name := range []string{
		"GO111MODULE", "GOWORK", "GOROOT", "GOEXPERIMENT", "CGO_ENABLED", "GOOS", "GOARCH", "GOAMD64",
	} {
		if value, set := env[name]; set {
			t.Errorf("%s is %q", name, value)
		}
	}
	for name, want := range map[string]string{
		"GOFLAGS": "-buildvcs=false -p=3 -x", "GOPROXY": "https://proxy.example", "CC": "mycc", "CXX": "mycxx",
		"GOTOOLCHAIN": "local", "OTHER": "kept", "GOMAXPROCS": "2", "GOENV": "off",
	} {
		if env[name] != want {
			t.Errorf("%s is %q, not %q", name, env[name], want)
		}
	}
	if toolchain, set := values(Environment([]string{"GOENV=off", "GOTOOLCHAIN=go1.20"}))["GOTOOLCHAIN"]; set {
		t.Errorf("GOTOOLCHAIN is %q", toolchain)
	}
}

// With GOENV=off there are no settings of `go env -w`, whatever files there are.
func TestEnvironmentWithoutSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("off", []byte("GOPROXY=https://proxy.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := values(Environment([]string{"GOENV=off"}))
	if proxy, set := env["GOPROXY"]; set || env["GOENV"] != "off" {
		t.Errorf("GOENV is %q, and GOPROXY is %q", env["GOENV"], proxy)
	}
}

// Flags that would change what is built are ignored, the others are not called so.
func TestIgnoredFlags(t *testing.T) {
	got := Ignored("-mod=vendor -buildvcs=false --p=2 -race -modcacherw")
	if want := []string{"-mod=vendor", "-race"}; !slices.Equal(got, want) {
		t.Errorf("ignored are %q, want %q", got, want)
	}
	if got := Setting([]string{"GOFLAGS=-race", "GOENV=/nosuch"}, "GOFLAGS"); got != "-race" {
		t.Errorf("the setting is %q", got)
	}
}

// The go command finds its folders, also with a GOPATH that it would refuse, and without a home.
func TestEnvironmentFindsItsFolders(t *testing.T) {
	withModule := root(t, "module foreign\n")
	usual := values(Environment(os.Environ()))
	for _, path := range []string{"relative", "/nosuch/folder:relative", withModule, "/dev/null"} {
		env := values(Environment(append(os.Environ(), "GOPATH="+path, "GOCACHE=off", "GOMODCACHE=relative")))
		if env["GOMODCACHE"] != usual["GOMODCACHE"] || !filepath.IsAbs(env["GOPATH"]) || env["GOPATH"] == withModule {
			t.Errorf("GOPATH=%s: %s, %s", path, env["GOPATH"], env["GOMODCACHE"])
		}
	}
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	env := values(Environment(nil))
	for _, name := range []string{"GOPATH", "GOMODCACHE", "GOCACHE"} {
		if !filepath.IsAbs(env[name]) {
			t.Errorf("without a home folder %s is %q", name, env[name])
		}
	}
}

// A shared kernel's modules come first, and other modules from the user's proxy.
func TestEnvironmentOfASharedKernel(t *testing.T) {
	env := values(Environment([]string{EnvModules + "=/parts/modules", EnvBuild + "=/parts/build", "GOPROXY=https://other"}))
	if env["GOMODCACHE"] != "/parts/modules" || env["GOPROXY"] != "file:///parts/modules/cache/download,https://other" ||
		!strings.HasSuffix(env["GOCACHE"], "build") || strings.HasPrefix(env["GOCACHE"], "/parts") {
		t.Errorf("%s, %s, %s", env["GOMODCACHE"], env["GOPROXY"], env["GOCACHE"])
	}
}

func TestCheck(t *testing.T) {
	ctx := context.Background()
	if err := Check(ctx, root(t, "module m\n\ngo 1.26.5\n")); err != nil {
		t.Errorf("this go: %v", err)
	}
	err := Check(ctx, root(t, "module m\n\ngo 1.99.7\n"))
	if !errors.Is(err, ErrGo) || !strings.Contains(err.Error(), "needs Go 1.99 or newer") {
		t.Errorf("a go that is too old: %v", err)
	}
	for _, c := range []struct{ script, want string }{
		{"echo go version go1.24.3 linux/amd64", "is go1.24.3"},
		{"echo go version go1.20 linux/amd64", "is go1.20"},
		{"echo nonsense", "unknown version"},
		{"exit 1", "exit status 1"},
		{"echo go version go1.26.5 linux/amd64", ""},
		{"echo go version go1.27.1 linux/amd64", ""},
		{"echo go version go1.27rc1 linux/amd64", ""},
		{"echo go version devel go1.28-0a1b2c3d Mon linux/amd64", ""},
	} {
		t.Run(c.script, func(t *testing.T) {
			program(t, c.script)
			err := Check(ctx, root(t, "module m\n\ngo 1.26.5\n"))
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error is %v, not %q", err, c.want)
			}
		})
	}
	t.Setenv("PATH", t.TempDir())
	err = Check(ctx, root(t, "module m\n\ngo 1.26.5\n"))
	if !errors.Is(err, ErrGo) || !strings.Contains(err.Error(), "go.dev") {
		t.Errorf("without go: %v", err)
	}
}

// Run works below a foreign workspace.
func TestRunIgnoresAWorkspaceAbove(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "inside")
	for path, text := range map[string]string{
		filepath.Join(dir, "go.work"):   "go 1.21\n\nuse ./other\n",
		filepath.Join(inside, "go.mod"): "module m\n\ngo 1.21\n",
		filepath.Join(inside, "m.go"):   "package m\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := Run(context.Background(), inside, "list"); err != nil || text != "m" {
		t.Errorf("%q, %v", text, err)
	}
}

// Seed links what the shared cache holds, and repairs links that dangle.
func TestSeed(t *testing.T) {
	shared, home := t.TempDir(), t.TempDir()
	t.Setenv(EnvBuild, shared)
	t.Setenv("XDG_CACHE_HOME", home)
	entry := filepath.Join("0a", "0a1b-d")
	own := filepath.Join(home, seedFolder, "0a")
	err := errors.Join(os.Mkdir(filepath.Join(shared, "0a"), 0o755), os.MkdirAll(own, 0o700),
		os.WriteFile(filepath.Join(shared, entry), []byte("object"), 0o644),
		os.Symlink("/nosuch", filepath.Join(own, "0a1b-d")), os.Symlink("/nosuch", filepath.Join(own, "0aff-a")))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Seed(); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(home, seedFolder, entry)); string(text) != "object" {
		t.Errorf("the link gives %q, %v", text, err)
	}
	if left, _ := os.ReadDir(own); len(left) != 1 {
		t.Errorf("a link that dangles stays: %v", left)
	}
}
