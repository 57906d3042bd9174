package gonb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Module is the import path whose checkout the notebooks use.
const Module = "github.com/eqflow/gonb-eqflow"

// toolPackages are the programs that a GoNB kernel needs; go.mod pins their versions.
var toolPackages = []string{"github.com/janpfeifer/gonb", "golang.org/x/tools/cmd/goimports"}

// Toolchain says where a built GoNB and goimports lie.
type Toolchain struct {
	Dir     string // holds gonb and goimports
	Version string // GoNB's version, as go.mod pins it
}

// FindRoot walks up from dir to the checkout's root: the folder whose go.mod declares Module.
func FindRoot(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("kernel: cannot resolve %s: %w; give an absolute path", dir, err)
	}
	for at := abs; ; at = filepath.Dir(at) {
		if declaresModule(filepath.Join(at, "go.mod")) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("kernel: %s is not inside a clone of %s; "+
				"run `git clone https://%s` and start again in its folder", abs, Module, Module)
		}
	}
}

// FindCode is the folder of the code that cells compile against: the clone that dir is in, or else what this program was built
// from, which for an installed program is a clone elsewhere or the module's folder in Go's cache.
func FindCode(dir string) (string, error) {
	root, err := FindRoot(dir)
	if err == nil {
		return root, nil
	}
	if _, own, _, ok := runtime.Caller(0); ok && filepath.IsAbs(own) {
		if root, own := FindRoot(filepath.Dir(own)); own == nil {
			return root, nil
		}
	}
	return "", err
}

func declaresModule(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "module" {
			return strings.Trim(fields[1], `"`) == Module
		}
	}
	return false
}

// goBin is where `go install` puts programs.
func goBin() string {
	if bin := os.Getenv("GOBIN"); bin != "" {
		return bin
	}
	first, _, _ := strings.Cut(build.Default.GOPATH, string(os.PathListSeparator))
	return filepath.Join(first, "bin")
}

// FindGopls is the path of gopls as a kernel finds it, empty where there is none.
func FindGopls() string {
	if path, err := exec.LookPath("gopls"); err == nil {
		return path
	}
	path, _ := exec.LookPath(filepath.Join(goBin(), "gopls"))
	return path
}

// CacheFolder is eqflow's own in the user's cache folder.
func CacheFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("kernel: no folder for built tools: %w; set XDG_CACHE_HOME", err)
	}
	return filepath.Join(cache, "eqflow"), nil
}

// BuildToolchain compiles gonb and goimports with the versions of root's go.mod, once: a folder of cache (empty: the
// user's cache folder) holds the result for these versions. It takes ten seconds or so the first time.
func BuildToolchain(ctx context.Context, root, cache string) (Toolchain, error) {
	versions, err := GoCommand(ctx, root, "list", "-m", "-f", "{{.Path}} {{.Version}}",
		"github.com/janpfeifer/gonb", "golang.org/x/tools")
	if err != nil {
		return Toolchain{}, err
	}
	goVersion, err := GoCommand(ctx, root, "env", "GOVERSION")
	if err != nil {
		return Toolchain{}, err
	}
	if cache == "" {
		if cache, err = CacheFolder(); err != nil {
			return Toolchain{}, err
		}
	}
	gonbVersion := strings.Fields(versions)[1]
	key := sha256.Sum256([]byte(versions + goVersion + runtime.GOOS + runtime.GOARCH))
	dir := filepath.Join(cache, "gonb-"+gonbVersion+"-"+hex.EncodeToString(key[:6]))
	if _, err := os.Stat(filepath.Join(dir, "gonb")); err == nil {
		return Toolchain{Dir: dir, Version: gonbVersion}, nil
	}
	if err := buildTools(ctx, root, dir); err != nil {
		return Toolchain{}, err
	}
	return Toolchain{Dir: dir, Version: gonbVersion}, nil
}

// buildTools builds beside dir and renames, so that dir is complete whenever it exists.
func buildTools(ctx context.Context, root, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("kernel: no folder for built tools: %w; set XDG_CACHE_HOME to one that can be written", err)
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), "building-")
	if err != nil {
		return fmt.Errorf("kernel: no folder for built tools: %w; set XDG_CACHE_HOME to one that can be written", err)
	}
	defer os.RemoveAll(part)
	if _, err := GoCommand(ctx, root, append([]string{"build", "-o", part + "/"}, toolPackages...)...); err != nil {
		return err
	}
	err = os.Rename(part, dir)
	if _, statErr := os.Stat(filepath.Join(dir, "gonb")); statErr == nil {
		return nil // another process may have been first, with the same result
	}
	if err != nil {
		return fmt.Errorf("kernel: cannot keep the built tools: %w; remove %s and try again", err, dir)
	}
	return nil
}

// GoCommand runs the go command in a folder and returns what it prints.
func GoCommand(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", fmt.Errorf("kernel: the go command is not in PATH: %w; install Go from https://go.dev/dl", err)
		}
		return "", fmt.Errorf("kernel: `go %s` in %s: %w; mend what it says and try again:\n%s",
			strings.Join(args, " "), root, err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// ToolVersion takes GoNB's version from the name of its folder: gonb-VERSION-KEY.
func ToolVersion(dir string) string {
	parts := strings.Split(filepath.Base(dir), "-")
	if len(parts) < 3 {
		return ""
	}
	return strings.Join(parts[1:len(parts)-1], "-")
}
