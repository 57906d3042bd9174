package gonb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/gocommand"
)

// toolPackages are the programs that a GoNB kernel needs. go.mod pins their versions.
var toolPackages = []string{"github.com/janpfeifer/gonb", "golang.org/x/tools/cmd/goimports"}

// Toolchain is a built GoNB with its goimports.
type Toolchain struct {
	Dir     string // holds gonb and goimports
	Version string // GoNB's version, as go.mod pins it
}

// goBin is the folder that `go install` writes programs to.
func goBin() string {
	if bin := os.Getenv("GOBIN"); bin != "" {
		return bin
	}
	first, _, _ := strings.Cut(build.Default.GOPATH, string(os.PathListSeparator))
	return filepath.Join(first, "bin")
}

// FindGopls returns the path of the gopls that a kernel uses, or "" without gopls.
func FindGopls() string {
	if path, err := exec.LookPath("gopls"); err == nil {
		return path
	}
	path, _ := exec.LookPath(filepath.Join(goBin(), "gopls"))
	return path
}

// CacheFolder returns eqflow's folder in the user's cache.
func CacheFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("kernel: no folder for built tools: %w; set XDG_CACHE_HOME", err)
	}
	return filepath.Join(cache, "eqflow"), nil
}

// BuildToolchain compiles gonb and goimports at the versions of root's go.mod. It keeps the result
// for these versions in a folder of cache (empty: CacheFolder). The first build takes about ten
// seconds.
func BuildToolchain(ctx context.Context, root, cache string) (Toolchain, error) {
	if err := CheckGo(ctx, root); err != nil {
		return Toolchain{}, err
	}
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

// buildTools builds in a folder beside dir and renames it, so that dir is always complete.
func buildTools(ctx context.Context, root, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("kernel: no folder for built tools: %w; set XDG_CACHE_HOME to a writable folder", err)
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), "building-")
	if err != nil {
		return fmt.Errorf("kernel: no folder for built tools: %w; set XDG_CACHE_HOME to a writable folder", err)
	}
	defer os.RemoveAll(part)
	if _, err := GoCommand(ctx, root, append([]string{"build", "-o", part + "/"}, toolPackages...)...); err != nil {
		return err
	}
	err = os.Rename(part, dir)
	if _, statErr := os.Stat(filepath.Join(dir, "gonb")); statErr == nil {
		return nil // another process may have built the same tools first
	}
	if err != nil {
		return fmt.Errorf("kernel: cannot keep the built tools: %w; remove %s and try again", err, dir)
	}
	return nil
}

// GoCommand runs the go command in the folder root and returns its output, without outer white
// space. The user's shell does not change what the command builds.
func GoCommand(ctx context.Context, root string, args ...string) (string, error) {
	text, err := gocommand.Run(ctx, root, args...)
	if err != nil {
		return "", fmt.Errorf("kernel: %w", err)
	}
	return text, nil
}

// ErrGo is the error for a go command that is missing or too old.
var ErrGo = gocommand.ErrGo

// CheckGo returns an error that says what to do, unless the go command is there and new enough for
// the code in the folder root.
func CheckGo(ctx context.Context, root string) error {
	if err := gocommand.Check(ctx, root); err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	return nil
}

// ToolVersion reads GoNB's version from the name of its folder, gonb-VERSION-KEY.
func ToolVersion(dir string) string {
	parts := strings.Split(filepath.Base(dir), "-")
	if len(parts) < 3 {
		return ""
	}
	return strings.Join(parts[1:len(parts)-1], "-")
}
