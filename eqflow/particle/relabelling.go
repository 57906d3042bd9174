package particle

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// Relabelling describes the permutations of its particles that leave a system unchanged. The zero
// value allows every permutation: all particles are alike.
type Relabelling struct {
	// Types [n] is the type of each particle, an arbitrary number. Only particles of the same type
	// are exchanged. If nil, all particles are alike.
	Types []int
	// Chain says that the particles form a linear chain. The only permutation is then its reversal,
	// provided that the types are the same in both directions.
	Chain bool
}

// All reports whether every permutation is allowed.
func (r Relabelling) All() bool {
	return !r.Chain && len(slices.Compact(slices.Sorted(slices.Values(r.Types)))) < 2
}

// Validate returns an error if the number of types is not n.
func (r Relabelling) Validate(n int) error {
	if r.Types != nil && len(r.Types) != n {
		return fmt.Errorf("particle: %d types for %d particles; give one for each", len(r.Types), n)
	}
	return nil
}

// Allows reports whether the permutation is allowed. Particle i of the new order is particle
// perm[i] of the old.
func (r Relabelling) Allows(perm []int) bool {
	for i, from := range perm {
		if r.Types != nil && r.Types[i] != r.Types[from] {
			return false
		}
	}
	if !r.Chain {
		return true
	}
	return isProgression(perm, 0, 1) || isProgression(perm, len(perm)-1, -1)
}

// isProgression reports whether perm is start, start+step, start+2·step, …
func isProgression(perm []int, start, step int) bool {
	for i, from := range perm {
		if from != start+i*step {
			return false
		}
	}
	return true
}

// Random draws one of the allowed permutations of n particles, each with the same probability.
func (r Relabelling) Random(rng *rand.Rand, n int) []int {
	if r.All() {
		return rng.Perm(n)
	}
	perm := identity(n)
	if r.Chain {
		if backwards := reversal(n); r.Allows(backwards) && rng.IntN(2) == 1 {
			return backwards
		}
		return perm
	}
	for _, members := range r.groups(n) {
		for k, from := range rng.Perm(len(members)) {
			perm[members[k]] = members[from]
		}
	}
	return perm
}

// reversal returns the permutation n−1 … 0.
func reversal(n int) []int {
	perm := identity(n)
	slices.Reverse(perm)
	return perm
}

// groups lists the particles of each type. The types are in the order of their first particle.
func (r Relabelling) groups(n int) [][]int {
	var groups [][]int
	numbers := map[int]int{}
	for i := range n {
		kind := 0
		if r.Types != nil {
			kind = r.Types[i]
		}
		g := numberOf(numbers, kind)
		if g == len(groups) {
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// Roles numbers the particles [n] and the pairs, in the order of Pairs. Two particles, or two
// pairs, have the same number exactly if an allowed permutation maps one to the other. A function
// that depends on particles and pairs only through their roles has the symmetry of the system, and
// no larger one.
func (r Relabelling) Roles(n int) (particles, pairs []int) {
	particles, pairs = make([]int, n), make([]int, n*(n-1)/2)
	if r.All() {
		return particles, pairs
	}
	mirrored := r.Chain && r.Allows(reversal(n))
	numbers, pairNumbers := map[int]int{}, map[[2]int]int{}
	for i := range n {
		name := i
		if mirrored {
			name = min(i, n-1-i)
		} else if !r.Chain {
			name = r.Types[i]
		}
		particles[i] = numberOf(numbers, name)
	}
	for p, pair := range Pairs(n) {
		i, j := pair[0], pair[1]
		switch {
		case mirrored && n-1-j < i:
			i, j = n-1-j, n-1-i
		case !r.Chain:
			i, j = min(particles[i], particles[j]), max(particles[i], particles[j])
		}
		pairs[p] = numberOf(pairNumbers, [2]int{i, j})
	}
	return particles, pairs
}

// numberOf returns the number of a name. A new name receives the next number.
func numberOf[Name comparable](numbers map[Name]int, name Name) int {
	number, known := numbers[name]
	if !known {
		number = len(numbers)
		numbers[name] = number
	}
	return number
}

// relabeller finds the allowed permutation of least cost, for one cost matrix after another.
type relabeller struct {
	n         int
	groups    [][]int
	assigners []*assigner // of each group
	groupCost []float64   // the cost matrix of one group
	perm      []int
	orders    [][]int // the permutations of a chain; nil if the particles are no chain
}

func (r Relabelling) relabeller(n int) *relabeller {
	c := &relabeller{n: n, perm: make([]int, n)}
	if r.Chain {
		c.orders = [][]int{identity(n)}
		if backwards := reversal(n); r.Allows(backwards) {
			c.orders = append(c.orders, backwards)
		}
		return c
	}
	c.groups = r.groups(n)
	for _, members := range c.groups {
		c.assigners = append(c.assigners, newAssigner(len(members)))
	}
	if len(c.groups) > 1 {
		c.groupCost = make([]float64, n*n)
	}
	return c
}

// cheapest returns the permutation of least Σ_i cost[i, perm[i]]. The next call overwrites the
// result.
func (c *relabeller) cheapest(cost []float64) []int {
	switch {
	case c.orders != nil:
		return slices.MinFunc(c.orders, func(a, b []int) int { return cmp.Compare(c.total(cost, a), c.total(cost, b)) })
	case len(c.groups) == 1:
		return c.assigners[0].assign(cost)
	}
	for g, members := range c.groups {
		size := len(members)
		for k, i := range members {
			for l, j := range members {
				c.groupCost[k*size+l] = cost[i*c.n+j]
			}
		}
		for k, l := range c.assigners[g].assign(c.groupCost[:size*size]) {
			c.perm[members[k]] = members[l]
		}
	}
	return c.perm
}

func (c *relabeller) total(cost []float64, perm []int) float64 {
	sum := 0.0
	for i, j := range perm {
		sum += cost[i*c.n+j]
	}
	return sum
}
