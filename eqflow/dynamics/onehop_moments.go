package dynamics

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
)

// moment is a symmetric tensor on every particle, M_i = Σ_j a_ij û_ij ⊗ … ⊗ û_ij, with as many
// factors as its order. It holds only the components whose coordinates do not decrease, each
// [n, batch, channels].
type moment struct {
	order, d int
	parts    map[string]*Node // by component
}

// component names an entry of a symmetric tensor by its coordinates, in any order.
func component(coordinates ...byte) string {
	slices.Sort(coordinates)
	return string(coordinates)
}

// components lists the distinct entries of a symmetric tensor. count is how many entries of the
// full tensor each stands for.
func components(order, d int) (names []string, count map[string]float64) {
	count = map[string]float64{}
	var extend func(head []byte)
	extend = func(head []byte) {
		if len(head) < order {
			for k := range d {
				extend(append(slices.Clone(head), byte(k)))
			}
			return
		}
		name := component(head...)
		if count[name] == 0 {
			names = append(names, name)
		}
		count[name]++
	}
	extend(nil)
	return names, count
}

// product returns Π û_ij,k over a component's coordinates [n, n, batch]; nil stands for one.
func (e edgeGeometry) product(name string) *Node {
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

// moment returns Σ_j a_ij û_ij^{⊗order} for values a [n, n, batch, channels] on edges.
func (e edgeGeometry) moment(order int, a *Node) moment {
	m := moment{order, len(e.unit), map[string]*Node{}}
	names, _ := components(order, m.d)
	for _, name := range names {
		weighted := a
		if p := e.product(name); p != nil {
			weighted = Mul(e.repeatChannels(p, a), a)
		}
		m.parts[name] = sumNeighbours(weighted)
	}
	return m
}

// scaled multiplies a moment by a factor that depends on the time [batch, channels].
func (m moment) scaled(factor *Node) moment {
	out := moment{m.order, m.d, map[string]*Node{}}
	names, _ := components(m.order, m.d)
	for _, name := range names {
		part := m.parts[name]
		out.parts[name] = Mul(part, BroadcastToShape(ExpandAxes(factor, 0), part.Shape()))
	}
	return out
}

// contract returns M_i · û_ij^{⊗order} on every edge [n, n, batch, channels].
func (e edgeGeometry) contract(m moment) *Node {
	names, count := components(m.order, m.d)
	var sum *Node
	for _, name := range names {
		term := toEdges(m.parts[name])
		if p := e.product(name); p != nil {
			if count[name] > 1 {
				p = Mul(p, scalar(p, count[name]))
			}
			term = Mul(e.repeatChannels(p, term), term)
		}
		sum = sumOf(sum, term)
	}
	return sum
}

// dot returns the full contraction of two moments of the same order [n, batch, channels].
func (m moment) dot(other moment) *Node {
	names, count := components(m.order, m.d)
	var sum *Node
	for _, name := range names {
		term := Mul(m.parts[name], other.parts[name])
		sum = sumOf(sum, Mul(term, scalar(term, count[name])))
	}
	return sum
}

// slice fixes one index at coordinate k and returns the moment of the next lower order.
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

// unstacked is the inverse of stacked.
func unstacked(a *Node) moment {
	m := moment{1, a.Shape().Dimensions[0], map[string]*Node{}}
	for k := range m.d {
		m.parts[component(byte(k))] = Squeeze(SliceAxis(a, 0, AxisRange(k, k+1)), 0)
	}
	return m
}
