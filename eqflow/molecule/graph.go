package molecule

import (
	"fmt"
	"slices"
)

// Bonds returns the pairs i < j of bonded atoms, ascending: those of the harmonic bonds and of the
// constraints. Angles name the two ends of a constraint that holds an angle, as in rigid water;
// that constraint is no bond.
func (s *System) Bonds() [][2]int {
	pairs := map[[2]int]bool{}
	for _, f := range s.Forces {
		if bonds, ok := f.Terms.(Bonds); ok {
			for _, b := range bonds {
				pairs[[2]int{min(b.I, b.J), max(b.I, b.J)}] = true
			}
		}
	}
	ends := map[[2]int]bool{}
	for _, f := range s.Forces {
		if angles, ok := f.Terms.(Angles); ok {
			for _, a := range angles {
				ends[[2]int{min(a.I, a.K), max(a.I, a.K)}] = true
			}
		}
	}
	for _, c := range s.Constraints {
		pair := [2]int{min(c.I, c.J), max(c.I, c.J)}
		if !ends[pair] && !(s.light(c.I) && s.light(c.J)) {
			pairs[pair] = true
		}
	}
	out := make([][2]int, 0, len(pairs))
	for p := range pairs {
		out = append(out, p)
	}
	slices.SortFunc(out, comparePairs)
	return out
}

// Molecules returns the number of parts that no bond connects.
func (s *System) Molecules() int { return newGraph(s.Atoms(), s.Bonds()).parts() }

// Bonded reports whether two atoms are bonded.
func (s *System) Bonded(i, j int) bool {
	_, found := slices.BinarySearchFunc(s.Bonds(), [2]int{min(i, j), max(i, j)}, comparePairs)
	return found
}

// light reports whether an atom is a hydrogen by its mass, also a repartitioned one.
func (s *System) light(i int) bool { return s.Masses[i] < 4.1 }

// neighbours returns the bonded atoms of each atom, ascending.
func (s *System) neighbours() [][]int { return neighbours(s.Atoms(), s.Bonds()) }

func neighbours(n int, bonds [][2]int) [][]int {
	out := make([][]int, n)
	for _, b := range bonds {
		out[b[0]] = append(out[b[0]], b[1])
		out[b[1]] = append(out[b[1]], b[0])
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
}

// graph is the atoms and bonds of a System.
type graph struct {
	bonds [][2]int
	near  [][]int // neighbours, ascending
}

func newGraph(n int, bonds [][2]int) *graph { return &graph{bonds, neighbours(n, bonds)} }

// parts returns the number of connected parts.
func (g *graph) parts() int {
	seen := make([]bool, len(g.near))
	parts := 0
	for i := range g.near {
		if seen[i] {
			continue
		}
		parts++
		seen[i] = true
		for queue := []int{i}; len(queue) > 0; queue = queue[1:] {
			for _, k := range g.near[queue[0]] {
				if !seen[k] {
					seen[k] = true
					queue = append(queue, k)
				}
			}
		}
	}
	return parts
}

// path returns a shortest path from one atom to another, both included, that does not pass the atom
// avoid; nil if there is none.
func (g *graph) path(from, to, avoid int) []int {
	before := map[int]int{from: from}
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		if i == to {
			break
		}
		for _, k := range g.near[i] {
			_, seen := before[k]
			if seen || k == avoid {
				continue
			}
			before[k] = i
			queue = append(queue, k)
		}
	}
	if _, found := before[to]; !found {
		return nil
	}
	out := []int{to}
	for i := to; i != from; {
		i = before[i]
		out = append(out, i)
	}
	return out
}

// bridges returns the bonds that lie in no ring.
func (g *graph) bridges() map[[2]int]bool {
	out := map[[2]int]bool{}
	order := make([]int, len(g.near)) // of the visit, from 1
	low := make([]int, len(g.near))   // the earliest atom reached from below without the bond to the parent
	count := 0
	var visit func(i, parent int)
	visit = func(i, parent int) {
		count++
		order[i], low[i] = count, count
		for _, k := range g.near[i] {
			switch {
			case k == parent:
			case order[k] > 0:
				low[i] = min(low[i], order[k])
			default:
				visit(k, i)
				low[i] = min(low[i], low[k])
				if low[k] > order[i] {
					out[[2]int{min(i, k), max(i, k)}] = true
				}
			}
		}
	}
	for i := range g.near {
		if order[i] == 0 {
			visit(i, -1)
		}
	}
	return out
}

// withoutBridges returns the graph of the bonds in rings.
func (g *graph) withoutBridges() *graph {
	bridges := g.bridges()
	bonds := slices.DeleteFunc(slices.Clone(g.bonds), func(b [2]int) bool { return bridges[b] })
	return newGraph(len(g.near), bonds)
}

// rings returns a basis of the cycles. Its candidates are the shortest cycles through any two
// neighbouring bonds, of which it takes the shortest that are independent.
func (g *graph) rings() [][]int {
	g = g.withoutBridges()
	number := map[[2]int]int{}
	for k, b := range g.bonds {
		number[b] = k
	}
	var candidates [][]int
	for j, near := range g.near {
		for a, i := range near {
			for _, k := range near[a+1:] {
				if p := g.path(i, k, j); p != nil {
					candidates = append(candidates, append(p, j))
				}
			}
		}
	}
	slices.SortStableFunc(candidates, func(a, b []int) int { return len(a) - len(b) })
	want := len(g.bonds) - len(g.near) + g.parts()
	var rings [][]int
	var basis cycleBasis
	for _, c := range candidates {
		if len(rings) == want {
			break
		}
		bonds := map[int]bool{}
		for k, i := range c {
			j := c[(k+1)%len(c)]
			bonds[number[[2]int{min(i, j), max(i, j)}]] = true
		}
		if basis.add(bonds) {
			rings = append(rings, c)
		}
	}
	return rings
}

// cycleBasis is a set of independent cycles as sets of bonds, each with a bond of its own that the
// later ones lack.
type cycleBasis []struct {
	lead  int
	bonds map[int]bool
}

// add joins a cycle and reports whether it is independent of the others.
func (b *cycleBasis) add(bonds map[int]bool) bool {
	for _, row := range *b {
		if !bonds[row.lead] {
			continue
		}
		for k := range row.bonds { // the symmetric difference
			if bonds[k] {
				delete(bonds, k)
			} else {
				bonds[k] = true
			}
		}
	}
	if len(bonds) == 0 {
		return false
	}
	lead := -1
	for k := range bonds {
		lead = max(lead, k)
	}
	*b = append(*b, struct {
		lead  int
		bonds map[int]bool
	}{lead, bonds})
	return true
}

// colours returns a number for each atom. Atoms of different numbers differ in their element or in
// the elements and bonds around them, at whatever distance (Weisfeiler and Leman's refinement).
func (g *graph) colours(elements []string, masses []float64) []int {
	colour := make([]int, len(g.near))
	number := map[string]int{}
	index := func(text string) int {
		if _, known := number[text]; !known {
			number[text] = len(number)
		}
		return number[text]
	}
	for i := range colour {
		label := elements[i]
		if label == "" {
			label = fmt.Sprint(masses[i])
		}
		colour[i] = index(label)
	}
	for kinds := len(number); ; {
		number = map[string]int{}
		next := make([]int, len(colour))
		for i, near := range g.near {
			around := make([]int, len(near))
			for k, j := range near {
				around[k] = colour[j]
			}
			slices.Sort(around)
			next[i] = index(fmt.Sprint(colour[i], around))
		}
		colour = next
		if len(number) == kinds {
			return colour
		}
		kinds = len(number)
	}
}
