package zmatrix

import (
	"math"

	"gonum.org/v1/gonum/spatial/r3"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Internal holds configurations in internal coordinates.
type Internal struct {
	Q      []float64 // [N, 3n−3]
	LogDet []float64 // log|det ∂x/∂q| on the mean-free subspace [N]
}

// least is the sine of an angle, and the distance in nm, below which dihedral angles are lost.
const least = 1e-9

// Encode returns the internal coordinates of configurations x [N, n, 3], and their log|det
// ∂x/∂q|. It fails where atoms coincide or three lie on a line.
func (z ZMatrix) Encode(x particle.Batch) (Internal, error) {
	if x.N != len(z) || x.D != 3 {
		return Internal{}, inputErrorf("configurations of %d particles in %d dimensions are not of %d atoms in space",
			x.N, x.D, len(z))
	}
	width := z.Coordinates()
	out := Internal{Q: make([]float64, x.Len()*width), LogDet: make([]float64, x.Len())}
	bad := make([]int, x.Len())
	parallel.Each(x.Len(), func(i int) {
		q := out.Q[i*width : (i+1)*width]
		bad[i] = z.encode(x.At(i), q)
		out.LogDet[i] = z.logDet(q)
	})
	for i, k := range bad {
		if k > 0 {
			return Internal{}, inputErrorf("configuration %d has no internal coordinates: of the atoms %d, %d, %d and "+
				"%d some coincide or three lie on a line", i, z[k].Atom, z[k].Bond, z[k].Angle, z[k].Dihedral)
		}
	}
	return out, nil
}

func at(x []float64, i int) r3.Vec { return r3.Vec{X: x[3*i], Y: x[3*i+1], Z: x[3*i+2]} }

// encode fills in the coordinates of one configuration. It returns a row that has none, or 0.
func (z ZMatrix) encode(x, q []float64) (bad int) {
	for k, r := range z {
		if k == 0 {
			continue
		}
		place, bond := at(x, r.Atom), at(x, r.Bond)
		out := r3.Sub(place, bond)
		length := r3.Norm(out)
		q[z.BondOf(k)] = length
		if !(length > least) {
			return k
		}
		if k == 1 {
			continue
		}
		in := r3.Sub(at(x, r.Angle), bond)
		normal := r3.Cross(out, in)
		sine := r3.Norm(normal)
		q[z.AngleOf(k)] = math.Atan2(sine, r3.Dot(out, in))
		if !(sine > least*length*r3.Norm(in)) {
			return k
		}
		if k > 2 {
			// The normals of the planes (atom, bond, angle) and (bond, angle, dihedral).
			other := r3.Cross(in, r3.Sub(at(x, r.Dihedral), bond))
			q[z.DihedralOf(k)] = math.Atan2(-r3.Norm(in)*r3.Dot(out, other), -r3.Dot(normal, other))
		}
	}
	z.orientation(x, q[z.Shapes():])
	return 0
}

// logDet returns log|det ∂x/∂q|.
func (z ZMatrix) logDet(q []float64) float64 {
	n := len(z)
	sum := -1.5 * math.Log(float64(n))
	for _, r := range q[:n-1] {
		sum += 2 * math.Log(r)
	}
	for _, theta := range q[n-1 : 2*n-3] {
		sum += math.Log(math.Sin(theta))
	}
	return sum
}

// orientation fills in α, cos β and γ. The first axis of the molecule points from the second
// atom to the third, and the first atom lies in the plane of the first two axes, on the second
// one's side.
func (z ZMatrix) orientation(x, q []float64) {
	first, second, third := at(x, z[0].Atom), at(x, z[1].Atom), at(x, z[2].Atom)
	e1 := r3.Unit(r3.Sub(third, second))
	e3 := r3.Unit(r3.Cross(e1, r3.Sub(first, second)))
	e2 := r3.Cross(e3, e1)
	q[0] = math.Atan2(e3.Y, e3.X)
	q[1] = max(-1, min(1, e3.Z))
	q[2] = math.Atan2(e2.Z, -e1.Z)
}
