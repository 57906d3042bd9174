// Package resident queries trained models without opening a backend. A cell of GoNB is a program
// that is linked, run and ended. A cell that computes with XLA is linked with it and compiles its
// graphs anew. Instead, a helper process that the kernel owns stays up and holds the backend, the
// compiled graphs and the loaded models. A cell that queries the helper links little, and has its
// answer within a second:
//
//	s := resident.Open("eqBG").Sample(20_000, 1)
//	figure.MustShow(s)
//
// In a kernel without a helper, or after the helper's end, the cell starts a helper of its own,
// which answers the same, more slowly.
//
// Model is the cell's side (resident.go), with its connection to the helper (client.go). Host keeps
// a helper alive, and Run is the helper's main function (host.go); server answers its queries
// (server.go). Find looks for models (find.go). Queries that take a minute
// say so (pace.go). The package is the notebooks' edge: a failure
// panics, and the cell turns red.
package resident

import (
	"context"
	"encoding/gob"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Model is a trained model in a folder. The helper loads it, and loads it again after a new
// training.
type Model struct {
	Folder string
	ctx    context.Context
	report func(done, total int)
}

// Open finds a model by its folder, or by the last parts of the folder's path if they are unique
// below the working folder and EQFLOW_OUT: "eqBG", "springs/models/eqBG".
func Open(name string) *Model {
	return &Model{Folder: must(Find(name)), ctx: context.Background()}
}

// Watch makes later queries end with ctx, and report their progress in configurations. report may
// be nil.
func (m *Model) Watch(ctx context.Context, report func(done, total int)) {
	m.ctx, m.report = ctx, report
}

// Card returns the description of the model, which needs no computation.
func (m *Model) Card() eqflow.Card { return must(eqflow.Describe(m.Folder)) }

// Sample draws n configurations as eqflow.Model.Sample does: the same seed gives the same
// configurations. The energy of a system made by target.FromGraph is known in the cell and not in
// the helper, so the cell weighs these samples itself.
//
// Where the samples will take a minute or more, it says so before it begins, and shows progress.
func (m *Model) Sample(n int, seed uint64) density.Samples {
	s := ask[density.Samples](m.announced(n), sample{n, seed})
	if system := m.Card().Target; system.Kind == target.KindOwn {
		s = density.Weigh(must(target.FromSpec(system)), s.X, s.LogQ)
	}
	_ = eqflow.KeepSampling(m.Folder, s) // in a folder that cannot be written, the card stays as it is
	return s
}

// Configurations draws n configurations, those of Sample, without their energies and weights. The
// process need not know the system's energy.
func (m *Model) Configurations(n int, seed uint64) particle.Batch {
	return ask[density.Samples](m.announced(n), sample{n, seed}).X
}

// LogProb returns the log-density of each configuration under the model, in nats. steps is the
// number of solver steps; 0 means as trained.
func (m *Model) LogProb(x particle.Batch, steps int) []float64 {
	_, logProb := m.ToPrior(x, steps)
	return logProb
}

// ToPrior maps configurations of the target to the prior and returns them with the log-density of
// x, in nats.
func (m *Model) ToPrior(x particle.Batch, steps int) (z particle.Batch, logProb []float64) {
	a := ask[mapped](m, toPrior{x, steps})
	return a.X, a.LogProb
}

// FromPrior maps configurations of the prior to the target and returns them with their log-density,
// in nats.
func (m *Model) FromPrior(z particle.Batch, steps int) (x particle.Batch, logProb []float64) {
	a := ask[mapped](m, fromPrior{z, steps})
	return a.X, a.LogProb
}

// Path returns the flow from configurations of the prior to the target at the given number of
// frames, both ends included.
func (m *Model) Path(z particle.Batch, frames int) []particle.Batch {
	return ask[[]particle.Batch](m, path{z, frames})
}

// PathToPrior returns the flow in the other direction, from configurations of the target to the
// prior.
func (m *Model) PathToPrior(x particle.Batch, frames int) []particle.Batch {
	return ask[[]particle.Batch](m, pathToPrior{x, frames})
}

// Evaluate judges the model on data as eqflow.Model.Evaluate does. It fails for a system made by
// target.FromGraph.
func (m *Model) Evaluate(data particle.Batch, e evaluate.Options) evaluate.Report {
	return ask[evaluate.Report](m, evaluation{data, e})
}

// ask sends a query to the helper, whose answer is a T.
func ask[T any](m *Model, what any) T { return must(m.ask(what)).(T) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The queries, and the answer that is not a type of eqflow.
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
	evaluation struct {
		Data     particle.Batch
		Settings evaluate.Options
	}
	pace   struct{ N int } // how long will n samples take?
	mapped struct {
		X       particle.Batch
		LogProb []float64
	}
)

func init() {
	for _, v := range []any{
		sample{}, toPrior{}, fromPrior{}, path{}, pathToPrior{}, evaluation{}, mapped{},
		pace{}, time.Duration(0), density.Samples{}, evaluate.Report{}, []particle.Batch{},
	} {
		gob.Register(v)
	}
}
