package flow_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// logProbs returns log q of configurations, in float64, under a flow with perturbed parameters.
// With its initial parameters a flow is nearly the identity, which has every symmetry.
func logProbs(t *testing.T, config flow.Config, r particle.Relabelling, batches ...particle.Batch) [][]float64 {
	t.Helper()
	p := prior.MeanFree{N: batches[0].N, D: batches[0].D}
	store := model.NewStore()
	system := flow.System{N: p.N, D: p.D, Relabelling: r, Seed: 2, DType: dtypes.Float64}
	exec, err := model.NewExec(xlatest.OpenGo(t).Backend, store, func(scope *model.Scope, x *Node) *Node {
		image := config.Bind(scope.At("flow"), x.Graph(), system).Inverse(x)
		return Add(p.LogProb(image.X), image.LogDet)
	})
	if err != nil {
		t.Fatal(err)
	}
	call := func(b particle.Batch) []float64 {
		out, err := exec.Call1(tensors.FromFlatDataAndDimensions(b.X, b.Len(), b.N, b.D))
		if err != nil {
			t.Fatal(err)
		}
		return tensors.MustCopyFlatData[float64](out)
	}
	call(batches[0])
	rng := rand.New(rand.NewPCG(9, 9))
	for v := range store.IterVariables() {
		value := tensors.MustCopyFlatData[float64](v.MustValue())
		for i := range value {
			value[i] += 0.1 * rng.NormFloat64()
		}
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(value, v.Shape().Dimensions...)); err != nil {
			t.Fatal(err)
		}
	}
	var out [][]float64
	for _, b := range batches {
		out = append(out, call(b))
	}
	return out
}

// Where particles are not all alike, the density is invariant under the relabellings of the system,
// and changes under others.
func TestDensityKeepsTheRelabellingsOfTheSystem(t *testing.T) {
	x := prior.MeanFree{N: 4, D: 3}.Sample(rand.New(rand.NewPCG(2, 9)), 5)
	relabelled := func(perm []int) particle.Batch {
		b := x.Clone()
		for i := range b.Len() {
			copy(b.At(i), particle.Relabel(b.At(i), 3, perm))
		}
		return b
	}
	swapped, mixed := []int{2, 3, 0, 1}, []int{1, 0, 2, 3}
	backwards, halfway := []int{3, 2, 1, 0}, []int{3, 1, 2, 0}
	twoTypes, chain := particle.Relabelling{Types: []int{0, 1, 0, 1}}, particle.Relabelling{Chain: true}
	for _, c := range []struct {
		name          string
		field         dynamics.Config
		r             particle.Relabelling
		keeps, breaks []int
	}{
		{"kernel of two types", dynamics.RadialBasis{Centres: 12}, twoTypes, swapped, mixed},
		{"kernel of a chain", dynamics.RadialBasis{Centres: 12}, chain, backwards, halfway},
		{"egnn of two types", dynamics.EGNN{Layers: 2, Hidden: 8}, twoTypes, swapped, mixed},
		{"onehop of a chain", dynamics.OneHop{Centres: 6, Hidden: 8, Channels: 2}, chain, backwards, halfway},
		{"egnn of a chain", dynamics.EGNN{Layers: 2, Hidden: 8}, chain, backwards, halfway},
	} {
		config := flow.Continuous{Field: c.field, Steps: 4}
		logQ := logProbs(t, config, c.r, x, relabelled(c.keeps), relabelled(c.breaks))
		kept, broken := 0.0, 0.0
		for i := range logQ[0] {
			kept, broken = max(kept, math.Abs(logQ[1][i]-logQ[0][i])), max(broken, math.Abs(logQ[2][i]-logQ[0][i]))
		}
		if kept > 1e-11 || broken < 1e-3 {
			t.Errorf("%s: log q changes by %g under %v, and by %g under %v", c.name, kept, c.keeps, broken, c.breaks)
		}
	}
}

// The density of an equivariant field's flow is invariant under rotation, reflection and
// relabelling. The densities of other flows are not.
func TestDensityInheritsTheFieldsSymmetry(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	x := prior.MeanFree{N: 4, D: 2}.Sample(rng, 5)
	moved := func(move func(x []float64)) particle.Batch {
		b := x.Clone()
		for i := range b.Len() {
			move(b.At(i))
		}
		return b
	}
	batches := []particle.Batch{
		x,
		moved(func(x []float64) { particle.Rotate(x, particle.Rotation2(1.1), 2) }),
		moved(func(x []float64) { particle.Rotate(x, []float64{-1, 0, 0, 1}, 2) }),
		moved(func(x []float64) { copy(x, particle.Relabel(x, 2, []int{3, 0, 1, 2})) }),
	}
	onehop := dynamics.OneHop{Centres: 6, Hidden: 8, Channels: 2, Tensors: 1}
	copies := []string{"", "rotated", "reflected", "relabelled"}
	for _, c := range []struct {
		name      string
		config    flow.Config
		symmetric bool
	}{
		{"kernel", flow.Continuous{Field: dynamics.RadialBasis{Centres: 12}, Steps: 4}, true},
		{"egnn", flow.Continuous{Field: dynamics.EGNN{Layers: 2, Hidden: 8}, Steps: 4}, true},
		{"onehop", flow.Continuous{Field: onehop, Steps: 4}, true},
		{"mlp", flow.Continuous{Field: dynamics.MLP{Hidden: 8}, Steps: 4}, false},
		{"coupling", flow.Coupling{Blocks: 4, Hidden: 8}, false},
	} {
		logQ := logProbs(t, c.config, particle.Relabelling{}, batches...)
		for k := 1; k < len(batches); k++ {
			change := 0.0
			for i := range logQ[0] {
				change = max(change, math.Abs(logQ[k][i]-logQ[0][i]))
			}
			if c.symmetric != (change < 1e-11) || !c.symmetric && change < 1e-2 {
				t.Errorf("%s: log q of %s configurations changes by %g", c.name, copies[k], change)
			}
		}
	}
}
