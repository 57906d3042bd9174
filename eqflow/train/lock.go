package train

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// ErrLocked marks a folder into which another process trains.
var ErrLocked = errors.New("eqflow: another process trains into the folder")

// lockFile is locked while a process trains into its folder. The operating system unlocks it when
// the process ends, however it ends.
const lockFile = ".lock"

// lock locks a folder until unlock is called. A file system without locks is no obstacle: warn then
// says that a second training would not be noticed. The empty file stays, because removing it would
// let two later processes lock two files of one name.
func lock(folder string, warn func(string)) (unlock func(), err error) {
	path := filepath.Join(folder, lockFile)
	l := flock.New(path)
	switch locked, err := l.TryLock(); {
	case err != nil:
		warn(fmt.Sprintf("%s cannot be locked (%v): do not train into it twice at once", folder, err))
		return func() {}, nil
	case !locked:
		return nil, fmt.Errorf("%w: %s is in use by %s; wait for its end, or give another folder",
			ErrLocked, folder, holder(path))
	}
	text := fmt.Sprintf("process %d (%s)", os.Getpid(), filepath.Base(os.Args[0]))
	_ = os.WriteFile(path, []byte(text), 0o644)
	return func() {
		_ = os.Truncate(path, 0)
		_ = l.Unlock()
	}, nil
}

// holder names the process that holds a lock.
func holder(path string) string {
	text, err := os.ReadFile(path)
	if name := strings.TrimSpace(string(text)); err == nil && name != "" {
		return name
	}
	return "another process"
}
