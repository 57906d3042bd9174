package dynamics

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Fields that keep the symmetry of a system whose particles are not all alike see particles and pairs by their roles
// (particle.Relabelling.Roles): they are told two apart exactly where no relabelling takes one to the other.

// particleRoles returns the role of each particle [n], and how many there are.
func (s System) particleRoles() (roles []int, count int) {
	roles, _ = s.Relabelling.Roles(s.N)
	return roles, slices.Max(roles) + 1
}

// pairRoles returns the role of each pair in the order of particle.Pairs, and how many there are.
func (s System) pairRoles() (roles []int, count int) {
	_, roles = s.Relabelling.Roles(s.N)
	return roles, slices.Max(roles) + 1
}

// pairsByRole lists the pairs with those of one role together, and how many each role has.
func (s System) pairsByRole() (order [][2]int, sizes []int) {
	roles, count := s.pairRoles()
	sizes = make([]int, count)
	for r := range count {
		for p, pair := range particle.Pairs(s.N) {
			if roles[p] == r {
				order = append(order, pair)
				sizes[r]++
			}
		}
	}
	return order, sizes
}

// ofParticles returns each particle's row of weights [particle roles, out] as [n, out].
func (s System) ofParticles(weights *Node) *Node {
	roles, count := s.particleRoles()
	return DotProduct(ConstAsDType(weights.Graph(), weights.DType(), oneHot(roles, count)), weights)
}

// ofEdges returns each edge's row of weights [pair roles, out] as [len(neighbours), n, out]: element [k, i] is that of the
// pair of i and neighbours(k, i), and belongs to some pair where the two are one.
func (s System) ofEdges(weights *Node, rows int, neighbour func(k, i int) int) *Node {
	roles, count := s.pairRoles()
	at := map[[2]int]int{}
	for p, pair := range particle.Pairs(s.N) {
		at[pair] = roles[p]
	}
	var edges []int
	for k := range rows {
		for i := range s.N {
			j := neighbour(k, i)
			edges = append(edges, at[[2]int{min(i, j), max(i, j)}])
		}
	}
	out := DotProduct(ConstAsDType(weights.Graph(), weights.DType(), oneHot(edges, count)), weights)
	return Reshape(out, rows, s.N, -1)
}

// oneHot is the matrix [len(roles)][count] with a one at each role.
func oneHot(roles []int, count int) [][]float64 {
	rows := make([][]float64, len(roles))
	for i, r := range roles {
		rows[i] = make([]float64, count)
		rows[i][r] = 1
	}
	return rows
}
