// Package resident asks trained models without opening a backend. A cell of GoNB is a program that is linked, run and
// forgotten: one that computes with XLA is linked to it and compiles its graphs anew. A helper process, which the kernel owns,
// stays up instead and holds backend, compiled graphs and loaded models; the cell that asks it is light, and answered within a
// second:
//
//	s := resident.Open("eqBG").Sample(20_000, 1)
//	figure.MustShow(s)
//
// Without such a kernel, or with its helper away, the program that asks starts a helper of its own, which answers the same,
// more slowly. It is the notebooks' edge: what fails panics, and the cell is red.
package resident

import (
	"context"
	"encoding/gob"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Model is a trained model in a folder, whom the helper speaks for. What is trained anew there is loaded anew.
type Model struct {
	Folder string
	ctx    context.Context
	report func(done, total int)
}

// Open finds a model by its folder, or by the last parts of one's path below the working folder or EQFLOW_OUT, which no other
// has: "eqBG", "springs/models/eqBG".
func Open(name string) *Model {
	return &Model{Folder: must(Find(name)), ctx: context.Background()}
}

// Watch lets ctx end later questions, and report, which may be nil, hear how many configurations are done.
func (m *Model) Watch(ctx context.Context, report func(done, total int)) {
	m.ctx, m.report = ctx, report
}

// Card is what is known of the model without computing.
func (m *Model) Card() eqflow.Card { return must(eqflow.Describe(m.Folder)) }

// Sample draws n configurations, the same for the same seed, as eqflow.Model.Sample does. Of a system of one's own, the cell
// has the energy, by target.FromGraph, which the helper has not.
func (m *Model) Sample(n int, seed uint64) eqflow.Samples {
	s := ask[eqflow.Samples](m, sample{n, seed})
	if system := m.Card().Target; system.Kind == target.KindOwn {
		s = eqflow.Weigh(must(target.FromSpec(system)), s.X, s.LogQ)
	}
	return s
}

// LogProb returns the log-density of each configuration under the model, in nats, with the flow solved in the given number of
// steps (0: as trained).
func (m *Model) LogProb(x particle.Batch, steps int) []float64 {
	_, logProb := m.ToPrior(x, steps)
	return logProb
}

// ToPrior maps configurations back to the prior and returns them with their log-density, in nats.
func (m *Model) ToPrior(x particle.Batch, steps int) (z particle.Batch, logProb []float64) {
	a := ask[scored](m, toPrior{x, steps})
	return a.X, a.LogProb
}

// FromPrior maps prior configurations to the target's and returns them with their log-density, in nats.
func (m *Model) FromPrior(z particle.Batch, steps int) (x particle.Batch, logProb []float64) {
	a := ask[scored](m, fromPrior{z, steps})
	return a.X, a.LogProb
}

// Path returns the flow from prior configurations to the target's at the given number of frames, both ends included.
func (m *Model) Path(z particle.Batch, frames int) []particle.Batch {
	return ask[[]particle.Batch](m, path{z, frames})
}

// PathToPrior returns the flow backwards, from the target's configurations to the prior's.
func (m *Model) PathToPrior(x particle.Batch, frames int) []particle.Batch {
	return ask[[]particle.Batch](m, pathToPrior{x, frames})
}

// Evaluate judges the model on data, as eqflow.Model.Evaluate does, but for systems of one's own.
func (m *Model) Evaluate(data particle.Batch, e eqflow.Evaluation) eqflow.Report {
	return ask[eqflow.Report](m, evaluate{data, e})
}

// ask puts a question to the helper, whose answer is a T.
func ask[T any](m *Model, what any) T { return must(m.ask(what)).(T) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What is asked, and the answers that are no type of eqflow.
type (
	sample struct {
		N    int
		Seed uint64
	}
	toPrior struct {
		X     particle.Batch
		Steps int
	}
	fromPrior struct {
		Z     particle.Batch
		Steps int
	}
	path struct {
		Z      particle.Batch
		Frames int
	}
	pathToPrior struct {
		X      particle.Batch
		Frames int
	}
	evaluate struct {
		Data particle.Batch
		How  eqflow.Evaluation
	}
	scored struct {
		X       particle.Batch
		LogProb []float64
	}
)

func init() {
	for _, v := range []any{sample{}, toPrior{}, fromPrior{}, path{}, pathToPrior{}, evaluate{}, scored{}, eqflow.Samples{}, eqflow.Report{}, []particle.Batch{}} {
		gob.Register(v)
	}
}
