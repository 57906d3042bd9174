package dynamics

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
)

// moment is a symmetric tensor on every particle, M_i = Σ_j a_ij û_ij ⊗ … ⊗ û_ij, with as many factors as its order. Only the
// components whose coordinates do not fall are kept, each [n, batch, channels].
type moment struct {
	order, d int
	parts    map[string]*Node // by component
}

// component names an entry of a symmetric tensor by its coordinates, in any order.
func component(coordinates ...byte) string {
	slices.Sort(coordinates)
	return string(coordinates)
}

// components lists the entries of a symmetric tensor once each, and how many of the full tensor's each stands for.
func components(order, d int) (names []string, count map[string]float64) {
	count = map[string]float64{}
	var fill func(head []byte)
	fill = func(head []byte) {
		if len(head) < order {
			for k := range d {
				fill(append(slices.Clone(head), byte(k)))
			}
			return
		}
		name := component(head...)
		if count[name] == 0 {
			names = append(names, name)
		}
		count[name]++
	}
	fill(nil)
	return names, count
}

// product returns Π û_ij,k over a component's coordinates [n, n, batch]; nil stands for one.
func (e hop) product(name string) *Node {
	var p *Node
	for _, k := range []byte(name) {
		if p == nil {
			p = e.unit[k]
		} else {
			p = Mul(p, e.unit[k])
		}
	}
	return p
}

// moment returns Σ_j a_ij û_ij^{⊗order} of edges' a [n, n, batch, channels].
func (e hop) moment(order int, a *Node) moment {
	m := moment{order, len(e.unit), map[string]*Node{}}
	names, _ := components(order, m.d)
	for _, name := range names {
		weighed := a
		if p := e.product(name); p != nil {
			weighed = Mul(e.over(p, a), a)
		}
		m.parts[name] = sumNeighbours(weighed)
	}
	return m
}

// scaled multiplies a moment by a factor of the time [batch, channels].
func (m moment) scaled(factor *Node) moment {
	out := moment{m.order, m.d, map[string]*Node{}}
	for name, part := range m.parts {
		out.parts[name] = Mul(part, BroadcastToShape(ExpandAxes(factor, 0), part.Shape()))
	}
	return out
}

// contract returns M_i · û_ij^{⊗order} on every edge [n, n, batch, channels].
func (e hop) contract(m moment) *Node {
	names, count := components(m.order, m.d)
	var sum *Node
	for _, name := range names {
		term := spread(m.parts[name])
		if p := e.product(name); p != nil {
			if count[name] > 1 {
				p = Mul(p, scalar(p, count[name]))
			}
			term = Mul(e.over(p, term), term)
		}
		sum = sumOf(sum, term)
	}
	return sum
}

// dot returns the full contraction of two moments of one order [n, batch, channels].
func (m moment) dot(other moment) *Node {
	names, count := components(m.order, m.d)
	var sum *Node
	for _, name := range names {
		term := Mul(m.parts[name], other.parts[name])
		sum = sumOf(sum, Mul(term, scalar(term, count[name])))
	}
	return sum
}

// slice returns the moment of one order less that is left when one index is held at coordinate k.
func (m moment) slice(k int) moment {
	out := moment{m.order - 1, m.d, map[string]*Node{}}
	names, _ := components(out.order, m.d)
	for _, name := range names {
		out.parts[name] = m.parts[component(append([]byte(name), byte(k))...)]
	}
	return out
}

// stacked returns a moment of first order as one array [d, n, batch, channels].
func (m moment) stacked() *Node {
	parts := make([]*Node, m.d)
	for k := range parts {
		parts[k] = m.parts[component(byte(k))]
	}
	return Stack(parts, 0)
}

// unstacked undoes stacked.
func unstacked(a *Node) moment {
	m := moment{1, a.Shape().Dimensions[0], map[string]*Node{}}
	for k := range m.d {
		m.parts[component(byte(k))] = Squeeze(SliceAxis(a, 0, AxisRange(k, k+1)), 0)
	}
	return m
}
