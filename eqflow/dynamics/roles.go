package dynamics

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Where the particles of a system are not all alike, equivariant fields distinguish particles and
// pairs by their roles (particle.Relabelling.Roles). Two have the same role exactly if some
// relabelling of the system takes one to the other.

// particleRoles returns the role of each particle [n], and the number of roles.
func (s System) particleRoles() (roles []int, count int) {
	roles, _ = s.Relabelling.Roles(s.N)
	return roles, slices.Max(roles) + 1
}

// pairRoles returns the role of each pair in the order of particle.Pairs, and the number of roles.
func (s System) pairRoles() (roles []int, count int) {
	_, roles = s.Relabelling.Roles(s.N)
	return roles, slices.Max(roles) + 1
}

// pairsByRole lists the pairs sorted by role, and the number of pairs of each role.
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

// ofParticles returns the row of weights [particle roles, out] for each particle: [n, out].
func (s System) ofParticles(weights *Node) *Node {
	roles, count := s.particleRoles()
	return DotProduct(ConstAsDType(weights.Graph(), weights.DType(), oneHot(roles, count)), weights)
}

// ofEdges returns the row of weights [pair roles, out] for each edge: [rows, n, out]. Element
// [k, i] belongs to the pair of i and neighbour(k, i). Where the two are the same particle, it is
// the row of some role.
func (s System) ofEdges(weights *Node, rows int, neighbour func(k, i int) int) *Node {
	roles, count := s.pairRoles()
	roleOf := map[[2]int]int{}
	for p, pair := range particle.Pairs(s.N) {
		roleOf[pair] = roles[p]
	}
	var edges []int
	for k := range rows {
		for i := range s.N {
			j := neighbour(k, i)
			edges = append(edges, roleOf[[2]int{min(i, j), max(i, j)}])
		}
	}
	out := DotProduct(ConstAsDType(weights.Graph(), weights.DType(), oneHot(edges, count)), weights)
	return Reshape(out, rows, s.N, -1)
}

// oneHot returns the matrix [len(roles)][count] with a one at each role.
func oneHot(roles []int, count int) [][]float64 {
	rows := make([][]float64, len(roles))
	for i, r := range roles {
		rows[i] = make([]float64, count)
		rows[i][r] = 1
	}
	return rows
}
