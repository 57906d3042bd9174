package zmatrix

import (
	"math"

	"gonum.org/v1/gonum/spatial/r3"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Decode returns the mean-free configurations [N, n, 3] of internal coordinates q [N, 3n−3], and
// log|det ∂x/∂q|. Bonds must be positive, angles within (0, π) and cosines of β within [−1,
// 1].
func (z ZMatrix) Decode(q []float64) (x particle.Batch, logDet []float64, err error) {
	width := z.Coordinates()
	if len(q)%width != 0 {
		return x, nil, inputErrorf("%d numbers are not configurations of %d internal coordinates", len(q), width)
	}
	for k, v := range q {
		m := k % width
		low, high := math.Inf(-1), math.Inf(1)
		switch {
		case m < len(z)-1:
			low = 0
		case m < 2*len(z)-3:
			low, high = 0, math.Pi
		case m == z.Shapes()+1:
			low, high = math.Nextafter(-1, -2), math.Nextafter(1, 2)
		}
		if !(v > low && v < high) {
			return x, nil, inputErrorf("configuration %d has the value %g of coordinate %d, outside its range",
				k/width, v, m)
		}
	}
	x, logDet = particle.NewBatch(len(q)/width, len(z), 3), make([]float64, len(q)/width)
	parallel.Each(x.Len(), func(i int) {
		row := q[i*width : (i+1)*width]
		z.decode(row, x.At(i), make([]frame, len(z)))
		logDet[i] = z.logDet(row)
	})
	return x, logDet, nil
}

// frame is the axes by which an atom is placed: along the bond of its references, across it in
// their plane, and along the normal of the plane.
type frame struct {
	along, across, normal r3.Vec
	axis, side            r3.Vec  // Bond − Angle, and Angle − Dihedral
	height                float64 // |side × along|
}

// frameOf returns the frame of a row whose references are placed.
func (z ZMatrix) frameOf(x []float64, r Row) frame {
	var f frame
	f.axis = r3.Sub(at(x, r.Bond), at(x, r.Angle))
	f.side = r3.Sub(at(x, r.Angle), at(x, r.Dihedral))
	f.along = r3.Unit(f.axis)
	normal := r3.Cross(f.side, f.along)
	f.height = r3.Norm(normal)
	f.normal = r3.Scale(1/f.height, normal)
	f.across = r3.Cross(f.normal, f.along)
	return f
}

// local returns the place of row k's atom in its frame, relative to the atom Bond.
func (z ZMatrix) local(q []float64, k int) r3.Vec {
	r, theta, phi := q[z.BondOf(k)], q[z.AngleOf(k)], q[z.DihedralOf(k)]
	sin, cos := math.Sincos(theta)
	return r3.Vec{X: -r * cos, Y: r * sin * math.Cos(phi), Z: r * sin * math.Sin(phi)}
}

// place returns f's axes times the components of v.
func (f frame) place(v r3.Vec) r3.Vec {
	return r3.Add(r3.Scale(v.X, f.along), r3.Add(r3.Scale(v.Y, f.across), r3.Scale(v.Z, f.normal)))
}

func put(x []float64, i int, v r3.Vec) { x[3*i], x[3*i+1], x[3*i+2] = v.X, v.Y, v.Z }

// decode fills in one mean-free configuration, and the frames of its rows.
func (z ZMatrix) decode(q, x []float64, frames []frame) {
	turn := axes(q[z.Shapes():])
	sin, cos := math.Sincos(q[z.AngleOf(2)])
	put(x, z[0].Atom, turn.place(r3.Vec{X: q[0] * cos, Y: q[0] * sin}))
	put(x, z[1].Atom, r3.Vec{})
	put(x, z[2].Atom, turn.place(r3.Vec{X: q[1]}))
	for k, r := range z[3:] {
		k += 3
		frames[k] = z.frameOf(x, r)
		put(x, r.Atom, r3.Add(at(x, r.Bond), frames[k].place(z.local(q, k))))
	}
	particle.RemoveMean(x, 3)
}

// axes returns the molecule's axes as a frame, from α, cos β and γ.
func axes(q []float64) frame {
	sa, ca := math.Sincos(q[0])
	cb := q[1]
	sb := math.Sqrt(max(0, 1-cb*cb))
	sc, cc := math.Sincos(q[2])
	return frame{
		along:  r3.Vec{X: ca*cb*cc - sa*sc, Y: sa*cb*cc + ca*sc, Z: -sb * cc},
		across: r3.Vec{X: -ca*cb*sc - sa*cc, Y: -sa*cb*sc + ca*cc, Z: sb * sc},
		normal: r3.Vec{X: ca * sb, Y: sa * sb, Z: cb},
	}
}
