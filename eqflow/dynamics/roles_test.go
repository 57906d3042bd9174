package dynamics_test

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// unlike has systems whose particles are not all alike, each with one relabelling that leaves it as
// it is and one that does not.
var unlike = map[string]struct {
	particle.Relabelling
	keeps, breaks []int
}{
	"two types":     {particle.Relabelling{Types: []int{0, 1, 0, 1}}, []int{2, 3, 0, 1}, []int{1, 0, 2, 3}},
	"all different": {particle.Relabelling{Types: []int{0, 1, 2, 3}}, []int{0, 1, 2, 3}, []int{0, 1, 3, 2}},
	"chain":         {particle.Relabelling{Chain: true}, []int{3, 2, 1, 0}, []int{3, 1, 2, 0}},
}

// typed names the fields that depend on roles.
var typed = []string{"kernel", "egnn", "egnn of one layer", "onehop"}

func TestFieldsKeepTheRelabellingsOfTheirSystem(t *testing.T) {
	x, times := inputs()
	for name, c := range unlike {
		in := system()
		in.Relabelling = c.Relabelling
		for _, fieldName := range typed {
			config := fields[fieldName]
			if k, ok := config.(dynamics.RadialBasis); ok {
				k.Centres, k.MaxDistance = 12, 8
				config = k
			}
			want := evaluateIn(t, in, config, x, times, velocity)
			relabel := func(v []float64, perm []int) []float64 {
				b := particle.Batch{X: append([]float64(nil), v...), N: n, D: d}
				for i := range b.Len() {
					copy(b.At(i), particle.Relabel(b.At(i), d, perm))
				}
				return b.X
			}
			got := evaluateIn(t, in, config, relabel(x, c.keeps), times, velocity)
			near(t, fieldName+" of "+name, got[0], relabel(want[0], c.keeps), 1e-11)
			near(t, "divergence of "+fieldName+" of "+name, got[1], want[1], 1e-11)
			got = evaluateIn(t, in, config, relabel(x, c.breaks), times, velocity)
			if gap := furthest(got[0], relabel(want[0], c.breaks)); gap < 1e-3 {
				t.Errorf("%s of %s keeps %v too: the velocities differ by %g, relative to the largest",
					fieldName, name, c.breaks, gap)
			}
		}
	}
}

// furthest returns the largest difference, relative to the largest value.
func furthest(got, want []float64) float64 {
	gap, scale := 0.0, 0.0
	for i := range want {
		gap, scale = max(gap, math.Abs(got[i]-want[i])), max(scale, math.Abs(want[i]))
	}
	return gap / scale
}

func TestDivergenceWithRoles(t *testing.T) {
	x, times := inputs()
	for name, c := range unlike {
		in := system()
		in.Relabelling = c.Relabelling
		for _, fieldName := range typed {
			out := evaluateIn(t, in, fields[fieldName], x, times, func(f dynamics.Field, x, at *Node) []*Node {
				_, div := f.At(at, x)
				return []*Node{div, exactDivergence(f, x, at)}
			})
			near(t, fieldName+" of "+name, out[0], out[1], 1e-10)
		}
	}
}

// With roles, the tables and the derivative written by hand agree with At.
func TestTablesWithRoles(t *testing.T) {
	x, times := inputs()
	for i := range times {
		times[i] = 0.3
	}
	for name, c := range unlike {
		in := system()
		in.Relabelling = c.Relabelling
		out := evaluateIn(t, in, dynamics.RadialBasis{}, x, times, func(f dynamics.Field, x, at *Node) []*Node {
			v, div := f.At(at, x)
			tabulated := f.(dynamics.Tabulated)
			rows := rowsAt(tabulated)
			k, l, pullback := tabulated.Linear()(rows, TransposeAllDims(x, 1, 2, 0))
			gy, gRows := pullback(k, l)
			// Σ k²/2 + Σ l²/2 has the cotangents k and l.
			loss := MulScalar(Add(ReduceAllSum(Mul(k, k)), ReduceAllSum(Mul(l, l))), 0.5)
			wanted := Gradient(loss, x, rows[0], rows[1], rows[2])
			return []*Node{v, TransposeAllDims(k, 2, 0, 1), div, l, wanted[0], TransposeAllDims(gy, 2, 0, 1),
				wanted[1], gRows[0], wanted[2], gRows[1], wanted[3], gRows[2]}
		})
		for k, what := range []string{
			"velocity", "divergence", "gradient by x", "by the moments", "by the constants", "by the widths",
		} {
			near(t, what+" of "+name, out[2*k+1], out[2*k], 1e-9)
		}
	}
}
