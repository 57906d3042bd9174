package dynamics_test

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Every configuration has its own time: a batch at mixed times gives the values of each
// configuration in a batch at one time.
func TestEveryConfigurationHasItsOwnTime(t *testing.T) {
	x, times := inputs()
	for name, config := range fields {
		mixed := evaluate(t, config, x, times, velocity)
		for i := range batch {
			same := make([]float64, batch)
			for k := range same {
				same[k] = times[i]
			}
			alone := evaluate(t, config, x, same, velocity)
			near(t, name+"'s velocity", mixed[0][i*n*d:(i+1)*n*d], alone[0][i*n*d:(i+1)*n*d], 1e-12)
			near(t, name+"'s divergence", mixed[1][i:i+1], alone[1][i:i+1], 1e-12)
		}
	}
}

// The MLP depends on the mean-free coordinates only, and moves only them.
func TestMLPIgnoresTheCentreOfMass(t *testing.T) {
	x, times := inputs()
	config := fields["mlp"]
	want := evaluate(t, config, x, times, velocity)
	moved := particle.Batch{X: append([]float64(nil), x...), N: n, D: d}
	for i := range batch {
		particle.Translate(moved.At(i), []float64{1, -2, 0.5})
	}
	got := evaluate(t, config, moved.X, times, velocity)
	near(t, "velocity", got[0], want[0], 1e-12)
	near(t, "divergence", got[1], want[1], 1e-12)
	for i := range batch {
		v := want[0][i*n*d : (i+1)*n*d]
		for k := range d {
			if sum := v[k] + v[d+k] + v[2*d+k] + v[3*d+k]; math.Abs(sum) > 1e-13 {
				t.Errorf("the centre of mass moves by %g", sum)
			}
		}
	}
}

// Values and derivatives are finite for coincident particles and for particles far beyond the
// outermost centre.
func TestEquivariantFieldsAreFiniteEverywhere(t *testing.T) {
	for _, name := range equivariant {
		t.Run(name, func(t *testing.T) { isFiniteEverywhere(t, fields[name]) })
	}
}

func isFiniteEverywhere(t *testing.T, config dynamics.Config) {
	x, times := inputs()
	copy(x[d:2*d], x[:d])
	for i := n * d; i < 2*n*d; i++ {
		x[i] *= 1e3
	}
	out := evaluate(t, config, x, times, func(f dynamics.Field, x, at *Node) []*Node {
		v, div := f.At(at, x)
		return []*Node{v, div, Gradient(Add(ReduceAllSum(Mul(v, v)), ReduceAllSum(div)), x)[0]}
	})
	for _, values := range out {
		for _, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("a value is %g", v)
			}
		}
	}
}

func TestWrongFieldsAreRefused(t *testing.T) {
	for _, bad := range []dynamics.Config{
		dynamics.RadialBasis{Centres: 1}, dynamics.RadialBasis{TimeCentres: -3},
		dynamics.RadialBasis{Width: -0.1}, dynamics.RadialBasis{MaxDistance: -8},
		dynamics.MLP{Hidden: -1}, dynamics.MLP{Layers: -2},
		dynamics.OneHop{Centres: 1}, dynamics.OneHop{Hidden: -1}, dynamics.OneHop{MaxDistance: -8},
		dynamics.OneHop{Guard: -1}, dynamics.OneHop{Core: -1}, dynamics.OneHop{Core: math.Inf(1)},
		dynamics.EGNN{Layers: -1}, dynamics.EGNN{Hidden: -2}, dynamics.EGNN{Harmonics: -1},
		dynamics.EGNN{Middle: -3}, dynamics.EGNN{Middle: math.NaN()},
	} {
		if bad.Validate() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	for name, good := range fields {
		if err := good.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
