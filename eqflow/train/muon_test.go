package train_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// wideFlow has weight matrices that are large enough for Muon.
var wideFlow = flow.Continuous{Field: dynamics.EGNN{Layers: 1, Hidden: 16}, Steps: 1}

// polar returns the matrix closest to x whose singular values are all one. It also returns the
// singular value of x that nine tenths of them exceed, and the largest.
func polar(x *mat.Dense) (nearest *mat.Dense, low, high float64) {
	var svd mat.SVD
	svd.Factorize(x, mat.SVDThin)
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	nearest = new(mat.Dense)
	nearest.Mul(&u, v.T())
	values := svd.Values(nil)
	return nearest, values[len(values)*9/10], values[0]
}

// The orthogonalised gradients have singular values of about one and the singular vectors of the
// gradients, for any shape, condition and size. They vanish where the gradients vanish.
func TestOrthogonal(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, d := range [][2]int{{16, 16}, {16, 24}, {24, 16}, {64, 64}} {
			const stack = 5
			x := make([]float32, 0, stack*d[0]*d[1])
			for k := range stack {
				scale := []float64{1, 1e-6, 0, 1e-18, 1e-22}[k]
				for i := range d[0] {
					for range d[1] {
						x = append(x, float32(scale*r.NormFloat64()/float64(1+i))) // rows of different scale
					}
				}
			}
			input := tensors.FromFlatDataAndDimensions(x, stack, d[0], d[1])
			out, err := graph.CallOnce(backend.Backend, train.Orthogonal, input)
			if err != nil {
				t.Fatal(err)
			}
			got := tensors.MustCopyFlatData[float32](out)
			for k := range stack {
				part := func(all []float32) *mat.Dense {
					m := mat.NewDense(d[0], d[1], nil)
					for i, v := range all[k*d[0]*d[1] : (k+1)*d[0]*d[1]] {
						m.Set(i/d[1], i%d[1], float64(v))
					}
					return m
				}
				if k >= 2 { // the squares of the last gradients underflow in float32
					if size := mat.Norm(part(got), 2); !(size < 1e-5) || k == 2 && size != 0 {
						t.Errorf("%v: matrix %d, whose gradient is about zero, gets a step of norm %g", d, k, size)
					}
					continue
				}
				_, low, high := polar(part(got))
				if low < 0.6 || high > 1.3 {
					t.Errorf("%v, matrix %d: singular values between %g and %g, want about 1", d, k, low, high)
				}
				wanted, _, _ := polar(part(x))
				var along mat.Dense
				along.Mul(wanted.T(), part(got))
				side := float64(min(d[0], d[1]))
				if cosine := mat.Trace(&along) / (mat.Norm(part(got), 2) * math.Sqrt(side)); cosine < 0.95 {
					t.Errorf("%v, matrix %d: cosine to the polar factor %g", d, k, cosine)
				}
			}
		}
	})
}

// A step of Muon moves every matrix by a matrix whose singular values are about rate·scale·√side.
// Adam moves the biases as it does without Muon.
func TestMuonStep(t *testing.T) {
	backend, x := xlatest.OpenGo(t), eqflowtest.Data(t)
	after := func(o train.Optimizer, rate float64) dataset.Arrays {
		s, folder := eqflowtest.Settings(1), t.TempDir()
		s.Optimizer, s.LearningRate, s.WarmUp, s.Average = o, rate, 1, new(0.0)
		s.Objective = train.Matching{}
		m := eqflowtest.Model(t, backend, wideFlow)
		if o != "" {
			if _, err := m.Train(t.Context(), train.Data{Train: x}, train.Run{Settings: s}); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Save(folder); err != nil {
			t.Fatal(err)
		}
		arrays, err := dataset.ReadArrays(filepath.Join(folder, "model.npz"))
		if err != nil {
			t.Fatal(err)
		}
		return arrays
	}
	const rate = 1e-3
	before, muon, adam := after("", 0), after(train.Muon, rate), after(train.Adam, rate)
	moved := 0
	for _, a := range muon {
		old, _ := before.Get(a.Name)
		other, _ := adam.Get(a.Name)
		switch {
		case a.F32 == nil:
		case len(a.Shape) == 2 && min(a.Shape[0], a.Shape[1]) >= 16:
			step := mat.NewDense(a.Shape[0], a.Shape[1], nil)
			for i := range a.F32 {
				step.Set(i/a.Shape[1], i%a.Shape[1], float64(a.F32[i]-old.F32[i]))
			}
			_, _, high := polar(step)
			if want := rate * train.MuonScale * 4; high < 0.6*want || high > 1.3*want {
				t.Errorf("%s moved by up to %g, want about %g", a.Name, high, want)
			}
			moved++
		case !slices.Equal(a.F32, other.F32):
			t.Errorf("%s, which is not a matrix, moves in another way than with Adam", a.Name)
		}
	}
	if moved != 4 {
		t.Errorf("%d matrices moved, want the 4 of an EGNN's last layer", moved)
	}
}

// A stopped run with Muon resumes to the same numbers, and several devices take the same steps as
// one.
func TestMuonResumesAndRunsOnSeveralDevices(t *testing.T) {
	x, s, folder := eqflowtest.Data(t), eqflowtest.Settings(8), t.TempDir()
	s.Objective = train.Matching{}
	one := func() *eqflow.Model { return eqflowtest.Model(t, xlatest.OpenGo(t), wideFlow) }
	whole := eqflowtest.Losses(t, one(), x, s, "", 8)
	parts := eqflowtest.Losses(t, one(), x, s, folder, 5)
	parts = append(parts, eqflowtest.Losses(t, one(), x, s, folder, 8)...)
	eqflowtest.Near(t, "loss after a stop", parts, whole, 1e-6)
	shared := eqflowtest.Losses(t, eqflowtest.Several(t, wideFlow), x, s, "", 8)
	eqflowtest.Near(t, "loss on several devices", shared, whole, 1e-4)
	if _, err := os.Stat(filepath.Join(folder, "model.npz")); err != nil {
		t.Error(err)
	}
}

// The EGNN and one-hop fields train with Muon by default, and the error for an unknown optimiser
// names it.
func TestOptimizers(t *testing.T) {
	if got := (train.Settings{}).SuitFlow(wideFlow).Optimizer; got != train.Muon {
		t.Errorf("an EGNN trains with %q", got)
	}
	if got := (train.Settings{Optimizer: train.Adam}).SuitFlow(wideFlow).Optimizer; got != train.Adam {
		t.Errorf("an EGNN trains with %q although the settings ask for Adam", got)
	}
	if err := (train.Settings{Optimizer: "sgd"}).Validate(); err == nil || !strings.Contains(err.Error(), `"sgd"`) {
		t.Errorf("optimizer sgd: %v", err)
	}
}
