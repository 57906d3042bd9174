package particle

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// Relabelling says which relabellings of its particles leave a system as it is. The zero value: all, those of like particles.
type Relabelling struct {
	// Types [n] is the type of each particle, any number; particles change places within a type alone. Nil: all are alike.
	Types []int
	// Chain: the particles follow one another along a chain. It can be read from either end, if the types are the same read
	// backwards, and in no other way.
	Chain bool
}

// All tells whether every relabelling is allowed.
func (r Relabelling) All() bool {
	return !r.Chain && len(slices.Compact(slices.Sorted(slices.Values(r.Types)))) < 2
}

// Validate returns an error if the types are not those of n particles.
func (r Relabelling) Validate(n int) error {
	if r.Types != nil && len(r.Types) != n {
		return fmt.Errorf("particle: %d types for %d particles; give one for each", len(r.Types), n)
	}
	return nil
}

// Allows tells whether a relabelling is one of these: particle i of the new order is particle perm[i] of the old.
func (r Relabelling) Allows(perm []int) bool {
	for i, from := range perm {
		if r.Types != nil && r.Types[i] != r.Types[from] {
			return false
		}
	}
	if !r.Chain {
		return true
	}
	return isRun(perm, 0, 1) || isRun(perm, len(perm)-1, -1)
}

// isRun tells whether perm counts from start in the given steps.
func isRun(perm []int, start, step int) bool {
	for i, from := range perm {
		if from != start+i*step {
			return false
		}
	}
	return true
}

// Random draws one of the relabellings of n particles, all with the same probability.
func (r Relabelling) Random(rng *rand.Rand, n int) []int {
	if r.All() {
		return rng.Perm(n)
	}
	perm := make([]int, n)
	for i := range perm {
		perm[i] = i
	}
	if r.Chain {
		if backwards := reversed(n); r.Allows(backwards) && rng.IntN(2) == 1 {
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

func reversed(n int) []int {
	perm := make([]int, n)
	for i := range perm {
		perm[i] = n - 1 - i
	}
	return perm
}

// groups lists the particles of each type, the types in the order of their first particle.
func (r Relabelling) groups(n int) [][]int {
	var groups [][]int
	index := map[int]int{}
	for i := range n {
		kind := 0
		if r.Types != nil {
			kind = r.Types[i]
		}
		at, known := index[kind]
		if !known {
			at = len(groups)
			index[kind] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], i)
	}
	return groups
}

// Roles numbers particles [n], and pairs in the order of Pairs, so that two have the same number exactly if a relabelling
// takes one to the other. What sees particles and pairs by their roles alone has the symmetry of the system, and no other.
func (r Relabelling) Roles(n int) (particles, pairs []int) {
	particles, pairs = make([]int, n), make([]int, n*(n-1)/2)
	if r.All() {
		return particles, pairs
	}
	mirrored := r.Chain && r.Allows(reversed(n))
	named, pairNamed := map[[2]int]int{}, map[[2]int]int{}
	for i := range n {
		name := i
		if mirrored {
			name = min(i, n-1-i)
		} else if !r.Chain {
			name = r.Types[i]
		}
		particles[i] = number(named, [2]int{name})
	}
	for p, pair := range Pairs(n) {
		i, j := pair[0], pair[1]
		switch {
		case mirrored && n-1-j < i:
			i, j = n-1-j, n-1-i
		case !r.Chain:
			i, j = min(particles[i], particles[j]), max(particles[i], particles[j])
		}
		pairs[p] = number(pairNamed, [2]int{i, j})
	}
	return particles, pairs
}

// number returns the number of a name, the next one if it is new.
func number(known map[[2]int]int, name [2]int) int {
	at, ok := known[name]
	if !ok {
		at = len(known)
		known[name] = at
	}
	return at
}

// chooser finds the cheapest of the relabellings, one cost matrix after the other.
type chooser struct {
	n         int
	groups    [][]int
	assigners []*assigner
	cost      []float64 // of one group
	perm      []int
	orders    [][]int // of a chain
}

func (r Relabelling) chooser(n int) *chooser {
	c := &chooser{n: n, perm: make([]int, n)}
	if r.Chain {
		backwards := reversed(n)
		forwards := slices.Clone(backwards)
		slices.Reverse(forwards)
		c.orders = [][]int{forwards}
		if r.Allows(backwards) {
			c.orders = append(c.orders, backwards)
		}
		return c
	}
	c.groups = r.groups(n)
	for _, members := range c.groups {
		c.assigners = append(c.assigners, newAssigner(len(members)))
	}
	if len(c.groups) > 1 {
		c.cost = make([]float64, n*n)
	}
	return c
}

// best returns the relabelling of least Σ_i cost[i, perm[i]], in memory that the next call overwrites.
func (c *chooser) best(cost []float64) []int {
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
				c.cost[k*size+l] = cost[i*c.n+j]
			}
		}
		for k, l := range c.assigners[g].assign(c.cost[:size*size]) {
			c.perm[members[k]] = members[l]
		}
	}
	return c.perm
}

func (c *chooser) total(cost []float64, perm []int) float64 {
	sum := 0.0
	for i, j := range perm {
		sum += cost[i*c.n+j]
	}
	return sum
}
