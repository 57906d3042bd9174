package flow

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
)

// probed is a continuous flow whose field implements dynamics.Probed.
type probed struct{ *continuous }

// Along implements Probed.
func (p probed) Along(probes *Node) Partial {
	c := *p.continuous
	c.probes = probes.Shape().Dimensions[1]
	return &estimated{&c, TransposeAllDims(probes, 1, 2, 3, 0)}
}

// estimated is a continuous flow whose divergence is estimated from probes.
type estimated struct {
	*continuous
	vectors *Node // [probes, n, d, batch]
}

// Forward implements Bijection.
func (e *estimated) Forward(z *Node) Image { return e.solve(z, 0, 1) }

// Inverse implements Bijection.
func (e *estimated) Inverse(x *Node) Image { return e.solve(x, 1, 0) }

// At implements Partial.
func (e *estimated) At(t, x *Node) (v, div *Node) {
	v, products := e.field.(dynamics.Probed).Along(t, x, e.vectors)
	return v, sumProbes(products, 1/float64(e.probes))
}

// sumProbes returns scale · Σ_k v[k, b] [batch].
func sumProbes(v *Node, scale float64) *Node {
	k, batch := v.Shape().Dimensions[0], v.Shape().Dimensions[1]
	return Reshape(DotProduct(BroadcastToDims(ConstAsDType(v.Graph(), v.DType(), scale), 1, k), v), batch)
}

// solve solves one state [rows, batch]: the configuration, the integral of each probe's products,
// and the probes themselves, which stay constant. With the probes in the state, chunks split them
// like the batch, and loops can read them.
func (e *estimated) solve(x *Node, t0, t1 float64) Image {
	batch, n, d := x.Shape().Dimensions[0], e.system.N, e.system.D
	wide, flat := e.probes*n*d, n*d
	y := Concatenate([]*Node{
		Reshape(TransposeAllDims(x, 1, 2, 0), flat, batch),
		zeroRows(x, e.probes, batch),
		Reshape(e.vectors, wide, batch),
	}, 0)
	sol := e.solveField(e.rate, y, t0, t1)
	end := Reshape(SliceAxis(sol.Y, 0, AxisRange(0, flat)), n, d, batch)
	integrals := SliceAxis(sol.Y, 0, AxisRange(flat, flat+e.probes))
	image := Image{X: TransposeAllDims(end, 2, 0, 1), Penalty: sol.Penalty}
	image.LogDet = sumProbes(integrals, 1/float64(e.probes))
	if e.probes > 1 {
		deviation := Sub(integrals, BroadcastToShape(ExpandAxes(image.LogDet, 0), integrals.Shape()))
		factor := max(0, 1/float64(e.probes)-1/float64((n-1)*d)) // see Probed.Along
		image.Error = Sqrt(sumProbes(Mul(deviation, deviation), factor/float64(e.probes-1)))
	}
	return image
}

// rate is the rate for the states of solve.
func (e *estimated) rate(field dynamics.Field, t, y *Node) (derivative, integrand *Node) {
	n, d, batch := e.system.N, e.system.D, y.Shape().Dimensions[1]
	x := TransposeAllDims(Reshape(SliceAxis(y, 0, AxisRange(0, n*d)), n, d, batch), 2, 0, 1)
	vectors := Reshape(SliceAxis(y, 0, AxisRange(n*d+e.probes)), e.probes, n, d, batch)
	v, products := field.(dynamics.Probed).Along(t, x, vectors)
	derivative = Concatenate([]*Node{
		Reshape(TransposeAllDims(v, 1, 2, 0), n*d, batch), products, zeroRows(y, e.probes*n*d, batch),
	}, 0)
	return derivative, Reshape(zeroRows(y, 1, batch), batch)
}

// zeroRows returns zeros [rows, batch], created where they are used, as loops require.
func zeroRows(like *Node, rows, batch int) *Node {
	return BroadcastToDims(ConstAsDType(like.Graph(), like.DType(), 0), rows, batch)
}
