// Package protocol holds the common parts of the notebooks: the data sets, recipes and claims of
// the experiments. A Lab keeps them in one folder, so that a notebook continues the work of
// another. The package is the notebooks' edge: a failure panics, and the cell turns red.
//
// The files follow the notebooks: symmetry.go for 01, system.go for 02, generalisation.go for 03,
// discovery.go for 04, likelihoods.go for 05, modern.go for 08, lennardjones.go, onehop.go and
// fiftyfive.go for 09, datafree.go for 10, dipeptide.go for 11. All of them use lab.go (the
// workplace), train.go (trainings), draws.go (samples), recipes.go and claims.go.
package protocol

import (
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
	"github.com/eqflow/gonb-eqflow/xla"
)

// The environment that `eqflow reproduce` sets.
const (
	EnvOut   = session.EnvOut   // folder of data, models and claims
	EnvQuick = session.EnvQuick // "1": one seed and short training
)

// Lab is a notebook's workplace.
type Lab struct {
	Notebook string // "03"
	Quick    bool
	Seeds    []uint64
	System   target.DoubleWell
	backend  *xla.Opened
	session  *session.Session // data and models of this mode and backend
}

// Open returns the workplace of the notebook with the given number.
func Open(notebook string) *Lab {
	l := &Lab{Notebook: notebook, Quick: session.Quick(), Seeds: []uint64{1, 2, 3}, System: target.DW4()}
	if l.Quick {
		l.Seeds = l.Seeds[:1]
	}
	l.backend = must(xla.Open(xla.Auto))
	l.session = session.At(l.folder(l.mode()), l.backend)
	return l
}

// Must returns v, or panics with the error, which ends the cell.
func Must[T any](v T, err error) T { return must(v, err) }

// Must2 is Must for two values.
func Must2[A, B any](a A, b B, err error) (A, B) { return must2(a, b, err) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}

// Session returns the session of the lab's data and models, which the notebooks share.
func (l *Lab) Session() *session.Session { return l.session }

// Backend describes the backend and the reason for its choice, without the paths of this machine.
func (l *Lab) Backend() string { return l.session.Computes() }

func (l *Lab) mode() string {
	if l.Quick {
		return "quick"
	}
	return "full"
}

// folder returns the folder of a mode's data and models on this backend.
func (l *Lab) folder(mode string) string {
	return filepath.Join(session.Out(), mode+"-"+l.backend.Kind)
}

// path returns a path in the folder of the lab's own mode.
func (l *Lab) path(parts ...string) string {
	return filepath.Join(append([]string{l.folder(l.mode())}, parts...)...)
}

// Samples returns a number of samples, which is smaller on the Go backend, where samples cost more.
func (l *Lab) Samples(full, onGo int) int {
	if l.backend.Kind == xla.Go {
		return onGo
	}
	return full
}

// size returns a number of configurations, which is smaller for quick runs.
func (l *Lab) size(full, quick int) int {
	if l.Quick {
		return quick
	}
	return full
}

// Equilibrium returns n configurations of independent chains. They are drawn once and kept under a
// name.
func (l *Lab) Equilibrium(name string, n int, seed uint64) particle.Batch {
	return l.EquilibriumOf(l.System, name, n, seed)
}

// EquilibriumOf is Equilibrium for another system.
func (l *Lab) EquilibriumOf(t target.Target, name string, n int, seed uint64) particle.Batch {
	return l.session.Equilibrium(name, t, n, seed)
}

// energies returns the reduced energies of configurations.
func energies(t target.Target, x particle.Batch) []float64 {
	u := make([]float64, x.Len())
	for i := range u {
		u[i] = t.EnergyForces(x.At(i), nil)
	}
	return u
}
