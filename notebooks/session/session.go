// Package session forwards to notebooks/kernel/session, for kernels and notebooks from before the
// move.
//
// Deprecated: import notebooks/kernel/session.
package session

import (
	"fmt"
	"os"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
)

// Session is a folder of models, data and results.
type Session = session.Session

func init() {
	fmt.Fprintln(os.Stderr, "notebooks/session is now notebooks/kernel/session: run `eqflow kernel install` again, or change the import")
}

// Open continues the session of that name, or begins it.
func Open(name string) *Session { return session.Open(name) }

// Root is the folder of all sessions.
func Root() string { return session.Root() }

// Get returns the result that Put has kept.
func Get[T any](s *Session, name string) T { return session.Get[T](s, name) }
