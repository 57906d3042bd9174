package dynamics_test

import (
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// probed names the fields that implement Probed.
var probed = []string{"egnn", "egnn of one layer", "mlp"}

// along evaluates Along for probes [K][n·d], the same for every configuration. reverse has the
// products by reverse-mode differentiation.
func along(t *testing.T, name string, probes [][]float64) (v, products, reverse []float64) {
	t.Helper()
	x, times := inputs()
	out := evaluate(t, fields[name], x, times, func(f dynamics.Field, x, at *Node) []*Node {
		p := Reshape(ConstAsDType(x.Graph(), x.DType(), probes), len(probes), n, d, 1)
		p = BroadcastToDims(p, len(probes), n, d, batch)
		v, products := f.(dynamics.Probed).Along(at, x, p)
		var reverse []*Node
		for k := range probes {
			probe := TransposeAllDims(Reshape(SliceAxis(p, 0, AxisElem(k)), n, d, batch), 2, 0, 1)
			w, _ := f.At(at, x)
			gradient := Gradient(ReduceAllSum(Mul(w, probe)), x)[0]
			reverse = append(reverse, ExpandAxes(ReduceSum(Mul(gradient, probe), 1, 2), 0))
		}
		return []*Node{v, products, Concatenate(reverse, 0)}
	})
	return out[0], out[1], out[2]
}

// Each product agrees with reverse-mode differentiation, and the products along a basis add up to
// the exact divergence.
func TestProbesMultiplyTheJacobian(t *testing.T) {
	x, times := inputs()
	basis := particle.MeanFreeBasis(n, d)
	columns := make([][]float64, len(basis[0]))
	for k := range columns {
		for j := range basis {
			columns[k] = append(columns[k], basis[j][k])
		}
	}
	skewed := append([]float64(nil), columns[0]...)
	for j := range skewed {
		skewed[j] += 2*columns[4][j] - 0.5*columns[8][j]
	}
	for _, name := range probed {
		exact := evaluate(t, fields[name], x, times, velocity)
		v, products, reverse := along(t, name, append(columns, skewed))
		near(t, name+"'s velocity", v, exact[0], 1e-12)
		near(t, name+"'s products", products, reverse, 1e-10)
		sums := make([]float64, batch)
		for i := range len(columns) * batch {
			sums[i%batch] += products[i]
		}
		near(t, name+"'s divergence", sums, exact[1], 1e-10)
	}
}

// The kernel and one-hop fields do not need probes: their exact divergence costs as much as one
// probe or two.
func TestOtherFieldsTakeNoProbes(t *testing.T) {
	x, times := inputs()
	for _, name := range []string{"kernel", "onehop"} {
		evaluate(t, fields[name], x, times, func(f dynamics.Field, x, at *Node) []*Node {
			if _, ok := f.(dynamics.Probed); ok {
				t.Errorf("%s implements Probed", name)
			}
			return velocity(f, x, at)
		})
	}
}
