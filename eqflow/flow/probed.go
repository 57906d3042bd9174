package flow

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
)

// probed is a continuous flow whose field takes probes.
type probed struct{ *continuous }

// Along implements Probed.
func (p probed) Along(probes *Node) Partial {
	c := *p.continuous
	c.probes = probes.Shape().Dimensions[1]
	return &estimated{&c, TransposeAllDims(probes, 1, 2, 3, 0)}
}

// estimated is a continuous flow with its divergence from probes.
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

// sumProbes returns Σ_k v[k, b], scaled, [batch].
func sumProbes(v *Node, scale float64) *Node {
	k, batch := v.Shape().Dimensions[0], v.Shape().Dimensions[1]
	return Reshape(DotProduct(BroadcastToDims(ConstAsDType(v.Graph(), v.DType(), scale), 1, k), v), batch)
}

// solve carries along, in one state [rows, batch], the configuration, the integral that each probe gives, and the probes
// themselves, which stay as they are: so they are split into chunks as the batch is, and loops take them in.
func (e *estimated) solve(x *Node, t0, t1 float64) Image {
	batch, n, d := x.Shape().Dimensions[0], e.system.N, e.system.D
	wide, free := e.probes*n*d, n*d
	y := Concatenate([]*Node{
		Reshape(TransposeAllDims(x, 1, 2, 0), free, batch), zeroRows(x, e.probes, batch), Reshape(e.vectors, wide, batch),
	}, 0)
	sol := e.plain(e.rate, y, t0, t1)
	end := Reshape(SliceAxis(sol.Y, 0, AxisRange(0, free)), n, d, batch)
	integrals := SliceAxis(sol.Y, 0, AxisRange(free, free+e.probes))
	image := Image{X: TransposeAllDims(end, 2, 0, 1), LogDet: sumProbes(integrals, 1/float64(e.probes)), Penalty: sol.Penalty}
	if e.probes > 1 {
		off := Sub(integrals, BroadcastToShape(ExpandAxes(image.LogDet, 0), integrals.Shape()))
		left := max(0, 1/float64(e.probes)-1/float64((n-1)*d)) // what a frame's other directions leave open
		image.Error = Sqrt(sumProbes(Mul(off, off), left/float64(e.probes-1)))
	}
	return image
}

func (e *estimated) rate(field dynamics.Field, t, y *Node) (k, l *Node) {
	n, d, batch := e.system.N, e.system.D, y.Shape().Dimensions[1]
	x := TransposeAllDims(Reshape(SliceAxis(y, 0, AxisRange(0, n*d)), n, d, batch), 2, 0, 1)
	vectors := Reshape(SliceAxis(y, 0, AxisRange(n*d+e.probes)), e.probes, n, d, batch)
	v, products := field.(dynamics.Probed).Along(t, x, vectors)
	k = Concatenate([]*Node{Reshape(TransposeAllDims(v, 1, 2, 0), n*d, batch), products, zeroRows(y, e.probes*n*d, batch)}, 0)
	return k, Reshape(zeroRows(y, 1, batch), batch)
}

// zeroRows are zeros [rows, batch], made on the spot as loops want them.
func zeroRows(like *Node, rows, batch int) *Node {
	return BroadcastToDims(ConstAsDType(like.Graph(), like.DType(), 0), rows, batch)
}
