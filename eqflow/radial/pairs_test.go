//go:build cgo && amd64

package radial

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// The pairs in C and in Go give the same results to the bit, in every lane: near, beyond the
// centres, where the RBFs have vanished, and where a coordinate is NaN.
func TestPairsInC(t *testing.T) {
	if !vectors {
		t.Skip("this processor has no AVX2")
	}
	for _, shape := range []struct{ size, n, d int }{{1, 2, 1}, {32, 4, 2}, {23, 4, 2}, {7, 5, 3}} {
		for _, spread := range []float64{0.5, 2, 8} {
			t.Run(fmt.Sprint(shape, spread), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, uint64(shape.size)))
				x := particle.NewBatch(shape.size, shape.n, shape.d)
				normal(rng, spread, x.X)
				x.X[0] = math.NaN()
				comparePairs(t, rng, randomFlow(rng, shape.d), x)
			})
		}
	}
}

func normal(rng *rand.Rand, width float64, to []float64) {
	for i := range to {
		to[i] = width * rng.NormFloat64()
	}
}

func randomFlow(rng *rand.Rand, dim int) *Flow {
	f := Field{RadialBasis: dynamics.RadialBasis{}.WithDefaults(), D: dim, Parameters: NewParameters(50, 10)}
	normal(rng, 1, f.Weights)
	normal(rng, 1, f.Bias)
	for k := range f.NegLogWidths {
		f.NegLogWidths[k] = 0.7 + 0.3*rng.Float64()
	}
	flow, err := NewFlow(f, ode.Span{Method: ode.RK4, Steps: 1, T1: 1})
	if err != nil {
		panic(err)
	}
	return flow
}

func comparePairs(t *testing.T, rng *rand.Rand, f *Flow, x particle.Batch) {
	for _, beyond := range []bool{true, false} {
		table := f.field.newTable(f.plan, f.at, beyond)
		b := f.newBlock(table, x, 0, true)
		gv, gdiv := make([]float64, len(b.y)), make([]float64, b.lanes)
		normal(rng, 1, gv)
		normal(rng, 1, gdiv)
		results := func(
			field func(row int, y, v, div []float64), pull func(p *blockPull, row int, y, gv, gdiv []float64),
		) [][]float64 {
			v, div := make([]float64, len(b.y)), make([]float64, b.lanes)
			table.incomplete.Store(false)
			field(1, b.y, v, div)
			incomplete := 0.0
			if table.incomplete.Load() {
				incomplete = 1
			}
			p := b.newPull(table.newRows(len(f.at)))
			pull(p, 1, b.y, gv, gdiv)
			out := [][]float64{v, div, p.gState, {incomplete}}
			for _, piece := range p.gRows[1] {
				out = append(out, piece[:])
			}
			return out
		}
		want, got := results(b.fieldInGo, (*blockPull).pullFieldInGo), results(b.field, (*blockPull).pullField)
		for i := range want {
			for k := range want[i] {
				if !same(got[i][k], want[i][k]) {
					t.Fatalf("beyond %v: number %d of array %d is %v in C, %v in Go",
						beyond, k, i, got[i][k], want[i][k])
				}
			}
		}
	}
}

// fusing reports that the compiler makes one operation with one rounding of x·y + z, as it may from
// GOAMD64=v3 on.
var fusing = func() bool {
	x, z := 1+0x1p-30, -(1 + 0x1p-29)
	if rand.Float64() < 0 { // so that the compiler does not know x and z
		x, z = 0, 0
	}
	return x*x+z != 0
}()

func same(a, b float64) bool {
	if fusing {
		return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-12*(1+math.Abs(b))
	}
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}
