package flow

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// stiffForward maps normal numbers y [batch, stiff] to the stiff coordinates, given what the
// networks see of the soft angles. logDet [batch] is of this map.
func (b *internal) stiffForward(y, seen *Node) (s, logDet *Node) {
	logDet = ReduceSum(ZerosLike(y), 1)
	for k := range b.nets {
		kept, moved := b.split(k, y)
		layer, scale, shift := b.layer(k, kept, seen)
		out, logSlope := layer.beyond(moved, layer.invert)
		y = b.join(k, kept, Add(Mul(out, Exp(scale)), shift))
		logDet = Add(logDet, ReduceSum(Add(logSlope, scale), 1))
	}
	mean, spread := b.normal(seen)
	s = Add(mean, Mul(b.untangled(y), Exp(spread)))
	return s, Add(logDet, ReduceSum(spread, 1))
}

// stiffInverse is the inverse of stiffForward.
func (b *internal) stiffInverse(s, seen *Node) (y, logDet *Node) {
	mean, spread := b.normal(seen)
	y = Mul(Sub(s, mean), Exp(Neg(spread)))
	y = Add(y, DotProduct(y, Transpose(b.triangle, 0, 1)))
	logDet = Neg(ReduceSum(spread, 1))
	for k := len(b.nets) - 1; k >= 0; k-- {
		kept, moved := b.split(k, y)
		layer, scale, shift := b.layer(k, kept, seen)
		out, logSlope := layer.beyond(Mul(Sub(moved, shift), Exp(Neg(scale))), layer.apply)
		y = b.join(k, kept, out)
		logDet = Add(logDet, ReduceSum(Sub(logSlope, scale), 1))
	}
	return y, logDet
}

// normal returns the means of the stiff coordinates, and the logarithms of their spreads.
func (b *internal) normal(seen *Node) (mean, spread *Node) {
	out, size := b.means.Apply(seen), b.stiff()
	return SliceAxis(out, 1, AxisRange(0, size)), bounded(SliceAxis(out, 1, AxisRange(size)), spreadStep)
}

// untangled solves v (1 + N)ᵀ = y, where N is the strictly lower triangle. N is nilpotent, so
// that (1 + N)⁻¹ = (1 − N)(1 + N²)(1 + N⁴)… ends.
func (b *internal) untangled(y *Node) *Node {
	power := Neg(Transpose(b.triangle, 0, 1))
	out := Add(y, DotProduct(y, power))
	for reach := 2; reach < b.stiff(); reach *= 2 {
		power = DotProduct(power, power)
		out = Add(out, DotProduct(out, power))
	}
	return out
}

// split returns the columns that layer k keeps and moves.
func (b *internal) split(k int, y *Node) (kept, moved *Node) {
	return DotProduct(y, b.picks[k][0]), DotProduct(y, b.picks[k][1])
}

// join is the inverse of split.
func (b *internal) join(k int, kept, moved *Node) *Node {
	return Add(DotProduct(kept, Transpose(b.picks[k][0], 0, 1)), DotProduct(moved, Transpose(b.picks[k][1], 0, 1)))
}

// layer returns the spline of layer k, towards the prior, and the scale's logarithm and the shift
// [batch, moved] that follow towards the coordinates.
func (b *internal) layer(k int, kept, seen *Node) (layer spline, scale, shift *Node) {
	batch, bins := kept.Shape().Dimensions[0], b.Bins
	out := b.nets[k].Apply(Concatenate([]*Node{kept, seen}, 1))
	out = Reshape(out, batch, b.stiff()-len(b.Kept[k]), 3*bins+1)
	number := func(i int) *Node { return Squeeze(SliceAxis(out, 2, AxisRange(i, i+1)), 2) }
	layer = tailed(SliceAxis(out, 2, AxisRange(0, 3*bins-1)), bins, splineBound)
	return layer, bounded(number(3*bins-1), couplingStep), number(3 * bins)
}
