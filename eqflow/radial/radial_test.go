package radial_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/radial"
)

var names = []string{"weights", "bias", "importance", "neg_log_gammas", "neg_log_gammas_time"}

// reference is a problem with the answers of another program, which computed them in float64 and by
// automatic differentiation alone.
type reference struct {
	dataset.Arrays
	field radial.Field
	n, d  int
}

func load(t testing.TB, system string) reference {
	t.Helper()
	arrays, err := dataset.ReadArrays("../../bench/reference/" + system + ".npz")
	if err != nil {
		t.Fatal(err)
	}
	r := reference{Arrays: arrays}
	r.n, r.d = int(r.get("shape")[0]), int(r.get("shape")[1])
	r.field = radial.Field{
		RadialBasis: dynamics.RadialBasis{}.WithDefaults(), D: r.d, Parameters: radial.NewParameters(50, 10),
	}
	for _, name := range names {
		copy(r.field.ByName(name), r.get(name))
	}
	return r
}

func (r reference) get(name string) []float64 {
	a, ok := r.Get(name)
	if !ok {
		panic("no array " + name)
	}
	return a.Float64s()
}

func (r reference) configurations(name string, size int) particle.Batch {
	return particle.Batch{X: r.get(name)[:size*r.n*r.d], N: r.n, D: r.d}
}

var (
	inverse = ode.Span{Method: ode.RK4, Steps: 20, T0: 1}
	forward = ode.Span{Method: ode.RK4, Steps: 20, T1: 1}
)

func logPrior(z []float64, n, d int) float64 {
	sum := -0.5 * float64((n-1)*d) * math.Log(2*math.Pi)
	for _, v := range z {
		sum -= v * v / 2
	}
	return sum
}

func relative(a, b []float64) float64 {
	top, bottom := 0.0, 0.0
	for i := range b {
		top += (a[i] - b[i]) * (a[i] - b[i])
		bottom += b[i] * b[i]
	}
	return math.Sqrt(top / bottom)
}

// meanLoss returns the mean of penalty − log p(z) − log|det| and its cotangents.
func meanLoss(k radial.Images) (loss float64, g radial.Images) {
	size := float64(k.X.Len())
	g = radial.Images{X: k.X.Clone(), LogDet: make([]float64, k.X.Len()), Penalty: make([]float64, k.X.Len())}
	for i := range k.LogDet {
		loss += (k.Penalty[i] - k.LogDet[i] - logPrior(k.X.At(i), k.X.N, k.X.D)) / size
		g.LogDet[i], g.Penalty[i] = -1/size, 1/size
	}
	for i := range g.X.X {
		g.X.X[i] /= size
	}
	return loss, g
}

func TestReferenceProblems(t *testing.T) {
	for _, system := range []string{"DW4", "LJ13", "LJ55"} {
		t.Run(system, func(t *testing.T) {
			r := load(t, system)
			flow := mustFlow(t, r.field, inverse)
			batch := int(r.get("batches")[0])
			tape := flow.Record(r.configurations("data", batch))
			loss, g := meanLoss(tape.Images)
			for i, want := range r.get("log_p")[:batch] {
				got := tape.LogDet[i] + logPrior(tape.X.At(i), r.n, r.d)
				if e := math.Abs(got-want) / math.Abs(want); !(e < 1e-7) {
					t.Fatalf("log p of configuration %d is %.9f, want %.9f", i, got, want)
				}
			}
			if want := r.get(fmt.Sprintf("train_loss_%d", batch))[0]; !(math.Abs(loss-want) < 1e-7*math.Abs(want)) {
				t.Errorf("loss %.9f, want %.9f", loss, want)
			}
			gradient := tape.Pull(g)
			for _, name := range names {
				e := relative(gradient.ByName(name), r.get(fmt.Sprintf("train_grad_%s_%d", name, batch)))
				t.Logf("gradient of %s: relative error %.2g", name, e)
				if !(e < 2e-7) {
					t.Errorf("gradient of %s: relative error %.2g", name, e)
				}
			}
			images := mustFlow(t, r.field, forward).Apply(r.configurations("z", batch))
			if e := relative(images.X.X, r.get("x")[:len(images.X.X)]); !(e < 1e-7) {
				t.Errorf("samples are off by %.2g", e)
			}
		})
	}
}

func mustFlow(t testing.TB, f radial.Field, s ode.Span) *radial.Flow {
	t.Helper()
	flow, err := radial.NewFlow(f, s)
	if err != nil {
		t.Fatal(err)
	}
	return flow
}

func BenchmarkTable(b *testing.B) {
	r := load(b, "DW4")
	x := r.configurations("z", 1)
	for b.Loop() {
		f := mustFlow(b, r.field, inverse)
		f.Apply(x)
		f.Release()
	}
}

func BenchmarkTrain(b *testing.B) {
	for _, c := range []struct {
		system string
		batch  int
	}{{"DW4", 256}, {"LJ13", 64}, {"LJ55", 16}} {
		b.Run(fmt.Sprint(c.system, " ", c.batch), func(b *testing.B) {
			r := load(b, c.system)
			x := r.configurations("data", c.batch)
			for b.Loop() {
				flow := mustFlow(b, r.field, inverse)
				tape := flow.Record(x)
				_, g := meanLoss(tape.Images)
				tape.Pull(g)
				flow.Release()
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	r := load(b, "DW4")
	x := r.configurations("z", 1024)
	f := mustFlow(b, r.field, forward)
	for b.Loop() {
		f.Apply(x)
	}
}

// phi is the definition of the field: φ(d) and φ'(d) at a flow time, term by term.
func phi(f radial.Field, d, t float64) (value, slope float64) {
	var sum, dsum, share float64
	rbf, drbf, time := make([]float64, f.Centres), make([]float64, f.Centres), make([]float64, f.TimeCentres)
	for k := range rbf {
		g := math.Exp(f.NegLogWidths[k])
		u := (d - f.MaxDistance*float64(k)/float64(f.Centres-1)) * g
		rbf[k] = math.Exp(-u * u)
		drbf[k] = -2 * u * g * rbf[k]
		sum, dsum = sum+rbf[k], dsum+drbf[k]
	}
	for m := range time {
		u := (t - float64(m)/float64(f.TimeCentres-1)) * math.Exp(f.NegLogTimeWidths[m])
		time[m] = math.Exp(-u * u)
		share += time[m]
	}
	for m := range time {
		at := time[m] / (share + 1e-6)
		value += at * f.Bias[m]
		for k := range rbf {
			b := rbf[k] / (sum + 1e-6)
			db := (drbf[k] - b*dsum) / (sum + 1e-6)
			w := f.Weights[k*f.TimeCentres+m]
			value += at * w * (b + f.Importance[k]*f.Importance[k])
			slope += at * w * db
		}
	}
	return value, slope
}

// One Euler step of two particles shows φ and φ'. They keep to the tolerance at all distances,
// within and beyond the centres, whatever the width of the RBFs.
func TestPiecesKeepToTheTolerance(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, width := range []float64{0.08, 0.3, 0.5, 2} {
		f := radial.Field{
			RadialBasis: dynamics.RadialBasis{}.WithDefaults(), D: 1, Parameters: radial.NewParameters(50, 10),
		}
		for k := range f.NegLogWidths {
			f.NegLogWidths[k] = -math.Log(width * (1 + 0.3*rng.Float64()))
			f.Importance[k] = rng.Float64()
		}
		for i := range f.Weights {
			f.Weights[i] = 2*rng.Float64() - 1
		}
		x := particle.NewBatch(2000, 2, 1)
		for i := range x.Len() {
			r := 16 * float64(i) / float64(x.Len())
			x.At(i)[0], x.At(i)[1] = r/2, -r/2
		}
		images := mustFlow(t, f, ode.Span{Method: ode.Euler, Steps: 1, T1: 1}).Apply(x)
		for i := range x.Len() {
			r := 2 * x.At(i)[0]
			d := math.Sqrt(r*r + 1e-6)
			value, slope := phi(f, d, 0)
			if e := math.Abs(images.X.At(i)[0] - r/2 - r*value); !(e < radial.Tolerance*(1+r)) {
				t.Fatalf("width %g: the velocity at distance %g is off by %.2g", width, r, e)
			}
			if e := math.Abs(images.LogDet[i] - 2*(r*r/d*slope+value)); !(e < 2*radial.Tolerance*(1+r)) {
				t.Fatalf("width %g: the divergence at distance %g is off by %.2g", width, r, e)
			}
		}
	}
}

// The results are the same on any number of cores.
func TestCoresChangeNothing(t *testing.T) {
	r := load(t, "DW4")
	run := func(cores int) (radial.Images, radial.Parameters) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		tape := mustFlow(t, r.field, inverse).Record(r.configurations("data", 250))
		_, g := meanLoss(tape.Images)
		return tape.Images, tape.Pull(g)
	}
	one, gOne := run(1)
	many, gMany := run(7)
	if !slices.Equal(one.X.X, many.X.X) ||
		!slices.Equal(one.LogDet, many.LogDet) || !slices.Equal(one.Penalty, many.Penalty) {
		t.Error("the images differ")
	}
	for _, name := range names {
		if !slices.Equal(gOne.ByName(name), gMany.ByName(name)) {
			t.Errorf("the gradients by %s differ", name)
		}
	}
}

// NaN in one configuration gives NaN there, and leaves the others alone.
func TestNotANumber(t *testing.T) {
	r := load(t, "DW4")
	x := r.configurations("data", 3)
	want := mustFlow(t, r.field, inverse).Apply(x)
	x = x.Clone()
	x.At(1)[0] = math.NaN()
	got := mustFlow(t, r.field, inverse).Apply(x)
	if !math.IsNaN(got.LogDet[1]) || got.LogDet[0] != want.LogDet[0] || got.LogDet[2] != want.LogDet[2] {
		t.Errorf("log-determinants %v, want %v with NaN in the middle", got.LogDet, want.LogDet)
	}
}

func TestTooNarrowIsRefused(t *testing.T) {
	r := load(t, "DW4")
	for k := range r.field.NegLogWidths {
		r.field.NegLogWidths[k] = 6
	}
	if _, err := radial.NewFlow(r.field, inverse); err == nil {
		t.Error("NewFlow accepts RBFs of width 0.0025")
	}
	r.field.NegLogWidths[3] = math.NaN()
	if _, err := radial.NewFlow(r.field, inverse); err == nil {
		t.Error("NewFlow accepts a width that is NaN")
	}
}
