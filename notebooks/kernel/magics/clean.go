package magics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/lock"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
)

// sessions lists the sessions of the working folder.
func sessions() []string {
	var names []string
	entries, _ := os.ReadDir(session.Root())
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// clean lists the files in the cache and in sessions. With --yes it removes the cache, which is
// made again when it is needed, or the named session, which is lost.
func clean(cache string) func(context.Context, []string, *serve.Output) error {
	return func(_ context.Context, args []string, out *serve.Output) error {
		yes := slices.Contains(args, "--yes")
		names := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--yes" })
		switch {
		case len(names) == 0:
			return cleanCache(cache, yes, out)
		case len(names) > 1 || !slices.Contains(sessions(), names[0]):
			return fmt.Errorf("%v is no session of this folder; there are %v. "+
				"Name one of them, or none for the cache, and add --yes to remove it", names, sessions())
		}
		folder := filepath.Join(session.Root(), names[0])
		out.Print(sizeLine(folder, folder))
		if !yes {
			out.Print("%eqflow clean " + names[0] + " --yes removes its models, data and results\n")
			return nil
		}
		if held := lock.Held(folder); len(held) > 0 {
			return fmt.Errorf("%s; wait for its end, or stop that process", held[0])
		}
		out.Print("removed\n")
		return os.RemoveAll(folder)
	}
}

// cleanCache lists the cache and the sessions and, if yes, removes the cache. What kernels run on
// is neither listed nor removed.
func cleanCache(cache string, yes bool, out *serve.Output) error {
	entries, err := os.ReadDir(cache)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	found := 0
	for _, entry := range entries {
		if inUse(entry.Name()) {
			continue
		}
		found++
		path := filepath.Join(cache, entry.Name())
		out.Print(sizeLine(path, entry.Name()))
		if yes {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	switch {
	case found == 0:
		out.Print("the user's cache is empty\n")
	case yes:
		out.Print("removed; XLA's plugin and the parts that this kernel runs on stay\n")
	default:
		out.Print("%eqflow clean --yes removes these; XLA's plugin and the parts that this kernel runs on stay\n")
	}
	for _, name := range sessions() {
		folder := filepath.Join(session.Root(), name)
		out.Print(sizeLine(folder, "session "+name+": %eqflow clean "+name))
	}
	return nil
}

// inUse reports whether a kernel runs on an entry of the cache: its program, XLA's plugin, compiled
// packages, temporary files, GoNB, the process that holds the values, or JupyterLab.
func inUse(name string) bool {
	for _, prefix := range []string{"lab", "gonb-", "live-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"bin", "pjrt", "build", "tmp"}, name)
}

// sizeLine is a line with the size of a path and its label.
func sizeLine(path, label string) string {
	return fmt.Sprintf("%8.1f MB  %s\n", float64(size(path))/1e6, label)
}

// size returns the total size of the files below a path, in bytes.
func size(path string) (bytes int64) {
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil {
			if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
				bytes += info.Size()
			}
		}
		return nil
	})
	return bytes
}
