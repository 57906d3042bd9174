package train

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/internal/lock"
)

// ErrLocked marks a folder into which another process trains.
var ErrLocked = errors.New("eqflow: another process trains into the folder")

// enter locks the run's folder until release is called, and continues with what the folder holds. A
// finished model of the same run is taken while another process holds the lock too, since nothing
// is written then.
func (t *trainer) enter() (release func(), err error) {
	release, err = t.lockFolder()
	if errors.Is(err, ErrLocked) {
		if found, wrong := t.take(modelFile); found && wrong == nil {
			return func() {}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	err = t.resume()
	if errors.Is(err, ErrOtherModel) && t.Replace {
		err = empty(t.Folder)
	}
	if err != nil {
		release()
	}
	return release, err
}

// lockFolder locks the run's folder until release is called. A file system without locks is no
// obstacle: Warn then hears that a second training would not be noticed.
func (t *trainer) lockFolder() (release func(), err error) {
	l, err := lock.Folder(t.Folder)
	l, err = lock.Told(l, err, t.Folder, "train into it", t.warn)
	switch {
	case errors.Is(err, lock.ErrHeld):
		return nil, fmt.Errorf("%w: %s %w; wait for its end, or give another folder", ErrLocked, t.Folder, err)
	case err != nil:
		return nil, fmt.Errorf("eqflow: cannot lock the model's folder: %w; give another one", err)
	}
	return l.Release, nil
}

// empty removes another model with all that belongs to it. The lock stays.
func empty(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lock.FileName {
			continue
		}
		if err := os.RemoveAll(filepath.Join(folder, e.Name())); err != nil {
			return fmt.Errorf("eqflow: cannot remove the model in %s: %w", folder, err)
		}
	}
	return nil
}
