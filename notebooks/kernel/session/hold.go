package session

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/eqflow/gonb-eqflow/internal/lock"
)

// Two notebooks, or a notebook and a terminal, may work in one session. Every name has a lock of
// its own. A second training under the name of one that runs is refused, by the name of the process
// that trains. For a data set, which is soon made, the second process waits until the first has
// made it, and reads it. Results are replaced in one step, and need no lock.

// Hold locks a name in a folder, which is made if it does not exist, for work that soon ends. While
// another process holds the name, Hold says so and waits.
func Hold(folder, name string) (release func()) {
	path := lock.Key(folder, checked(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		panic(unwritable(err))
	}
	l, err := lock.Wait(context.Background(), path, func(holder string) {
		warn(fmt.Sprintf("%s %s %s; waiting for its end", filepath.Join(folder, name), lock.ErrHeld, "by "+holder))
	})
	l, err = lock.Told(l, err, folder, "write into it", warn)
	if err != nil {
		panic(unwritable(err))
	}
	return l.Release
}

func unwritable(err error) error {
	return fmt.Errorf("session: cannot write: %w; choose another folder with %s", err, EnvOut)
}

var warned sync.Map // what this process has said already

// warn prints a message about the session's folder, once.
func warn(message string) {
	if _, said := warned.LoadOrStore(message, true); !said {
		fmt.Fprintln(os.Stderr, "eqflow:", message)
	}
}
