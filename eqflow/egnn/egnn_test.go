package egnn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// alike is the symmetry of particles that are all alike.
var alike = particle.Relabelling{}

// typed is the symmetry of n particles of three types.
func typed(n int) particle.Relabelling {
	r := particle.Relabelling{Types: make([]int, n)}
	for i := range n {
		r.Types[i] = i * i % 3 * (i % 5)
	}
	return r
}

// example returns a field with parameters far from zero, with configurations, velocities or
// cotangents of their shape, and flow times.
func example(t testing.TB, config dynamics.EGNN, n, d, size int) (f Field, x, want particle.Batch, times []float64) {
	t.Helper()
	return exampleOf(t, config, alike, n, d, size)
}

// exampleOf is example for particles of a symmetry.
func exampleOf(t testing.TB, config dynamics.EGNN, symmetry particle.Relabelling, n, d, size int) (
	f Field, x, want particle.Batch, times []float64) {
	t.Helper()
	f, ok := New(config, n, d, symmetry)
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

// largest returns max |a_k − b_k|. A nil b stands for zeros.
func largest(a, b []float32) (e float64) {
	for k := range a {
		other := float32(0)
		if b != nil {
			other = b[k]
		}
		e = math.Max(e, math.Abs(float64(a[k]-other)))
	}
	return e
}

// differences returns the derivative of f at 0 by central differences of fourth order.
func differences(f func(step float64) float64, h float64) float64 {
	return (8*(f(h)-f(-h)) - f(2*h) + f(-2*h)) / (12 * h)
}

func velocity(f Field, x particle.Batch, times []float64) particle.Batch {
	v, _ := f.Rate(x, times, NoVectors(x.Len()))
	return v
}

// shifted returns x + step·direction.
func shifted(x particle.Batch, step float64, direction []float64) particle.Batch {
	x = x.Clone()
	for k, v := range direction {
		x.X[k] += step * v
	}
	return x
}

func normals(rng *rand.Rand, count int) []float64 {
	out := make([]float64, count)
	for k := range out {
		out[k] = rng.NormFloat64()
	}
	return out
}

func inner(a []float64, b []float64) (sum float64) {
	for k, v := range a {
		sum += v * b[k]
	}
	return sum
}

func sum(v []float64) (sum float64) {
	for _, x := range v {
		sum += x
	}
	return sum
}

func wide(v []float32) []float64 {
	out := make([]float64, len(v))
	widen(out, v)
	return out
}

// The C keeps all rows of few particles, and computes the rows of many particle by particle.
var sizes = map[string]struct {
	field    dynamics.EGNN
	n        int
	scale    float32 // of the parameters: many particles have longer sums
	symmetry particle.Relabelling
}{
	"few": {dynamics.EGNN{Hidden: 32, Harmonics: 1}, 5, 1, alike}, "many": {dynamics.EGNN{}, 40, 0.5, alike},
	"few of several types":  {dynamics.EGNN{Hidden: 32, Harmonics: 1}, 5, 1, typed(5)},
	"many of several types": {dynamics.EGNN{}, 40, 0.5, typed(40)},
	"a chain":               {dynamics.EGNN{Layers: 1, Hidden: 32}, 5, 1, particle.Relabelling{Chain: true}},
}

// The gradient by the parameters is the slope of the loss along a random direction.
func TestGradientIsTheSlope(t *testing.T) {
	for name, c := range sizes {
		t.Run(name, func(t *testing.T) {
			f, x, want, times := exampleOf(t, c.field, c.symmetry, c.n, 3, 11)
			start := make([]float32, len(f.Parameters))
			for k := range start {
				f.Parameters[k] *= c.scale
			}
			copy(start, f.Parameters)
			_, g := f.Match(x, want, times)
			direction := normals(rand.New(rand.NewPCG(3, 4)), len(g))
			slope := differences(func(step float64) float64 {
				for k := range start {
					f.Parameters[k] = start[k] + float32(step*direction[k])
				}
				loss, _ := f.Match(x, want, times)
				return loss
			}, 2e-4)
			if along := inner(direction, wide(g)); !(math.Abs(slope-along) < 2e-3*math.Abs(along)) {
				t.Errorf("the gradient gives %.6g, differences %.6g", along, slope)
			}
		})
	}
}

// Pull is the slope of Σ cotangents·v along a random direction of the configurations.
func TestPullIsTheSlope(t *testing.T) {
	for name, c := range sizes {
		t.Run(name, func(t *testing.T) {
			f, x, cotangents, times := exampleOf(t, c.field, c.symmetry, c.n, 3, 11)
			for k := range f.Parameters {
				f.Parameters[k] *= c.scale
			}
			direction := normals(rand.New(rand.NewPCG(3, 5)), len(x.X))
			along := inner(direction, f.Pull(x, cotangents, times).X)
			slope := differences(func(step float64) float64 {
				return inner(velocity(f, shifted(x, step, direction), times).X, cotangents.X)
			}, 3e-2)
			if !(math.Abs(slope-along) < 2e-3*math.Abs(along)) {
				t.Errorf("Pull gives %.6g, differences %.6g", along, slope)
			}
		})
	}
}

// Both widths of vectors give the same results to rounding, and any number of cores the same bits.
func TestVectorsAndCoresDoNotMatter(t *testing.T) {
	f, x, want, times := example(t, dynamics.EGNN{}, 4, 2, 50)
	loss, g := f.Match(x, want, times)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if again, h := f.Match(x, want, times); again != loss || largest(g, h) != 0 {
		t.Errorf("on one core the loss is %.17g, want %.17g, and the gradient differs by %.2g",
			again, loss, largest(g, h))
	}
	if !switchVectors() {
		t.Skip("the processor has no AVX-512: there is nothing to compare AVX2 with")
	}
	defer switchVectors()
	other, h := f.Match(x, want, times)
	size := largest(g, nil)
	if e := largest(g, h); !(e < 1e-5*size) || !(math.Abs(other-loss) < 1e-6*loss) {
		t.Errorf("with AVX2 the loss is %.8g, want %.8g, and the gradient differs by %.2g of %.2g",
			other, loss, e, size)
	}
}

// New refuses what the C cannot compute.
func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		field dynamics.EGNN
		n     int
	}{
		"odd width":         {dynamics.EGNN{Hidden: 48}, 4},
		"a single particle": {dynamics.EGNN{}, 1},
		"no layers":         {dynamics.EGNN{Layers: -1}, 4},
	} {
		if _, ok := New(c.field, c.n, 2, alike); ok {
			t.Errorf("New accepts %s", name)
		}
	}
}

// The velocity and the divergence keep the relabellings of a symmetry, and no others.
func TestRolesAreTheSymmetry(t *testing.T) {
	symmetry := particle.Relabelling{Types: []int{0, 1, 1, 2}}
	f, x, _, times := exampleOf(t, dynamics.EGNN{Layers: 2, Hidden: 32}, symmetry, 4, 2, 3)
	v, products := f.Rate(x, times, nil)
	for _, perm := range [][]int{{0, 2, 1, 3}, {1, 0, 2, 3}} {
		moved, want := x.Clone(), v.Clone()
		for b := range x.Len() {
			copy(moved.At(b), particle.Relabel(x.At(b), 2, perm))
			copy(want.At(b), particle.Relabel(v.At(b), 2, perm))
		}
		got, again := f.Rate(moved, times, nil)
		off := largest(float32s(got.X), float32s(want.X))
		for b := range products {
			off = math.Max(off, math.Abs(sum(again[b])-sum(products[b])))
		}
		if allowed := symmetry.Allows(perm); allowed != (off < 1e-4) {
			t.Errorf("%v is allowed: %t; results differ by %.2g", perm, allowed, off)
		}
	}
}

// The gradient by a variable has the factor that the variable has in the field.
func TestSetAndGradientOf(t *testing.T) {
	f, x, want, times := example(t, dynamics.EGNN{Hidden: 32, Layers: 2, Mean: true}, 4, 2, 3)
	_, g := f.Match(x, want, times)
	const name = "layer_1_strength"
	of := f.GradientOf(name, g)
	values := make([]float32, len(of))
	direction := normals(rand.New(rand.NewPCG(5, 6)), len(of))
	slope := differences(func(step float64) float64 {
		for k := range values {
			values[k] = 1 + float32(step*direction[k])
		}
		f.Set(name, values)
		loss, _ := f.Match(x, want, times)
		return loss
	}, 1e-2)
	for k := range values {
		values[k] = 1
	}
	f.Set(name, values)
	_, g = f.Match(x, want, times)
	if along := inner(direction, wide(f.GradientOf(name, g))); !(math.Abs(slope-along) < 2e-3*math.Abs(along)) {
		t.Errorf("the gradient gives %.6g, differences %.6g", along, slope)
	}
	if other := f.GradientOf("no such variable", g); other != nil {
		t.Errorf("an unknown variable has the gradient %v", other)
	}
}

// The divergence is the trace of the Jacobian by differences, for one layer and for several, and
// each product is the derivative along its vector.
func TestDivergenceIsTheTrace(t *testing.T) {
	for k := range 8 {
		layers, symmetry := k/2+1, []particle.Relabelling{alike, typed(3)}[k%2]
		t.Run(fmt.Sprint(layers, symmetry.Types), func(t *testing.T) {
			f, x, _, times := exampleOf(t, dynamics.EGNN{Layers: layers, Hidden: 32}, symmetry, 3, 2, 2)
			u := Vectors{{1, 2, -1, 0, 0, -2}, {0, 1, 1, -3, -1, 2}}
			v, products := f.Rate(x, times, u)
			w, exact := f.Rate(x, times, nil)
			for _, v := range []particle.Batch{v, w} {
				if e := largest(float32s(v.X), float32s(velocity(f, x, times).X)); e != 0 {
					t.Errorf("without products the velocity differs by %.2g", e)
				}
			}
			for b := range x.Len() {
				want := product(f, x, times, b, wide(u[b]))
				if !(math.Abs(want-products[b][0]) < 1e-3*(1+math.Abs(want))) {
					t.Errorf("the product is %.6g, differences give %.6g", products[b][0], want)
				}
				trace := 0.0
				for c := range x.At(b) { // the directions of the centre of mass add nothing
					one := make([]float64, len(x.At(b)))
					one[c] = 1
					trace += product(f, x, times, b, one)
				}
				if div := sum(exact[b]); !(math.Abs(trace-div) < 1e-3*(1+math.Abs(trace))) {
					t.Errorf("the divergence is %.6g, differences give %.6g", div, trace)
				}
			}
		})
	}
}

// product returns u·(∂v/∂x)u of configuration b by differences.
func product(f Field, x particle.Batch, times []float64, b int, u []float64) float64 {
	direction := particle.NewBatch(x.Len(), x.N, x.D)
	copy(direction.At(b), u)
	return differences(func(step float64) float64 {
		return inner(velocity(f, shifted(x, step, direction.X), times).At(b), u)
	}, 1e-2)
}

// Divergence and Pull are the derivatives by differences, along every coordinate.
func TestDivergenceAndPullAreSlopes(t *testing.T) {
	for k := range 8 {
		layers, symmetry := k/2+1, []particle.Relabelling{alike, typed(4)}[k%2]
		t.Run(fmt.Sprint(layers, symmetry.Types), func(t *testing.T) {
			field := dynamics.EGNN{Layers: layers, Hidden: 32, Harmonics: 1}
			f, x, cotangents, times := exampleOf(t, field, symmetry, 4, 2, 3)
			div, gradient := f.Divergence(x, times)
			pulled := f.Pull(x, cotangents, times)
			_, products := f.Rate(x, times, nil)
			size, gradientError, pullError := 0.0, 0.0, 0.0
			for b := range x.Len() {
				if want := sum(products[b]); !(math.Abs(want-div[b]) < 1e-4*(1+math.Abs(want))) {
					t.Errorf("the divergence is %.6g, the products sum to %.6g", div[b], want)
				}
				for c := range x.At(b) {
					direction := particle.NewBatch(x.Len(), x.N, x.D)
					direction.At(b)[c] = 1
					divergenceAt := func(step float64) float64 {
						_, products := f.Rate(shifted(x, step, direction.X), times, nil)
						return sum(products[b])
					}
					alongAt := func(step float64) float64 {
						return inner(velocity(f, shifted(x, step, direction.X), times).At(b), cotangents.At(b))
					}
					wantGradient, wantPull := differences(divergenceAt, 1e-2), differences(alongAt, 1e-2)
					size = math.Max(size, math.Max(math.Abs(wantGradient), math.Abs(wantPull)))
					gradientError = math.Max(gradientError, math.Abs(wantGradient-gradient.At(b)[c]))
					pullError = math.Max(pullError, math.Abs(wantPull-pulled.At(b)[c]))
				}
			}
			if !(gradientError < 2e-3*size) || !(pullError < 2e-3*size) {
				t.Errorf("the gradient of the divergence is off by %.2g, Pull by %.2g of %.2g",
					gradientError, pullError, size)
			}
		})
	}
}

// ⟨|v − want|²⟩ has the gradient 2(v − want)/B by v, so that PullParameters of it is Match's
// gradient.
func TestPullParametersIsTheGradientOfMatch(t *testing.T) {
	for k := range 8 {
		layers, symmetry := k/2+1, []particle.Relabelling{alike, typed(4)}[k%2]
		field := dynamics.EGNN{Layers: layers, Hidden: 32, Harmonics: 1}
		f, x, want, times := exampleOf(t, field, symmetry, 4, 2, 3)
		_, gradient := f.Match(x, want, times)
		cotangents := velocity(f, x, times)
		for k := range cotangents.X {
			cotangents.X[k] = 2 * (cotangents.X[k] - want.X[k]) / float64(x.Len())
		}
		pulled := f.PullParameters(x, cotangents, times)
		if e := largest(pulled, gradient); !(e < 1e-5*largest(gradient, nil)) {
			t.Errorf("%d layers: the gradients differ by %.2g", layers, e)
		}
	}
}

// The flow inverts itself, and the log-determinants there and back cancel.
func TestApplyThereAndBack(t *testing.T) {
	f, x, _, _ := example(t, dynamics.EGNN{Hidden: 32}, 4, 2, 9)
	there := f.Apply(ode.Span{Method: ode.RK4, Steps: 20, T1: 1}, x, nil)
	back := f.Apply(ode.Span{Method: ode.RK4, Steps: 20, T0: 1}, there.X, nil)
	for i := range x.Len() {
		if e := sum(there.Products[i]) + sum(back.Products[i]); !(math.Abs(e) < 1e-3) {
			t.Errorf("log-determinants there and back sum to %.2g", e)
		}
	}
	if e := largest(float32s(x.X), float32s(back.X.X)); !(e < 1e-3) {
		t.Errorf("configurations return %.2g away", e)
	}
}

func BenchmarkMatch(b *testing.B) {
	cases := map[string]struct{ n, d, size int }{"dw4_256": {4, 2, 256}, "lj13_64": {13, 3, 64}, "lj55_8": {55, 3, 8}}
	for name, c := range cases {
		b.Run(name, func(b *testing.B) {
			f, x, want, times := example(b, dynamics.EGNN{}, c.n, c.d, c.size)
			for b.Loop() {
				f.Match(x, want, times)
			}
		})
	}
}
