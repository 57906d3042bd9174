package live

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// toolError is the output of a compiler or linker that failed.
type toolError struct{ tool, output string }

func (e *toolError) Error() string { return e.tool + ": " + e.output }

// tool runs a compiler or linker. The error is a *toolError if it says what is wrong, and another
// one if it was ended.
func (t *toolchain) tool(ctx context.Context, folder, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(t.tools, name), args...)
	cmd.Dir, cmd.Env = folder, t.env
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	switch output := strings.TrimSpace(string(out)); {
	case !errors.As(err, &failed):
		return err
	case failed.ExitCode() < 0:
		return fmt.Errorf("go's %s was ended: %w; is there enough memory? %s", name, err, output)
	case output == "":
		return fmt.Errorf("go's %s says nothing: %w", name, err)
	default:
		return &toolError{name, output}
	}
}

// during lets the go command end with ctx when a cell's compile needs it, until restore.
func (t *toolchain) during(ctx context.Context) (restore func()) {
	set := func(ctx context.Context) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.ctx = ctx
	}
	set(ctx)
	return func() { set(nil) }
}

func (t *toolchain) context() context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx == nil {
		return context.Background()
	}
	return t.ctx
}
