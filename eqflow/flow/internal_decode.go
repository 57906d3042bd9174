package flow

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
)

// decode is the inverse of chart.encode.
func (c chart) decode(in charted) (x, logDet *Node) {
	batch := in.stiff.Shape().Dimensions[0]
	stiff := Transpose(in.stiff, 0, 1) // [stiff, batch]
	part := func(from, to int) *Node { return SliceAxis(stiff, 0, AxisRange(from, to)) }
	bonds, angles := span(0, c.n-1), span(c.n-1, 2*c.n-3)
	m, s := c.Centre, c.Spread

	exponent := Div(part(0, c.n-1), constants(stiff, ratios(m, s, bonds, same)))
	length := Mul(Exp(exponent), constants(stiff, values(m, bonds, same)))
	half := Exp(Div(part(c.n-1, 2*c.n-3), constants(stiff, ratios(m, s, angles, math.Sin))))
	half = Mul(half, constants(stiff, values(m, angles, func(v float64) float64 { return math.Tan(v / 2) })))
	square := Mul(half, half)
	below := Reciprocal(AddScalar(square, 1))
	place := placement{length: length, cosine: Mul(OneMinus(square), below), sine: MulScalar(Mul(half, below), 2)}
	total := Add(MulScalar(ReduceSum(Log(length), 0), 3), MulScalar(ReduceSum(Log(place.sine), 0), 2))
	total = AddScalar(total, c.constantLogDet())
	if c.n > 3 {
		var change *Node
		place.turnCosine, place.turnSine, change = c.turnsOf(in, part)
		if change != nil {
			total = Add(total, change)
		}
	}
	at := c.root(in.orientation, place)
	placed := map[int]int{c.ZMatrix[0].Atom: 0, c.ZMatrix[1].Atom: 1, c.ZMatrix[2].Atom: 2}
	for _, level := range c.levels() {
		at = at.joined(c.add(at, placed, place, level))
		for _, k := range level {
			placed[c.ZMatrix[k].Atom] = len(placed)
		}
	}
	order := make([]int, c.n)
	for atom, row := range placed {
		order[atom] = row
	}
	at = at.rows(order)
	for k, circle := range c.Circles {
		at = c.turned(at, circle, in.turns[k], -1)
	}
	at = at.each(func(v *Node) *Node { return Sub(v, BroadcastToDims(ReduceAndKeep(v, ReduceMean, 0), c.n, batch)) })
	return TransposeAllDims(Stack([]*Node{at.x, at.y, at.z}, 0), 2, 1, 0), total
}

// placement is the places of atoms relative to their references: the bonds of rows 1 and up, the
// angles of rows 2 and up, and the dihedral angles of rows 3 and up, [rows, batch] each.
type placement struct{ length, cosine, sine, turnCosine, turnSine *Node }

// turnsOf returns the cosines and sines of all dihedral angles, and ln|∂φ/∂s| of the stiff
// ones without its constant, nil if there are none.
func (c chart) turnsOf(in charted, part func(from, to int) *Node) (cos, sin, logSlope *Node) {
	numbers := c.dihedralNumbers()
	first := 2*c.n - 3
	row := map[int]int{} // of a z-matrix row among the columns below
	var cosines, sines []*Node
	var tangents *Node
	if len(numbers) > 0 {
		halves := values(c.Spread, numbers, func(v float64) float64 { return v / 2 })
		tangents = Mul(part(first, first+len(numbers)), constants(in.stiff, halves))
		square := Mul(tangents, tangents)
		below := Reciprocal(AddScalar(square, 1))
		along, across := Mul(OneMinus(square), below), MulScalar(Mul(tangents, below), 2)
		mc := constants(along, values(c.Centre, numbers, math.Cos))
		ms := constants(along, values(c.Centre, numbers, math.Sin))
		cosines = append(cosines, Sub(Mul(along, mc), Mul(across, ms)))
		sines = append(sines, Add(Mul(across, mc), Mul(along, ms)))
		logSlope = Neg(ReduceSum(Log1P(square), 0))
		for k, z := range c.dihedral {
			row[z] = k
		}
	}
	for k, circle := range c.Circles {
		turn := c.firstTurn(circle, in.soft[k], tangents, row)
		cosines, sines = append(cosines, ExpandAxes(Cos(turn), 0)), append(sines, ExpandAxes(Sin(turn), 0))
		row[circle.Members[0]] = len(numbers) + k
	}
	order := make([]int, c.n-3)
	for k := range order {
		order[k] = row[k+3]
	}
	return rowsOf(Concatenate(cosines, 0), order), rowsOf(Concatenate(sines, 0), order), logSlope
}

// firstTurn returns the dihedral angle [batch] of a circle's first member from the soft angle. row
// numbers the rows of the tangents of the stiff angles' halves.
func (c chart) firstTurn(circle zmatrix.Circle, soft, tangents *Node, row map[int]int) *Node {
	fold := float64(circle.Fold())
	turn := MulScalar(soft, 1/fold)
	for i, k := range circle.Members[1:] {
		half := rowAt(tangents, row[k])
		off := MulScalar(angle(half, OnesLike(half)), 2)
		off = AddScalar(off, c.Centre[c.ZMatrix.DihedralOf(k)]-float64(i+1)*circle.Step())
		turn = Sub(turn, MulScalar(wrapped(off), 1/fold))
	}
	return turn
}

// root returns the places of the first three atoms, the second at the origin.
func (c chart) root(orientation [3]*Node, p placement) vectors {
	row := func(v *Node) *Node { return ExpandAxes(v, 0) }
	a, cb, g := row(orientation[0]), row(orientation[1]), row(orientation[2])
	sb := Sqrt(Max(OneMinus(Mul(cb, cb)), ScalarZero(cb.Graph(), cb.DType())))
	ca, sa, cc, sc := Cos(a), Sin(a), Cos(g), Sin(g)
	e1 := vectors{Sub(Mul(Mul(ca, cb), cc), Mul(sa, sc)), Add(Mul(Mul(sa, cb), cc), Mul(ca, sc)), Neg(Mul(sb, cc))}
	e2 := vectors{Neg(Add(Mul(Mul(ca, cb), sc), Mul(sa, cc))), Sub(Mul(ca, cc), Mul(Mul(sa, cb), sc)), Mul(sb, sc)}
	at := func(v *Node, k int) *Node { return SliceAxis(v, 0, AxisRange(k, k+1)) }
	first := e1.times(at(p.cosine, 0)).plus(e2.times(at(p.sine, 0))).times(at(p.length, 0))
	return first.joined(first.each(ZerosLike)).joined(e1.times(at(p.length, 1)))
}

// levels groups the rows whose references stand in earlier groups.
func (c chart) levels() (out [][]int) {
	level := map[int]int{}
	for k, r := range c.ZMatrix[3:] {
		depth := max(level[r.Bond], level[r.Angle], level[r.Dihedral])
		level[r.Atom] = depth + 1
		if depth == len(out) {
			out = append(out, nil)
		}
		out[depth] = append(out[depth], k+3)
	}
	return out
}

// add returns the places of the atoms of a level.
func (c chart) add(at vectors, placed map[int]int, p placement, level []int) vectors {
	references := func(of func(r zmatrix.Row) int) vectors {
		var rows []int
		for _, k := range level {
			rows = append(rows, placed[of(c.ZMatrix[k])])
		}
		return at.rows(rows)
	}
	pick := func(v *Node, first int) *Node {
		var rows []int
		for _, k := range level {
			rows = append(rows, k-first)
		}
		return rowsOf(v, rows)
	}
	bond := references(func(r zmatrix.Row) int { return r.Bond })
	ang := references(func(r zmatrix.Row) int { return r.Angle })
	along := bond.minus(ang).unit()
	normal := ang.minus(references(func(r zmatrix.Row) int { return r.Dihedral })).cross(along).unit()
	across := normal.cross(along)
	length, sine := pick(p.length, 1), pick(p.sine, 2)
	out := across.times(pick(p.turnCosine, 3)).plus(normal.times(pick(p.turnSine, 3))).times(sine)
	return bond.plus(out.minus(along.times(pick(p.cosine, 2))).times(length))
}
