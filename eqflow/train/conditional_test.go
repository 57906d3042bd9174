package train_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// A molecule in internal coordinates trains by conditional path gradients, with data and without. A
// run that stops and resumes ends with the parameters of one that does not stop. Each step
// evaluates the energy once for each draw.
func TestConditionalPathGradientsResume(t *testing.T) {
	for _, o := range []train.Objective{train.Mixture{Path: true}, train.Energy{Path: true}} {
		t.Run(o.String(), func(t *testing.T) { conditionalResumes(t, o) })
	}
}

func conditionalResumes(t *testing.T, o train.Objective) {
	const file = "../molecule/testdata/ff99sbildn-obc"
	target, err := ensemble.Read(file+".xml", 0, molecule.Options{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := dataset.Read(file+".npz", target.Particles(), 3)
	if err != nil {
		t.Fatal(err)
	}
	shape := ensemble.ShapeOf(target.System())
	z, err := zmatrix.FromShape(shape)
	if err != nil {
		t.Fatal(err)
	}
	chart, err := zmatrix.Fit(z, z.Circles(shape), set.Batch)
	if err != nil {
		t.Fatal(err)
	}
	g := eqflow.Generator{Target: target, Flow: flow.Internal{Chart: chart, Blocks: 2, Hidden: 8, Circles: 4, Bins: 4}}
	run := func(stops ...int) (dataset.Arrays, train.History) {
		m, err := eqflow.New(xlatest.OpenGo(t).Backend, g)
		if err != nil {
			t.Fatal(err)
		}
		s := train.Settings{Objective: o, Steps: 6, Batch: 4}
		r := train.Run{Settings: s, Folder: t.TempDir()}
		for _, stop := range stops {
			ctx, cancel := context.WithCancel(context.Background())
			r.Report = func(p train.Progress) {
				if p.Step == stop {
					cancel()
				}
			}
			if _, err := m.Train(ctx, train.Data{Train: set.Batch}, r); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if m, err = eqflow.New(xlatest.OpenGo(t).Backend, g); err != nil {
				t.Fatal(err)
			}
		}
		r.Report = nil
		history, err := m.Train(context.Background(), train.Data{Train: set.Batch}, r)
		if err != nil {
			t.Fatal(err)
		}
		out, err := m.Export()
		if err != nil {
			t.Fatal(err)
		}
		return out, history
	}
	whole, history := run()
	resumed, _ := run(3)
	fresh, err := eqflow.New(xlatest.OpenGo(t).Backend, g)
	if err != nil {
		t.Fatal(err)
	}
	first, err := fresh.Export()
	if err != nil {
		t.Fatal(err)
	}
	moved := map[bool]bool{}
	for k, a := range whole {
		if !slices.Equal(a.F32, first[k].F32) {
			moved[strings.Contains(a.Name, "circle_")] = true
		}
		if !slices.Equal(a.F32, resumed[k].F32) {
			t.Errorf("%s differs after the resumed run", a.Name)
		}
	}
	if !moved[true] || !moved[false] {
		t.Errorf("soft and stiff parameters moved: %v", moved)
	}
	if history.Energies != 6*4 {
		t.Errorf("%d energies were evaluated, not 24", history.Energies)
	}
}

// Importance weights of draws from a mixture are those of the target over the mixture: their
// averages are the target's. A weight far above the others is cut.
func TestImportance(t *testing.T) {
	// A target of shares .5, .3, .2, drawn as often as a mixture of two densities says.
	target, first, second := []float64{.5, .3, .2}, []float64{.8, .1, .1}, []float64{.2, .2, .6}
	const share = 0.25
	var u, logFirst, logSecond, want []float64
	for k, p := range target {
		mixture := (1-share)*first[k] + share*second[k]
		for range int(math.Round(200 * mixture)) {
			u = append(u, 7-math.Log(p)) // any constant
			logFirst, logSecond = append(logFirst, math.Log(first[k])), append(logSecond, math.Log(second[k]))
			want = append(want, p/mixture)
		}
	}
	for i, w := range train.Importance(u, logFirst, logSecond, share) {
		if math.Abs(w-want[i]) > 1e-9 {
			t.Errorf("the weight of draw %d is %g, not %g", i, w, want[i])
		}
	}
	u[3] = -1000
	u[4], logFirst[4], logSecond[4] = math.Inf(1), math.NaN(), math.NaN()
	w := train.Importance(u, logFirst, logSecond, share)
	if w[3] != 32 || w[4] != 0 || w[5] != 0 {
		t.Errorf("the weights of a deep draw, a broken one and a common one are %g, %g and %g", w[3], w[4], w[5])
	}
}

// Images that are far from the target, or have no finite divergence, neither count nor stay in the
// batch: one that counts takes their place.
func TestFarImagesAreReplaced(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	divergences := []float64{1, 2, nan, 3, inf, 2, 1, 500, 2, -inf}
	in := engine.Inputs{
		Z: particle.NewBatch(10, 1, 2), Slopes: particle.NewBatch(10, 1, 2), Likely: make([]float64, 10),
	}
	for i := range divergences {
		in.Likely[i] = 1
		in.Z.At(i)[0], in.Slopes.At(i)[1] = divergences[i], divergences[i]
	}
	if err := train.CountNear(&in, divergences); err != nil {
		t.Fatal(err)
	}
	for i, v := range divergences {
		counts := v >= 1 && v <= 3
		weight, likely := 0.0, 0.0
		if counts {
			weight, likely = 10.0/6, 1
		}
		if math.Abs(in.Weights[i]-weight) > 1e-12 || in.Likely[i] != likely {
			t.Errorf("image %d of divergence %g has the weights %g and %g", i, v, in.Weights[i], in.Likely[i])
		}
		if z := in.Z.At(i)[0]; z != in.Slopes.At(i)[1] || !(z >= 1 && z <= 3) {
			t.Errorf("image %d is %g", i, z)
		}
	}
	if want := 11.0 / 6; math.Abs(in.Value-want) > 1e-12 {
		t.Errorf("the mean is %g, not %g", in.Value, want)
	}
	if train.CountNear(&in, []float64{nan, inf, nan, nan, nan, nan, nan, nan, nan, inf}) == nil {
		t.Error("images without any finite divergence are no error")
	}
}
