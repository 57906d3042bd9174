package gocommand

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrGo is the error for a go command that is missing or too old.
var ErrGo = errors.New("no usable go command")

// Run runs the go command in a folder and returns its output, without outer white space.
func Run(ctx context.Context, folder string, args ...string) (string, error) {
	return run(ctx, folder, Environment(os.Environ()), args...)
}

func run(ctx context.Context, folder string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = folder, append(env, "PWD="+folder, "GOWORK=off")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, exec.ErrDot) {
			return "", fmt.Errorf("%w: there is no go in PATH; install Go from https://go.dev/dl", ErrGo)
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("`go %s` in %s: %w; correct the error below and try again:\n%s",
			strings.Join(args, " "), folder, err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// Check reports an error, with what to do, unless the go command is there and new enough for the
// go.mod in the folder root. An older go command passes if it can get the newer Go by itself.
func Check(ctx context.Context, root string) error {
	needed, err := required(root)
	if err != nil {
		return err
	}
	env := Environment(os.Environ())
	// Beside no go.mod, and with GOTOOLCHAIN=local, go tells its own version.
	text, err := run(ctx, string(filepath.Separator), append(env, "GOTOOLCHAIN=local"), "version")
	if err != nil {
		return err
	}
	own := parse(text)
	if own != "" && version.Compare(own, needed) >= 0 {
		return nil
	}
	if text, err := run(ctx, root, env, "version"); err == nil && own != "" {
		if got := parse(text); got != "" && version.Compare(got, needed) >= 0 {
			return nil
		}
	}
	where, _ := exec.LookPath("go")
	if own == "" {
		own = "of an unknown version"
	}
	return fmt.Errorf("%w: eqflow needs Go %s or newer (its go.mod says %s), and %s is %s; install Go from https://go.dev/dl",
		ErrGo, strings.TrimPrefix(version.Lang(needed), "go"), strings.TrimPrefix(needed, "go"), where, own)
}

// required reads the version of Go that a go.mod demands, such as "go1.26.5".
func required(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("the code that cells compile against is not readable: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "go" {
			return "go" + fields[1], nil
		}
	}
	return "go1.0", nil
}

// parse returns the version in the output of `go version`, or "".
func parse(text string) string {
	for _, word := range strings.Fields(text) {
		for part := range strings.SplitSeq(word, "-") { // "devel", "go1.27-0a1b2c3d"
			if version.IsValid(part) {
				return part
			}
		}
	}
	return ""
}
