package bench

import (
	"fmt"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// The benchmarks of this file time the parts of eqflow bench, for benchstat:
//
//	go test ./bench -run xxx -bench . -count 10 > new.txt && benchstat old.txt new.txt

// BenchmarkWork times each kind of work as a user calls it.
func BenchmarkWork(b *testing.B) {
	cases, err := Cases([]string{"dw4:256", "lj13:64"}, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range cases {
		b.Run(fmt.Sprintf("%s/%s/%s_%d", c.Work, c.Flow, c.System, c.Batch), func(b *testing.B) {
			p, err := readReference(c.Flow, c.System)
			if err != nil {
				b.Fatal(err)
			}
			j, err := prepare(b.Context(), xlatest.Open(b), request{Case: c}, p)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := j.call(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(c.Batch*b.N)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

// BenchmarkField times one evaluation of a field, velocity and divergence. A solve has eighty.
func BenchmarkField(b *testing.B) {
	const n, d, batch = 4, 2, 256
	for _, name := range Flows {
		b.Run(fmt.Sprintf("%s/dw4_%d", name, batch), func(b *testing.B) {
			graph := func(scope *model.Scope, x, t *Node) []*Node {
				f := config(name, usualSteps).Bind(scope.At("flow"), x.Graph(), flow.System{N: n, D: d}).(flow.Partial)
				v, div := f.At(t, x)
				return []*Node{v, div}
			}
			exec, err := model.NewExec(xlatest.Open(b).Backend, model.NewStore(), graph)
			if err != nil {
				b.Fatal(err)
			}
			draws := prior.MeanFree{N: n, D: d}.Sample(rand.New(rand.NewPCG(1, 1)), batch)
			x := tensors.FromFlatDataAndDimensions(narrow(draws.X), batch, n, d)
			t := tensors.FromFlatDataAndDimensions(make([]float32, batch), batch)
			for b.Loop() {
				if _, err := exec.Call(x, t); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHost times what eqflow does in plain Go beside the compiled graphs, for 1024
// configurations.
func BenchmarkHost(b *testing.B) {
	const batch = 1024
	for _, system := range []target.Target{target.DW4(), target.LJ13()} {
		from := prior.MeanFree{N: system.Particles(), D: system.Dim()}
		rng := rand.New(rand.NewPCG(1, 1))
		x, z := from.Sample(rng, batch), from.Sample(rng, batch)
		b.Run("prior/"+system.Name(), func(b *testing.B) {
			for b.Loop() {
				from.Sample(rng, batch)
			}
		})
		b.Run("energy/"+system.Name(), func(b *testing.B) {
			for b.Loop() {
				for i := range batch {
					system.EnergyForces(x.At(i), nil)
				}
			}
		})
		b.Run("transport/"+system.Name(), func(b *testing.B) {
			for b.Loop() {
				particle.PairBatches(x.Slice(0, 256), z.Slice(0, 256), particle.Relabelling{})
			}
		})
	}
}
