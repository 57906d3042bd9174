// Package session keeps models, data sets and results of a notebook by name. GoNB runs every cell
// in a process of its own. With a session, one line of a cell continues with the work of earlier
// cells, also after a restart of the kernel:
//
//	s := session.Open("morse")
//	x := s.Equilibrium("train", own, 10_000, 1)
//	generator, settings := eqflow.Generator{Target: own}, train.Settings{Steps: 2000}
//	m := s.Train("eqBG", generator, train.Data{Train: x}, settings)
//
// The same lines in the next cell compute nothing. session.Open("morse").Model("eqBG") is shorter
// still.
//
// A session is a folder (session.go) of data sets (data.go), models (model.go), samples
// (sample.go), likelihoods and reports (judged.go), ladders (ladder.go) and results (results.go),
// which several processes may use at once (hold.go). free.go computes free energies. The package is
// the notebooks' edge: a failure panics, and the cell turns red.
package session

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
	"github.com/eqflow/gonb-eqflow/xla"
)

// The environment of a session.
const (
	EnvOut   = "EQFLOW_OUT"   // the folder of everything that notebooks make; by default "work" beside the notebook
	EnvQuick = "EQFLOW_QUICK" // "1" for short training, to check that everything works
)

// The subfolders of a session.
const (
	modelsPart  = "models"
	dataPart    = "data"
	samplesPart = "samples"
	judgedPart  = "judged"
	resultsPart = "results"
)

// Session is a folder of models, data and results.
type Session struct {
	folder string
	opened *xla.Opened // nil until the first use
}

// Open continues the session of that name, or begins it. It warns if the session cannot be written.
func Open(name string) *Session {
	s := &Session{folder: filepath.Join(Root(), checked(name))}
	if err := s.Probe(); err != nil {
		warn(err.Error())
	}
	return s
}

// Probe returns an error if nothing can be written into the session's folder or, if that does not
// exist, into the first folder above it that does.
func (s *Session) Probe() error {
	folder, err := filepath.Abs(s.folder)
	if err != nil {
		return unwritable(err)
	}
	for folder != filepath.Dir(folder) {
		if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		folder = filepath.Dir(folder)
	}
	if err := atomic.Probe(folder); err != nil {
		return unwritable(err)
	}
	return nil
}

// At continues the session in a folder, or begins it. opened is the backend that the session
// computes on; nil means the best available.
func At(folder string, opened *xla.Opened) *Session {
	return &Session{folder: folder, opened: opened}
}

// Out returns the folder of everything that notebooks make.
func Out() string { return cmp.Or(os.Getenv(EnvOut), "work") }

// Root returns the folder of the sessions that Open opens.
func Root() string { return filepath.Join(Out(), "session") }

// Folder returns the session's folder.
func (s *Session) Folder() string { return s.folder }

// checked panics for a name that would lead out of its folder.
func checked(name string) string {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		panic(fmt.Errorf("session: %q is no name; give one word, without slashes", name))
	}
	return name
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Backend returns the backend that the session computes on: the one that EQFLOW_BACKEND names, or
// else the best available. It stays open until the cell ends.
func (s *Session) Backend() compute.Backend { return s.open().Backend }

func (s *Session) open() *xla.Opened {
	if s.opened == nil {
		s.opened = must(xla.Open(xla.Auto))
	}
	return s.opened
}

// Quick reports whether EQFLOW_QUICK asks for short training.
func Quick() bool { return os.Getenv(EnvQuick) == "1" }

// Steps returns the number of training steps: full, or quick if EQFLOW_QUICK asks for short
// training. On the Go backend, which is slower than XLA by an order of magnitude, it is a
// twentieth, and at least 20.
func (s *Session) Steps(full, quick int) int {
	if Quick() {
		full = quick
	}
	if s.open().Kind == xla.Go {
		full = max(20, full/20)
	}
	return full
}

// Computes describes the backend and the reason for its choice, without the paths of this machine.
func (s *Session) Computes() string {
	o := s.open()
	return strings.ReplaceAll(o.String(), o.Plugin, filepath.Base(o.Plugin))
}

// names lists the entries of a subfolder, without extensions.
func (s *Session) names(part string) []string {
	entries, _ := os.ReadDir(filepath.Join(s.folder, part))
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") { // no lock, and no file that is being written
			names = append(names, strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())))
		}
	}
	return names
}

// listed returns the entries of a subfolder as a text for error messages.
func (s *Session) listed(part string) string {
	names := s.names(part)
	if len(names) == 0 {
		return "none in " + s.folder
	}
	return strings.Join(names, ", ")
}

// Rows lists everything that the session keeps, as the rows of a table for figure.Show(s).
func (s *Session) Rows() [][]string {
	var rows [][]string
	for _, name := range s.names(modelsPart) {
		rows = append(rows, []string{"model", name, s.describeModel(name)})
	}
	for _, name := range s.names(dataPart) {
		set, err := dataset.Read(s.dataPath(name), 0, 0)
		b := set.Batch
		about := fmt.Sprintf("%d configurations of %d particles in %d dimensions", b.Len(), b.N, b.D)
		if err != nil {
			about = oneLine(err)
		}
		rows = append(rows, []string{"data", name, about})
	}
	for _, name := range s.names(samplesPart) {
		rows = append(rows, []string{"samples", name, ""})
	}
	for _, name := range s.names(resultsPart) {
		rows = append(rows, []string{"result", name, ""})
	}
	return rows
}

func (s *Session) describeModel(name string) string {
	c, err := eqflow.Describe(s.modelFolder(name))
	if err != nil {
		return oneLine(err)
	}
	about := fmt.Sprintf("%s of %s, %d steps", c.Flow, c.System, c.Steps)
	if c.Report != nil {
		about += fmt.Sprintf(", NLL %.3f", c.Report.NLL4)
	}
	return about
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
