package flow

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
)

// charted are configurations in the coordinates of a chart: the orientation α, cos β, γ [batch]
// each, the soft angles within ±π [batch] each with their numbers of turns, and the stiff
// coordinates [batch, stiff].
type charted struct {
	orientation [3]*Node
	soft, turns []*Node
	stiff       *Node
}

// chart is a zmatrix.Chart in a graph. All its maps return log-determinants on the mean-free
// subspace with the orientation's measure dα dcos β dγ.
type chart struct {
	zmatrix.Chart
	n        int
	dihedral []int // the rows of stiff dihedral angles
	softRow  []int // the first member of each circle
}

func newChart(c zmatrix.Chart) chart {
	out := chart{Chart: c, n: c.ZMatrix.Atoms()}
	for _, circle := range c.Circles {
		out.softRow = append(out.softRow, circle.Members[0])
	}
	for _, k := range c.Stiff() {
		if first := c.ZMatrix.DihedralOf(3); k >= first {
			out.dihedral = append(out.dihedral, k-first+3)
		}
	}
	return out
}

// constants returns numbers as a column [len, 1] that broadcasts over the batch.
func constants(like *Node, numbers []float64) *Node {
	column := make([][]float64, len(numbers))
	for k, v := range numbers {
		column[k] = []float64{v}
	}
	return ConstAsDType(like.Graph(), like.DType(), column)
}

// values maps the numbers of coordinates.
func values(of []float64, numbers []int, apply func(v float64) float64) []float64 {
	out := make([]float64, len(numbers))
	for k, i := range numbers {
		out[k] = apply(of[i])
	}
	return out
}

func same(v float64) float64 { return v }

func span(from, to int) (numbers []int) {
	for k := from; k < to; k++ {
		numbers = append(numbers, k)
	}
	return numbers
}

// dihedralNumbers are the coordinates of the stiff dihedral angles.
func (c chart) dihedralNumbers() (numbers []int) {
	for _, k := range c.dihedral {
		numbers = append(numbers, c.ZMatrix.DihedralOf(k))
	}
	return numbers
}

// constantLogDet is the part of log|det ∂x/∂(orientation, soft, stiff)| that is the same
// everywhere.
func (c chart) constantLogDet() float64 {
	sum := -1.5 * math.Log(float64(c.n))
	for _, circle := range c.Circles {
		sum -= math.Log(float64(circle.Fold()))
	}
	for k := range c.ZMatrix.Shapes() {
		switch s := c.Spread[k]; {
		case s == 0: // soft
		case k < c.n-1:
			sum += math.Log(s / c.Centre[k])
		case k < 2*c.n-3:
			sum += math.Log(s / math.Sin(c.Centre[k]))
		default:
			sum += math.Log(s)
		}
	}
	return sum
}

// columns of the z-matrix, from a row on.
func (c chart) columns(from int) (atom, bond, angle, dihedral []int) {
	for _, r := range c.ZMatrix[from:] {
		atom, bond = append(atom, r.Atom), append(bond, r.Bond)
		angle, dihedral = append(angle, r.Angle), append(dihedral, r.Dihedral)
	}
	return atom, bond, angle, dihedral
}

// dihedrals returns the cosines and sines of dihedral angles, times a positive number.
func dihedrals(x vectors, atom, bond, ang, dihedral []int) (cos, sin *Node) {
	origin := x.rows(bond)
	out, in := x.rows(atom).minus(origin), x.rows(ang).minus(origin)
	normal, other := out.cross(in), in.cross(x.rows(dihedral).minus(origin))
	return Neg(normal.dot(other)), Neg(Mul(in.norm(), out.dot(other)))
}

// encode maps configurations x [batch, n, 3] to the chart. logDet [batch] is of this map.
func (c chart) encode(x *Node) (out charted, logDet *Node) {
	parts := TransposeAllDims(x, 2, 1, 0) // [3, n, batch]
	component := func(k int) *Node { return Squeeze(SliceAxis(parts, 0, AxisRange(k, k+1)), 0) }
	at := vectors{component(0), component(1), component(2)}
	out.soft, out.turns, at = c.settle(at)
	out.orientation = c.orientation(at)

	atom, bond, _, _ := c.columns(1)
	length := at.rows(atom).minus(at.rows(bond)).norm()
	atom, bond, ang, _ := c.columns(2)
	origin := at.rows(bond)
	outer, inner := at.rows(atom).minus(origin), at.rows(ang).minus(origin)
	scale := Mul(outer.norm(), inner.norm())
	sine, cosine := Div(outer.cross(inner).norm(), scale), Div(outer.dot(inner), scale)

	bonds, angles, numbers := span(0, c.n-1), span(c.n-1, 2*c.n-3), c.dihedralNumbers()
	m, s := c.Centre, c.Spread
	logLength, logSine := Log(length), Log(sine)
	stiff := []*Node{Mul(
		Sub(logLength, constants(x, values(m, bonds, math.Log))), constants(x, ratios(m, s, bonds, same)))}
	half := Log(Div(sine, AddScalar(cosine, 1))) // of tan(θ/2)
	halfCentre := values(m, angles, func(v float64) float64 { return math.Log(math.Tan(v / 2)) })
	stiff = append(stiff, Mul(Sub(half, constants(x, halfCentre)), constants(x, ratios(m, s, angles, math.Sin))))
	// ln|∂x/∂s|: 3 ln r of the bonds, 2 ln sin θ of the angles.
	total := Add(MulScalar(ReduceSum(logLength, 0), 3), MulScalar(ReduceSum(logSine, 0), 2))
	total = AddScalar(total, c.constantLogDet())
	if len(numbers) > 0 {
		off := c.offCentre(at, numbers)
		stiff = append(stiff, Mul(off, constants(x, values(s, numbers, func(v float64) float64 { return 2 / v }))))
		total = Sub(total, ReduceSum(Log1P(Mul(off, off)), 0))
	}
	out.stiff = Transpose(Concatenate(stiff, 0), 0, 1)
	return out, Neg(total)
}

// ratios are f(centre)/spread of coordinates.
func ratios(centre, spread []float64, numbers []int, f func(float64) float64) []float64 {
	out := make([]float64, len(numbers))
	for k, i := range numbers {
		out[k] = f(centre[i]) / spread[i]
	}
	return out
}

// offCentre returns the tangents of half the stiff dihedral angles, less their centres.
func (c chart) offCentre(at vectors, numbers []int) *Node {
	var atom, bond, ang, dihedral []int
	for _, k := range c.dihedral {
		r := c.ZMatrix[k]
		atom, bond = append(atom, r.Atom), append(bond, r.Bond)
		ang, dihedral = append(ang, r.Angle), append(dihedral, r.Dihedral)
	}
	cos, sin := dihedrals(at, atom, bond, ang, dihedral)
	mc, ms := constants(cos, values(c.Centre, numbers, math.Cos)), constants(cos, values(c.Centre, numbers, math.Sin))
	along, across := Add(Mul(cos, mc), Mul(sin, ms)), Sub(Mul(sin, mc), Mul(cos, ms))
	length := Sqrt(Add(Mul(along, along), Mul(across, across)))
	return Div(across, Add(length, along))
}

// settle returns the soft angles, and turns the labels of equivalent atoms.
func (c chart) settle(at vectors) (soft, turns []*Node, settled vectors) {
	settled = at
	for _, circle := range c.Circles {
		first := c.ZMatrix[circle.Members[0]]
		var atom, bond, ang, dihedral []int
		for _, k := range circle.Members { // all to the first one's reference
			atom, bond = append(atom, c.ZMatrix[k].Atom), append(bond, first.Bond)
			ang, dihedral = append(ang, first.Angle), append(dihedral, first.Dihedral)
		}
		cos, sin := dihedrals(at, atom, bond, ang, dihedral)
		angles := angle(sin, cos) // [members, batch]
		mean, fold := rowAt(angles, 0), float64(circle.Fold())
		for i := 1; i < circle.Fold(); i++ {
			off := AddScalar(Sub(rowAt(angles, i), rowAt(angles, 0)), -float64(i)*circle.Step())
			mean = Add(mean, MulScalar(wrapped(off), 1/fold))
		}
		number := Floor(AddScalar(MulScalar(mean, fold/(2*math.Pi)), 0.5))
		number = Sub(number, MulScalar(Floor(MulScalar(number, 1/fold)), fold)) // modulo the fold
		soft, turns = append(soft, wrapped(MulScalar(mean, fold))), append(turns, StopGradient(number))
		settled = c.turned(settled, circle, number, 1)
	}
	return soft, turns, settled
}

// turned exchanges the labels of a circle's members cyclically, number times in a direction.
func (c chart) turned(at vectors, circle zmatrix.Circle, number *Node, direction int) vectors {
	m := circle.Fold()
	for k := 1; k < m; k++ {
		from := span(0, c.n)
		for i, row := range circle.Members {
			j := ((i-direction*circle.Hand*k)%m + m) % m
			from[c.ZMatrix[row].Atom] = c.ZMatrix[circle.Members[j]].Atom
		}
		other := at.rows(from)
		is := Equal(number, Scalar(number.Graph(), number.DType(), float64(k))) // [batch]
		is = BroadcastToDims(ExpandAxes(is, 0), at.x.Shape().Dimensions...)
		at = vectors{Where(is, other.x, at.x), Where(is, other.y, at.y), Where(is, other.z, at.z)}
	}
	return at
}

// orientation returns α, cos β and γ.
func (c chart) orientation(at vectors) [3]*Node {
	z := c.ZMatrix
	second := at.rows([]int{z[1].Atom})
	e1 := at.rows([]int{z[2].Atom}).minus(second).unit()
	e3 := e1.cross(at.rows([]int{z[0].Atom}).minus(second)).unit()
	e2 := e3.cross(e1)
	return [3]*Node{rowAt(angle(e3.y, e3.x), 0), rowAt(e3.z, 0), rowAt(angle(e2.z, Neg(e1.z)), 0)}
}
