package flow_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/flow/flowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// ethanal is CH₃–CHO: a methyl, whose turn is the one soft coordinate, and a planar end.
func ethanal() zmatrix.Chart {
	z := zmatrix.ZMatrix{
		{Atom: 3, Bond: -1, Angle: -1, Dihedral: -1}, {Atom: 1, Bond: 3, Angle: -1, Dihedral: -1},
		{Atom: 0, Bond: 1, Angle: 3, Dihedral: -1}, {Atom: 2, Bond: 1, Angle: 3, Dihedral: 0},
		{Atom: 4, Bond: 0, Angle: 1, Dihedral: 3, Soft: true}, {Atom: 5, Bond: 0, Angle: 1, Dihedral: 4},
		{Atom: 6, Bond: 0, Angle: 1, Dihedral: 4},
	}
	return zmatrix.Chart{
		ZMatrix: z,
		Circles: []zmatrix.Circle{{Members: []int{4, 5, 6}, Hand: -1}},
		Centre:  []float64{.12, .15, .11, .109, .109, .109, 2.1, 2, 1.92, 1.9, 1.9, 3.1, 0, -2.1, 2.05},
		Spread:  []float64{.003, .003, .004, .003, .003, .003, .06, .05, .05, .07, .06, .1, 0, .1, .12},
	}
}

// chain is four atoms with one turn that exchanges none.
func chain() zmatrix.Chart {
	z := zmatrix.ZMatrix{
		{Atom: 0, Bond: -1, Angle: -1, Dihedral: -1}, {Atom: 1, Bond: 0, Angle: -1, Dihedral: -1},
		{Atom: 2, Bond: 1, Angle: 0, Dihedral: -1}, {Atom: 3, Bond: 2, Angle: 1, Dihedral: 0, Soft: true},
	}
	return zmatrix.Chart{
		ZMatrix: z, Circles: []zmatrix.Circle{{Members: []int{3}, Hand: 1}},
		Centre: []float64{1, 1.1, .9, 1.9, 1.8, 0}, Spread: []float64{.1, .1, .1, .2, .2, 0},
	}
}

// water has no dihedral angle, and no soft coordinate.
func water() zmatrix.Chart {
	return zmatrix.Chart{
		ZMatrix: zmatrix.ZMatrix{
			{Atom: 1, Bond: -1, Angle: -1, Dihedral: -1}, {Atom: 0, Bond: 1, Angle: -1, Dihedral: -1},
			{Atom: 2, Bond: 0, Angle: 1, Dihedral: -1},
		},
		Circles: []zmatrix.Circle{}, Centre: []float64{1, 1.1, 1.8}, Spread: []float64{.1, .1, .2},
	}
}

func TestInternalConformance(t *testing.T) {
	run := func(c zmatrix.Chart) func(t *testing.T, backend *xla.Opened) {
		config := flow.Internal{Chart: c, Blocks: 2, Hidden: 8, Circles: 5, Bins: 4}
		return func(t *testing.T, backend *xla.Opened) {
			flowtest.RunOn(t, backend, config, c.ZMatrix.Atoms(), 3, 1e-6)
		}
	}
	t.Run("chain", func(t *testing.T) { run(chain())(t, xlatest.OpenGo(t)) })
	t.Run("water", func(t *testing.T) { run(water())(t, xlatest.OpenGo(t)) })
	t.Run("ethanal", func(t *testing.T) { xlatest.Each(t, run(ethanal())) })
}

// samplesOf returns configurations near the centres of a chart, in plain Go.
func samplesOf(t *testing.T, c zmatrix.Chart, count int) particle.Batch {
	t.Helper()
	rng := rand.New(rand.NewPCG(4, 4))
	var q []float64
	for range count {
		var soft, stiff []float64
		var turns []int
		for _, circle := range c.Circles {
			soft, turns = append(soft, 2*math.Pi*rng.Float64()-math.Pi), append(turns, rng.IntN(circle.Fold()))
		}
		for range c.Stiff() {
			stiff = append(stiff, rng.NormFloat64())
		}
		row, _ := c.Join(soft, turns, stiff)
		q = append(append(q, row...), rng.Float64(), 2*rng.Float64()-1, rng.Float64())
	}
	x, _, err := c.ZMatrix.Decode(q)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// The density keeps its value when a configuration rotates and when the hydrogens of its methyl
// exchange their labels cyclically. The mirror image has nearly none.
func TestInternalDensityIsOfRotationsAndTurns(t *testing.T) {
	c := ethanal()
	x := samplesOf(t, c, 6)
	moved := func(move func(x []float64)) particle.Batch {
		b := x.Clone()
		for i := range b.Len() {
			move(b.At(i))
		}
		return b
	}
	rotation := particle.RandomRotation(rand.New(rand.NewPCG(1, 1)), 3, false)
	logQ := logProbs(t, flow.Internal{Chart: c, Blocks: 2, Hidden: 8}, particle.Relabelling{},
		x, moved(func(x []float64) { particle.Rotate(x, rotation, 3) }),
		moved(func(x []float64) { copy(x, particle.Relabel(x, 3, []int{0, 1, 2, 3, 5, 6, 4})) }),
		moved(func(x []float64) {
			for k := range x {
				x[k] = -x[k]
			}
		}))
	for i, want := range logQ[0] {
		if math.Abs(logQ[1][i]-want) > 1e-8 || math.Abs(logQ[2][i]-want) > 1e-8 {
			t.Errorf("log q is %g, %g rotated and %g relabelled", want, logQ[1][i], logQ[2][i])
		}
		if logQ[3][i] > want-100 {
			t.Errorf("log q is %g, and %g of the mirror image", want, logQ[3][i])
		}
	}
}

// At networks of zero the flow is the chart with a normal distribution of the stiff coordinates,
// and uniform angles and orientations. The chart in plain Go gives the same density.
func TestInternalDensityOfPlainChart(t *testing.T) {
	c := ethanal()
	x := samplesOf(t, c, 5)
	logQ := plainLogProbs(t, flow.Internal{Chart: c, Blocks: 1, Hidden: 4}, x)
	in, err := c.ZMatrix.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range logQ {
		// The angle t is uniform on the circle, and so are the turns.
		_, _, stiff, logDet := c.Split(in.Q[i*c.ZMatrix.Coordinates() : (i+1)*c.ZMatrix.Coordinates()])
		want := logDet - in.LogDet[i] - math.Log(8*math.Pi*math.Pi) - math.Log(2*math.Pi*3)
		for _, v := range stiff {
			want -= v*v/2 + math.Log(2*math.Pi)/2
		}
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("log q is %.12g, in plain Go %.12g", got, want)
		}
	}
}

// plainLogProbs returns log q under a flow whose parameters are all zero, in float64.
func plainLogProbs(t *testing.T, config flow.Config, x particle.Batch) []float64 {
	t.Helper()
	store, p := model.NewStore(), prior.MeanFree{N: x.N, D: x.D}
	exec, err := model.NewExec(xlatest.OpenGo(t).Backend, store, func(scope *model.Scope, x *Node) *Node {
		system := flow.System{N: p.N, D: p.D, DType: dtypes.Float64}
		image := config.Bind(scope.At("flow"), x.Graph(), system).Inverse(x)
		return Add(p.LogProb(image.X), image.LogDet)
	})
	if err != nil {
		t.Fatal(err)
	}
	var out *tensors.Tensor
	for range 2 { // the first call makes the parameters
		if out, err = exec.Call1(tensors.FromFlatDataAndDimensions(x.X, x.Len(), x.N, x.D)); err != nil {
			t.Fatal(err)
		}
		for v := range store.IterVariables() {
			if err := v.SetValue(tensors.FromShape(v.Shape())); err != nil {
				t.Fatal(err)
			}
		}
	}
	return tensors.MustCopyFlatData[float64](out)
}

// Explore with no uniform angles is Forward, and its images have the held density that LogProbHeld
// returns. Uniform angles change log q of an image by that density, and only there.
func TestInternalExplores(t *testing.T) {
	for name, c := range map[string]zmatrix.Chart{"ethanal": ethanal(), "water": water(), "chain": chain()} {
		const count, uniform = 6, 2
		p := prior.MeanFree{N: c.ZMatrix.Atoms(), D: 3}
		backend := xlatest.OpenGo(t).Backend
		exec, err := model.NewExec(backend, model.NewStore(), func(scope *model.Scope, z *Node) []*Node {
			system := flow.System{N: p.N, D: p.D, Seed: 3, DType: dtypes.Float64}
			config := flow.Internal{Chart: c, Blocks: 2, Hidden: 8}
			bound := config.Bind(scope.At("flow"), z.Graph(), system).(flow.Conditional)
			plain := bound.Forward(z)
			own, held := bound.Explore(z, 0)
			mixed, above := bound.Explore(z, uniform)
			back := bound.Inverse(mixed.X)
			drawn := Sub(p.LogProb(z), mixed.LogDet)
			return []*Node{
				Sub(plain.X, own.X), Sub(plain.LogDet, own.LogDet), Sub(held, bound.LogProbHeld(own.X)),
				Sub(Add(p.LogProb(back.X), back.LogDet), drawn), above, held,
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		z := p.Sample(rand.New(rand.NewPCG(8, 8)), count)
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(z.X, z.Len(), z.N, z.D))
		if err != nil {
			t.Fatal(err)
		}
		numbers := func(k int) []float64 { return tensors.MustCopyFlatData[float64](out[k]) }
		for k := range 3 {
			for _, v := range numbers(k) {
				if math.Abs(v) > 1e-9 {
					t.Errorf("%s: difference %d is %g", name, k, v)
				}
			}
		}
		change, above, held := numbers(3), numbers(4), numbers(5)
		for i, got := range change {
			want := 0.0
			if i < uniform {
				want = above[i]
			} else if math.Abs(above[i]-held[i]) > 1e-9 {
				t.Errorf("%s: the held density is %g, without uniform angles beside it %g", name, above[i], held[i])
			}
			if math.Abs(got-want) > 1e-8 {
				t.Errorf("%s: uniform angles change log q by %g, not %g", name, got, want)
			}
		}
	}
}

// Where the target is the flow's own density, u = −log q, no draw moves the parameters: that is
// what path gradients are for. For another energy they move those of the stiff coordinates alone.
func TestInternalPathGradients(t *testing.T) {
	c := ethanal()
	config := flow.Internal{Chart: c, Blocks: 2, Hidden: 8, Circles: 5, Bins: 4}
	store, p := model.NewStore(), prior.MeanFree{N: c.ZMatrix.Atoms(), D: 3}
	var names []string
	exec, err := model.NewExec(xlatest.OpenGo(t).Backend, store, func(scope *model.Scope, z *Node) []*Node {
		system := flow.System{N: p.N, D: p.D, Seed: 3, DType: dtypes.Float64}
		bound := config.Bind(scope.At("flow"), z.Graph(), system).(flow.Conditional)
		x := Identity(StopGradient(bound.Forward(z).X))
		back := bound.Inverse(x)
		own := Gradient(ReduceAllSum(Neg(Add(p.LogProb(back.X), back.LogDet))), x)[0]
		var parameters []*Node
		names = nil
		for v := range store.IterVariables() {
			names, parameters = append(names, v.Path()), append(parameters, v.NodeValue(z.Graph()))
		}
		moves := Gradient(ReduceAllSum(bound.PathGiven(x, StopGradient(own))), parameters...)
		others := Gradient(ReduceAllSum(bound.PathGiven(x, MulScalar(StopGradient(own), 2))), parameters...)
		var out []*Node
		for k := range parameters {
			out = append(out, ReduceAllMax(Abs(moves[k])), ReduceAllMax(Abs(others[k])))
		}
		return out
	})
	if err != nil {
		t.Fatal(err)
	}
	z := p.Sample(rand.New(rand.NewPCG(8, 8)), 3)
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(z.X, z.Len(), z.N, z.D))
	if err != nil {
		t.Fatal(err)
	}
	for k, name := range names {
		own, other := tensors.ToScalar[float64](out[2*k]), tensors.ToScalar[float64](out[2*k+1])
		soft := strings.Contains(name, "circle_")
		if !(own < 1e-7) || soft != (other == 0) {
			t.Errorf("%s moves by %g where the target is the flow's density, by %g elsewhere", name, own, other)
		}
	}
}
