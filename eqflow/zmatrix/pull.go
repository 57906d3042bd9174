package zmatrix

import (
	"math"

	"gonum.org/v1/gonum/spatial/r3"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Pull returns (∂x/∂q)ᵀ s [N, 3n−6] for cotangents s [N, n, 3] of Decode's configurations
// at q [N, 3n−3]: the gradient by the bonds, angles and dihedral angles of a function of x with
// the gradient s. The orientation is left out: no energy depends on it. Pull of forces gives
// internal forces.
func (z ZMatrix) Pull(q []float64, s particle.Batch) []float64 {
	out := make([]float64, s.Len()*z.Shapes())
	parallel.Each(s.Len(), func(i int) {
		row := q[i*z.Coordinates() : (i+1)*z.Coordinates()]
		z.pull(row, s.At(i), out[i*z.Shapes():(i+1)*z.Shapes()])
	})
	return out
}

// PullLogDet returns the gradient of log|det ∂x/∂q| by q [N, 3n−3], as [N, 3n−6].
func (z ZMatrix) PullLogDet(q []float64) []float64 {
	count := len(q) / z.Coordinates()
	out := make([]float64, count*z.Shapes())
	n := len(z)
	for i := range count {
		row, gradient := q[i*z.Coordinates():], out[i*z.Shapes():(i+1)*z.Shapes()]
		for k := range 2*n - 3 {
			if k < n-1 {
				gradient[k] = 2 / row[k]
			} else {
				gradient[k] = 1 / math.Tan(row[k])
			}
		}
	}
	return out
}

// pull fills in the gradient of one configuration, from the last atom to the first.
func (z ZMatrix) pull(q, s, out []float64) {
	n := len(z)
	x, frames, g := make([]float64, 3*n), make([]frame, n), make([]float64, 3*n)
	z.decode(q, x, frames)
	copy(g, s)
	particle.RemoveMean(g, 3) // the transpose of the removal of the mean
	add := func(i int, v r3.Vec) { put(g, i, r3.Add(at(g, i), v)) }
	for k := n - 1; k >= 3; k-- {
		f, row := frames[k], z[k]
		here := at(g, row.Atom)
		v := z.local(q, k)
		z.pullLocal(q, k, r3.Vec{X: r3.Dot(here, f.along), Y: r3.Dot(here, f.across), Z: r3.Dot(here, f.normal)}, out)
		axis, side := f.pull(v, here)
		add(row.Bond, r3.Add(here, axis))
		add(row.Angle, r3.Sub(side, axis))
		add(row.Dihedral, r3.Scale(-1, side))
	}
	turn := axes(q[z.Shapes():])
	sin, cos := math.Sincos(q[z.AngleOf(2)])
	first, last := at(g, z[0].Atom), at(g, z[2].Atom)
	out[0] = cos*r3.Dot(first, turn.along) + sin*r3.Dot(first, turn.across)
	out[1] = r3.Dot(last, turn.along)
	out[z.AngleOf(2)] = q[0] * (cos*r3.Dot(first, turn.across) - sin*r3.Dot(first, turn.along))
}

// pullLocal adds the gradient by the coordinates of row k, of which s is the gradient by local.
func (z ZMatrix) pullLocal(q []float64, k int, s r3.Vec, out []float64) {
	r := q[z.BondOf(k)]
	sinT, cosT := math.Sincos(q[z.AngleOf(k)])
	sinP, cosP := math.Sincos(q[z.DihedralOf(k)])
	out[z.BondOf(k)] = -cosT*s.X + sinT*(cosP*s.Y+sinP*s.Z)
	out[z.AngleOf(k)] = r * (sinT*s.X + cosT*(cosP*s.Y+sinP*s.Z))
	out[z.DihedralOf(k)] = r * sinT * (cosP*s.Z - sinP*s.Y)
}

// pull returns the gradients by axis and side of a function of place(v) with the gradient g.
func (f frame) pull(v, g r3.Vec) (axis, side r3.Vec) {
	across := r3.Scale(v.Y, g)
	// across = normal × along, and normal is side × along at length 1.
	along := r3.Add(r3.Scale(v.X, g), r3.Cross(across, f.normal))
	normal := r3.Add(r3.Scale(v.Z, g), r3.Cross(f.along, across))
	normal = r3.Scale(1/f.height, r3.Sub(normal, r3.Scale(r3.Dot(normal, f.normal), f.normal)))
	side = r3.Cross(f.along, normal)
	along = r3.Add(along, r3.Cross(normal, f.side))
	axis = r3.Scale(1/r3.Norm(f.axis), r3.Sub(along, r3.Scale(r3.Dot(along, f.along), f.along)))
	return axis, side
}
