package zmatrix

import (
	"math"
	"slices"
)

// Circle is a soft coordinate: an angle t on the circle, of the dihedral angle of a row.
type Circle struct {
	// Members are rows. The first one's dihedral angle is soft. The others, if there are any, are
	// its siblings, equivalent atoms that turn with it.
	Members []int `json:"members"`
	// Hand is 1 if the dihedral angles of the members rise by 2π/m from each to the next, and −1
	// if they fall.
	Hand int `json:"hand"`
}

// Fold is the number m of turns by which equivalent atoms are exchanged, 1 where there are none.
// The coordinate is t = mχ̄, where χ̄ is the mean of the members' dihedral angles, that of
// member i less Hand·2πi/m.
func (c Circle) Fold() int { return len(c.Members) }

// Circles returns the soft coordinates. The atoms at the end of a rotor are exchanged by turns if
// they are all of one set of s.Alike, and all but one are placed relative to that one.
func (z ZMatrix) Circles(s Shape) []Circle {
	near := newSkeleton(s).near
	var out []Circle
	for k, r := range z {
		if !r.Soft {
			continue
		}
		c := Circle{Members: []int{k}, Hand: 1}
		var around []int // the neighbours of r.Bond outwards
		for _, i := range near[r.Bond] {
			if i != r.Angle {
				around = append(around, i)
			}
		}
		alike := slices.ContainsFunc(s.Alike, func(set []int) bool {
			set = slices.Sorted(slices.Values(set))
			return slices.Equal(set, around)
		})
		if alike {
			for m, other := range z {
				if other.Bond == r.Bond && other.Angle == r.Angle && other.Dihedral == r.Atom {
					c.Members = append(c.Members, m)
				}
			}
			if len(c.Members) != len(around) {
				c.Members = c.Members[:1]
			}
		}
		out = append(out, c)
	}
	return out
}

// wrap returns an angle within [−π, π).
func wrap(a float64) float64 { return a - 2*math.Pi*math.Floor(a/(2*math.Pi)+0.5) }

// Step is the angle from one member to the next.
func (c Circle) Step() float64 { return float64(c.Hand) * 2 * math.Pi / float64(c.Fold()) }

// mean returns χ̄ of a configuration.
func (c Circle) mean(z ZMatrix, q []float64) float64 {
	sum := 0.0
	for i, k := range c.Members[1:] {
		sum += wrap(q[z.DihedralOf(k)] - float64(i+1)*c.Step())
	}
	return q[z.DihedralOf(c.Members[0])] + sum/float64(c.Fold())
}

// turn exchanges the labels of the members cyclically, which turns χ̄ by −2π/m times the given
// number of turns.
func (c Circle) turn(z ZMatrix, q []float64, turns int) {
	m := c.Fold()
	if m == 1 || turns%m == 0 {
		return
	}
	old := slices.Clone(q)
	angle := func(j int) float64 { // of member j, before
		a := old[z.DihedralOf(c.Members[0])]
		if j > 0 {
			a += old[z.DihedralOf(c.Members[j])]
		}
		return a
	}
	source := func(i int) int { return ((i-c.Hand*turns)%m + m) % m }
	first := angle(source(0))
	for i, k := range c.Members {
		from := c.Members[source(i)]
		q[z.BondOf(k)], q[z.AngleOf(k)] = old[z.BondOf(from)], old[z.AngleOf(from)]
		q[z.DihedralOf(k)] = wrap(angle(source(i)))
		if i > 0 {
			q[z.DihedralOf(k)] = wrap(angle(source(i)) - first)
		}
	}
}

// settle turns the labels so that χ̄ lies within ±π/m, and returns t and the number of turns by
// which χ̄ was larger, from 0 to m−1.
func (c Circle) settle(z ZMatrix, q []float64) (t float64, turns int) {
	m := c.Fold()
	mean := c.mean(z, q)
	turns = int(math.Floor(mean*float64(m)/(2*math.Pi)+0.5)) % m
	turns = (turns + m) % m
	c.turn(z, q, turns)
	return wrap(float64(m) * mean), turns
}
