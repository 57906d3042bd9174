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

// InstallOptions says where the plugin comes from and who watches.
type InstallOptions struct {
	// Wheel is the path of the pinned wheel, for a machine without pip or network; "" downloads it with pip.
	Wheel string
	// Progress, where not nil, is told the stage ("download", "verify", "unpack") and how many bytes of it are done.
	// Calls come one at a time, about ten a second.
	Progress func(stage string, done, total int64)
}

// Installation is a plugin that is in place.
type Installation struct {
	Path    string // of the plugin
	Already bool   // it was there before, and nothing was done
	Note    string // what else it needs, "" if nothing
}

// partialPrefix begins the names of folders that an installation has not finished.
const partialPrefix = ".partial-"

func isPartial(path string) bool {
	return strings.Contains(path, string(filepath.Separator)+partialPrefix)
}

// Install brings the plugin of a kind, "cpu", "cuda12" or "cuda13", into the user's cache folder.
//
// The pinned wheel is downloaded with pip, compared with its SHA-256, unpacked beside its final place and renamed as the
// last step, so that there is a whole plugin or none, whatever happens meanwhile; what a killed installation has left
// is removed by the next one. A plugin that is already there is left alone.
//
// A kind that does not exist and a Wheel that is not the pinned one are a *SpecError; other errors say what to do, and
// wrap context.Canceled after a cancellation.
func Install(ctx context.Context, kind string, options InstallOptions) (Installation, error) {
	w, err := wheelFor(kind)
	if err != nil {
		return Installation{}, err
	}
	folder, err := Folder()
	if err != nil {
		return Installation{}, fmt.Errorf("xla: there is no cache folder to install into: %w; set XDG_CACHE_HOME or HOME", err)
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
		return done, nil // by another process, while this one waited
	}
	if err := w.bring(ctx, folder, options); err != nil {
		return Installation{}, err
	}
	return done, nil
}

// isInstalled tells whether a whole plugin is there. Unpacking ends with a rename, so that its size says enough.
func (w wheel) isInstalled(folder string) bool {
	info, err := os.Stat(w.installed(folder))
	return err == nil && info.Mode().IsRegular() && info.Size() == w.librarySize
}

// lock makes sure that one process at a time installs into the folder. The system drops the lock of a killed process.
func lock(ctx context.Context, folder string) (unlock func(), err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("xla: cannot make the folder for plugins: %w; set XDG_CACHE_HOME to one that can be written", err)
	}
	l := flock.New(filepath.Join(folder, ".lock"))
	if _, err := l.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		if ctx.Err() != nil {
			return nil, cancelled(ctx)
		}
		return nil, fmt.Errorf("xla: cannot lock %s: %w; set XDG_CACHE_HOME to a folder that can be written", folder, err)
	}
	return func() { _ = l.Unlock() }, nil
}

// bring downloads, verifies and unpacks the wheel in a folder of its own, and moves the result to its place.
func (w wheel) bring(ctx context.Context, folder string, options InstallOptions) (err error) {
	removeLeftovers(folder)
	work, err := os.MkdirTemp(folder, partialPrefix)
	if err != nil {
		return fmt.Errorf("xla: cannot write into %s: %w; set XDG_CACHE_HOME to a folder that can be written", folder, err)
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

// removeLeftovers removes what killed installations left; it is called under the lock, so that none is at work.
func removeLeftovers(folder string) {
	old, err := filepath.Glob(filepath.Join(folder, partialPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		_ = os.RemoveAll(dir) // what cannot be removed is in nobody's way: searches leave it out
	}
}

// moveInto puts the finished tree in its place, and a damaged installation that lies there into the folder to be removed.
func moveInto(tree, place, work string) error {
	if err := os.Rename(place, filepath.Join(work, "replaced")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("xla: cannot replace %s: %w; remove it and try again", place, err)
	}
	if err := os.Rename(tree, place); err != nil {
		return fmt.Errorf("xla: cannot move the plugin into its place: %w; try again", err)
	}
	return nil
}

func orCancelled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return cancelled(ctx)
	}
	return err
}

func cancelled(ctx context.Context) error {
	return fmt.Errorf("xla: the installation was stopped and nothing is left of it: %w", ctx.Err())
}

// reporter passes progress on, at most ten times a second within a stage.
type reporter func(stage string, done, total int64)

func newReporter(progress func(string, int64, int64)) reporter {
	if progress == nil {
		return func(string, int64, int64) {}
	}
	var last time.Time
	var in string
	return func(stage string, done, total int64) {
		if now := time.Now(); stage != in || done >= total || now.Sub(last) > 100*time.Millisecond {
			last, in = now, stage
			progress(stage, done, total)
		}
	}
}
