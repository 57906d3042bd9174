package egnn

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// example is a field with parameters far from zero, and what it is to be matched with.
func example(t testing.TB, config dynamics.EGNN, n, d, size int) (f Field, x, want particle.Batch, times []float64) {
	t.Helper()
	f, ok := New(config, n, d)
	if !ok {
		t.Skip("the C needs cgo and AVX2, and one of them is missing: the graphs are used here")
	}
	rng := rand.New(rand.NewPCG(1, uint64(size)))
	for k := range f.Parameters {
		f.Parameters[k] = float32(rng.NormFloat64() / 8)
	}
	x, want = particle.NewBatch(size, n, d), particle.NewBatch(size, n, d)
	for k := range x.X {
		x.X[k], want.X[k] = 2*rng.NormFloat64(), rng.NormFloat64()
	}
	for range size {
		times = append(times, rng.Float64())
	}
	return f, x.RemoveMean(), want.RemoveMean(), times
}

func worst(a, b []float32) (e float64) {
	for k := range a {
		e = math.Max(e, math.Abs(float64(a[k]-b[k])))
	}
	return e
}

// The gradient is the slope of the value along a random direction of the parameters, and the pull along one of the configurations, for few
// particles and for so many that their rows are computed in turn.
func TestGradientIsTheSlope(t *testing.T) {
	for name, c := range map[string]struct {
		field dynamics.EGNN
		n     int
	}{"few": {dynamics.EGNN{Hidden: 32, Harmonics: 1}, 5}, "many": {dynamics.EGNN{}, 40}} {
		t.Run(name, func(t *testing.T) {
			f, x, want, times := example(t, c.field, c.n, 3, 11)
			if c.n > 5 { // the sums are longer
				for k := range f.Parameters {
					f.Parameters[k] /= 2
				}
			}
			_, g := f.Match(x, want, times)
			rng := rand.New(rand.NewPCG(3, 4))
			start, along := append([]float32(nil), f.Parameters...), 0.0
			direction := make([]float64, len(g))
			for k := range g {
				direction[k] = rng.NormFloat64()
				along += direction[k] * float64(g[k])
			}
			at := func(step float64) float64 {
				for k := range start {
					f.Parameters[k] = start[k] + float32(step*direction[k])
				}
				loss, _ := f.Match(x, want, times)
				return loss
			}
			if slope := differences(at, 2e-4); !(math.Abs(slope-along) < 2e-3*math.Abs(along)) {
				t.Errorf("the gradient says %.6g, differences %.6g", along, slope)
			}

			copy(f.Parameters, start)
			pulled, way := f.Pull(x, want, times), x.Clone()
			along = 0
			for k := range way.X {
				way.X[k] = rng.NormFloat64()
				along += way.X[k] * pulled.X[k]
			}
			slope := differences(func(step float64) (sum float64) {
				moved := x.Clone()
				addScaled(moved.X, step, way.X)
				for k, v := range velocity(f, moved, times).X {
					sum += v * want.X[k]
				}
				return sum
			}, 3e-2)
			if !(math.Abs(slope-along) < 2e-3*math.Abs(along)) {
				t.Errorf("the pull says %.6g, differences %.6g", along, slope)
			}
		})
	}
}

// differences is the slope of f at 0 from differences of fourth order.
func differences(f func(step float64) float64, h float64) float64 {
	return (8*(f(h)-f(-h)) - f(2*h) + f(-2*h)) / (12 * h)
}

// Narrow vectors give what wide ones do, to rounding, and one core what several do, to the bit.
func TestVectorsAndCoresDoNotMatter(t *testing.T) {
	f, x, want, times := example(t, dynamics.EGNN{}, 4, 2, 50)
	loss, g := f.Match(x, want, times)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if again, h := f.Match(x, want, times); again != loss || worst(g, h) != 0 {
		t.Errorf("on one core the loss is %.17g for %.17g, and the gradient differs by %.2g", again, loss, worst(g, h))
	}
	if !narrow() {
		t.Skip("no AVX-512 here: there is nothing to hold AVX2 against")
	}
	defer narrow()
	other, h := f.Match(x, want, times)
	size := worst(g, make([]float32, len(g)))
	if e := worst(g, h); !(e < 1e-5*size) || !(math.Abs(other-loss) < 1e-6*loss) {
		t.Errorf("with AVX2 the loss is %.8g for %.8g, and the gradient differs by %.2g of %.2g", other, loss, e, size)
	}
}

// Nothing that is not for C passes for it.
func TestWhatIsNotForC(t *testing.T) {
	for name, c := range map[string]struct {
		field dynamics.EGNN
		n     int
	}{"odd width": {dynamics.EGNN{Hidden: 48}, 4}, "a single particle": {dynamics.EGNN{}, 1}, "no layers": {dynamics.EGNN{Layers: -1}, 4}} {
		if _, ok := New(c.field, c.n, 2); ok {
			t.Errorf("%s: is said to be for C", name)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	for name, c := range map[string]struct{ n, d, size int }{"dw4_256": {4, 2, 256}, "lj13_64": {13, 3, 64}, "lj55_8": {55, 3, 8}} {
		b.Run(name, func(b *testing.B) {
			f, x, want, times := example(b, dynamics.EGNN{}, c.n, c.d, c.size)
			for b.Loop() {
				f.Match(x, want, times)
			}
		})
	}
}

func velocity(f Field, x particle.Batch, times []float64) particle.Batch {
	v, _ := f.Rate(x, times, NoVectors(x.Len()))
	return v
}

// The divergence is the trace of the Jacobian, by central differences, for one layer and for several; and vectors of one's own give the
// products with them.
func TestDivergenceIsTheTrace(t *testing.T) {
	for layers := 1; layers <= 4; layers++ {
		f, x, _, times := example(t, dynamics.EGNN{Layers: layers, Hidden: 32}, 3, 2, 2)
		const h = 1e-2
		along := func(b int, u []float32) (product float64) {
			at := func(step float64) (sum float64) {
				moved := x.Clone()
				for c, v := range u {
					moved.At(b)[c] += step * float64(v)
				}
				v := velocity(f, moved, times).At(b)
				for c := range u {
					sum += v[c] * float64(u[c])
				}
				return sum
			}
			return (8*(at(h)-at(-h)) - at(2*h) + at(-2*h)) / (12 * h)
		}
		u := Vectors{{1, 2, -1, 0, 0, -2}, {0, 1, 1, -3, -1, 2}}
		v, products := f.Rate(x, times, u)
		w, exact := f.Rate(x, times, nil)
		for _, v := range []particle.Batch{v, w} {
			if e := worst(float32s(v.X), float32s(velocity(f, x, times).X)); e != 0 {
				t.Errorf("%d layers: the velocity is another by %.2g without the divergence", layers, e)
			}
		}
		for b := range x.Len() {
			if want := along(b, u[b]); !(math.Abs(want-products[b][0]) < 1e-3*(1+math.Abs(want))) {
				t.Errorf("%d layers: the product is %.6g, differences say %.6g", layers, products[b][0], want)
			}
			div, trace := 0.0, 0.0
			for _, p := range exact[b] {
				div += p
			}
			for c := range x.At(b) { // over all directions: those of the centre of mass add nothing
				one := make([]float32, len(x.At(b)))
				one[c] = 1
				trace += along(b, one)
			}
			if !(math.Abs(trace-div) < 1e-3*(1+math.Abs(trace))) {
				t.Errorf("%d layers: the divergence is %.6g, differences say %.6g", layers, div, trace)
			}
		}
	}
}

// The gradient of the divergence and the pull on a cotangent are what differences say, along every coordinate; and what pushes the
// parameters is the gradient of the value.
func TestScoresMoveAsDifferencesSay(t *testing.T) {
	for layers := 1; layers <= 4; layers++ {
		f, x, g, times := example(t, dynamics.EGNN{Layers: layers, Hidden: 32, Harmonics: 1}, 4, 2, 3)
		div, kick := f.Divergence(x, times)
		pulled := f.Pull(x, g, times)
		_, products := f.Rate(x, times, nil)
		const h = 1e-2
		largest, kickOff, pullOff := 0.0, 0.0, 0.0
		for b := range x.Len() {
			sum := 0.0
			for _, p := range products[b] {
				sum += p
			}
			if !(math.Abs(sum-div[b]) < 1e-4*(1+math.Abs(sum))) {
				t.Errorf("%d layers: the divergence is %.6g and %.6g", layers, div[b], sum)
			}
			for c := range x.At(b) {
				at := func(step float64) (div, along float64) {
					moved := x.Clone()
					moved.At(b)[c] += step
					v, products := f.Rate(moved, times, nil)
					for _, p := range products[b] {
						div += p
					}
					for k, v := range v.At(b) {
						along += v * g.At(b)[k]
					}
					return div, along
				}
				d1, a1 := at(h)
				d2, a2 := at(-h)
				d3, a3 := at(2 * h)
				d4, a4 := at(-2 * h)
				wantKick, wantPull := (8*(d1-d2)-d3+d4)/(12*h), (8*(a1-a2)-a3+a4)/(12*h)
				largest = math.Max(largest, math.Max(math.Abs(wantKick), math.Abs(wantPull)))
				kickOff = math.Max(kickOff, math.Abs(wantKick-kick.At(b)[c]))
				pullOff = math.Max(pullOff, math.Abs(wantPull-pulled.At(b)[c]))
			}
		}
		if !(kickOff < 2e-3*largest) || !(pullOff < 2e-3*largest) {
			t.Errorf("%d layers: the divergence's gradient is off by %.2g, the pull by %.2g of %.2g", layers, kickOff, pullOff, largest)
		}

		// ⟨|v − want|²⟩ has the gradient 2(v − want)/size by v.
		_, wanted := f.Match(x, g, times)
		v, _ := f.Rate(x, times, NoVectors(x.Len()))
		for k := range v.X {
			v.X[k] = 2 * (v.X[k] - g.X[k]) / float64(x.Len())
		}
		if pushed := f.Push(x, v, times); !(worst(pushed, wanted) < 1e-5*worst(wanted, make([]float32, len(wanted)))) {
			t.Errorf("%d layers: what pushes the parameters differs by %.2g", layers, worst(pushed, wanted))
		}
	}
}
