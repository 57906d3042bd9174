// Package session keeps what a notebook makes by name: models, data sets and results. GoNB runs every cell in a process of
// its own; with a session a cell takes up in one line what an earlier one has made, also after a restart of the kernel:
//
//	s := session.Open("morse")
//	x := s.Equilibrium("train", own, 10_000, 1)
//	m := s.Train("eqBG", eqflow.Generator{Target: own}, eqflow.Data{Train: x}, eqflow.Settings{Steps: 2000})
//
// Written again in the next cell, the same lines compute nothing; session.Open("morse").Model("eqBG") is shorter still. It is
// the notebooks' edge: what fails panics, and the cell is red.
package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/xla"
)

// The environment of a session.
const (
	EnvOut   = "EQFLOW_OUT"   // the folder that holds the sessions; "work" beside the notebook where it is not set
	EnvQuick = "EQFLOW_QUICK" // "1" for short training, to see that everything works
)

// The parts of a session's folder.
const (
	modelsPart  = "models"
	dataPart    = "data"
	resultsPart = "results"
)

// Session is a folder of models, data and results.
type Session struct {
	folder string
	opened *xla.Opened // on first use
}

// Open takes up the session of that name, or begins it.
func Open(name string) *Session {
	return &Session{folder: filepath.Join(Root(), part(name))}
}

// Root is the folder of all sessions.
func Root() string { return filepath.Join(cmp.Or(os.Getenv(EnvOut), "work"), "session") }

// Folder is where the session is kept.
func (s *Session) Folder() string { return s.folder }

// part refuses a name that would lead out of its folder.
func part(name string) string {
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

// Backend is what the session computes on: the best there is, or what EQFLOW_BACKEND says. It stays open until the cell ends.
func (s *Session) Backend() compute.Backend { return s.open().Backend }

func (s *Session) open() *xla.Opened {
	if s.opened == nil {
		s.opened = must(xla.Open(xla.Auto))
	}
	return s.opened
}

// Steps is how long to train: full, or quick where EQFLOW_QUICK asks for that, and a twentieth on the Go backend, which is an
// order of magnitude slower than XLA.
func (s *Session) Steps(full, quick int) int {
	if os.Getenv(EnvQuick) == "1" {
		full = quick
	}
	if s.open().Kind == xla.Go {
		full = max(20, full/20)
	}
	return full
}

// Computes tells what computes, and why, without the paths of this machine.
func (s *Session) Computes() string {
	o := s.open()
	return strings.ReplaceAll(o.String(), o.Plugin, filepath.Base(o.Plugin))
}

func (s *Session) dataPath(name string) string {
	return filepath.Join(s.folder, dataPart, part(name)+".npz")
}

// Keep puts a data set under a name, in the place of an earlier one.
func (s *Session) Keep(name string, set dataset.Set) {
	path := s.dataPath(name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), dataset.Write(path, set, true)); err != nil {
		panic(err)
	}
}

// Set returns what Keep has put under a name.
func (s *Session) Set(name string) dataset.Set {
	set, err := dataset.Read(s.dataPath(name), 0, 0)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("session: no data %q; there are %s", name, s.listed(dataPart))
	}
	return must(set, err)
}

// Data returns the configurations of a data set.
func (s *Session) Data(name string) particle.Batch { return s.Set(name).Batch }

// Import reads n particles in d dimensions from a .npy, .npz or .xyz of the user's own, removes the means, and keeps them
// under a name. n or d of 0 is taken from the file.
func (s *Session) Import(name, path string, n, d int) particle.Batch {
	set := must(dataset.Read(path, n, d))
	set.Batch.RemoveMean()
	set.Manifest.CreatedBy = "imported from " + filepath.Base(path)
	s.Keep(name, set)
	return set.Batch
}

// recipe is what equilibrium configurations are made of; another one makes them anew.
type recipe struct {
	N       int    `json:"n"`
	Sampler string `json:"sampler"`
}

// Equilibrium returns n configurations of independent chains of t, drawn with mcmc's default recipe when they are first
// asked for, and again when n, seed or the system have changed.
func (s *Session) Equilibrium(name string, t target.Target, n int, seed uint64) particle.Batch {
	spec := must(json.Marshal(must(target.SpecOf(t))))
	settings := must(json.Marshal(recipe{n, string(mcmc.Auto)}))
	if set, err := dataset.Read(s.dataPath(name), t.Particles(), t.Dim()); err == nil &&
		same(set.Manifest.Spec, spec) && same(set.Manifest.Settings, settings) && set.Manifest.Seed == seed {
		return set.Batch
	}
	bar := figure.NewProgress("sampling "+name, 0)
	b, info, err := mcmc.Equilibrium(context.Background(), t, n, mcmc.Auto, seed, func(done, total int) { bar.Update(done, "of %d", total) })
	must(b, err)
	bar.Done("%d configurations, acceptance %.0f %%", b.Len(), 100*info.Acceptance())
	s.Keep(name, dataset.Set{Batch: b, Manifest: dataset.Manifest{System: t.Name(), Spec: spec, Seed: seed, Settings: settings, CreatedBy: "mcmc.Equilibrium"}})
	return b
}

// same compares JSON texts, however files have laid them out.
func same(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return slices.Equal(must(json.Marshal(x)), must(json.Marshal(y)))
}

// Put keeps a result, anything that JSON can hold, under a name.
func (s *Session) Put(name string, v any) {
	text := must(json.MarshalIndent(v, "", " "))
	path := filepath.Join(s.folder, resultsPart, part(name)+".json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, append(text, '\n'), 0o644)); err != nil {
		panic(fmt.Errorf("session: cannot keep %q: %w; choose another folder with %s", name, err, EnvOut))
	}
}

// Get returns what Put has kept: session.Get[[]float64](s, "energies").
func Get[T any](s *Session, name string) T {
	var v T
	text, err := os.ReadFile(filepath.Join(s.folder, resultsPart, part(name)+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		panic(fmt.Errorf("session: no result %q; there are %s", name, s.listed(resultsPart)))
	}
	if err := errors.Join(err, json.Unmarshal(text, &v)); err != nil {
		panic(fmt.Errorf("session: the result %q is not %T: %w", name, v, err))
	}
	return v
}

// listed names what a part of the session holds.
func (s *Session) listed(part string) string {
	names := s.names(part)
	if len(names) == 0 {
		return "none in " + s.folder
	}
	return strings.Join(names, ", ")
}

func (s *Session) names(part string) []string {
	entries, _ := os.ReadDir(filepath.Join(s.folder, part))
	var names []string
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Rows list what the session keeps, so that figure.Show(s) tells where one is.
func (s *Session) Rows() [][]string {
	var rows [][]string
	for _, name := range s.names(modelsPart) {
		c, err := eqflow.Describe(s.modelFolder(name))
		if err != nil {
			rows = append(rows, []string{"model", name, oneLine(err)})
			continue
		}
		about := fmt.Sprintf("%s of %s, %d steps", c.Flow, c.System, c.Steps)
		if c.Report != nil {
			about += fmt.Sprintf(", NLL %.3f", c.Report.NLL4)
		}
		rows = append(rows, []string{"model", name, about})
	}
	for _, name := range s.names(dataPart) {
		set, err := dataset.Read(s.dataPath(name), 0, 0)
		about := fmt.Sprintf("%d configurations of %d particles in %d dimensions", set.Batch.Len(), set.Batch.N, set.Batch.D)
		if err != nil {
			about = oneLine(err)
		}
		rows = append(rows, []string{"data", name, about})
	}
	for _, name := range s.names(resultsPart) {
		rows = append(rows, []string{"result", name, ""})
	}
	return rows
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
