package zmatrix

import (
	"slices"
)

// Shape is what the rule must know of a molecule.
type Shape struct {
	Atoms int
	Bonds [][2]int
	// Turning are the bonds outside rings about which two parts turn freely.
	Turning [][2]int
	// Alike are the sets of atoms that hang on one atom and may be exchanged.
	Alike [][]int
	// Heavy are the atoms other than hydrogens.
	Heavy []bool
}

// skeleton is a Shape while a ZMatrix grows on it.
type skeleton struct {
	Shape
	near    [][]int
	turning map[[2]int]bool
	parent  []int // in the tree of placed atoms, −1 before
	depth   []int
	below   []int // atoms of the subtree
}

// FromShape makes the ZMatrix of a connected molecule by a rule. The tree of bonds grows breadth
// first from the middle of the molecule. An atom's first neighbour outwards, which has the largest
// part behind it, has the dihedral angle about the bond inwards; its siblings have theirs to the
// first, so that they turn with it. A dihedral angle is soft if it is of a first neighbour and its
// bond is one of s.Turning. The last bond of a ring is not a coordinate: the ring's dihedral angles
// are stiff and close it.
func FromShape(s Shape) (ZMatrix, error) {
	if s.Atoms < fewest {
		return nil, inputErrorf("%d atoms have no internal coordinates; at least %d have", s.Atoms, fewest)
	}
	k := newSkeleton(s)
	root, err := k.middle()
	if err != nil {
		return nil, err
	}
	k.grow(root)
	ends := k.children(root)
	first, last := ends[0], ends[1]
	z := ZMatrix{{first, -1, -1, -1, false}, {root, first, -1, -1, false}, {last, root, first, -1, false}}
	for _, i := range ends[2:] {
		z = append(z, Row{Atom: i, Bond: root, Angle: first, Dihedral: last})
	}
	grandparent := func(i int) int { // the atom beyond the axis from i inwards
		switch {
		case k.parent[i] != root:
			return k.parent[k.parent[i]]
		case i == first:
			return last
		}
		return first
	}
	for queue := slices.Clone(ends); len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		outer := k.children(p)
		for m, i := range outer {
			row := Row{Atom: i, Bond: p, Angle: k.parent[p], Dihedral: grandparent(p)}
			if m > 0 {
				row.Dihedral = outer[0]
			}
			row.Soft = m == 0 && k.turning[ordered(p, k.parent[p])]
			z = append(z, row)
		}
		queue = append(queue, outer...)
	}
	return z, z.Validate()
}

func ordered(i, j int) [2]int { return [2]int{min(i, j), max(i, j)} }

func newSkeleton(s Shape) *skeleton {
	k := &skeleton{Shape: s, near: make([][]int, s.Atoms), turning: map[[2]int]bool{}}
	for _, b := range s.Bonds {
		k.near[b[0]] = append(k.near[b[0]], b[1])
		k.near[b[1]] = append(k.near[b[1]], b[0])
	}
	for _, list := range k.near {
		slices.Sort(list)
	}
	for _, b := range s.Turning {
		k.turning[ordered(b[0], b[1])] = true
	}
	return k
}

// distances returns the number of bonds from an atom to each, −1 where no bonds lead.
func (k *skeleton) distances(from int) []int {
	out := make([]int, k.Atoms)
	for i := range out {
		out[i] = -1
	}
	out[from] = 0
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		for _, j := range k.near[queue[0]] {
			if out[j] < 0 {
				out[j] = out[queue[0]] + 1
				queue = append(queue, j)
			}
		}
	}
	return out
}

// middle returns the atom from which the sum of the distances to all others is least, among the
// atoms with two neighbours or more; of several, one with most heavy neighbours, then the first.
func (k *skeleton) middle() (int, error) {
	best, least, most := -1, 0, 0
	for i, near := range k.near {
		if len(near) < 2 {
			continue
		}
		sum, heavy := 0, 0
		for _, d := range k.distances(i) {
			if d < 0 {
				return 0, inputErrorf("the bonds leave the molecule in several parts, whose places no internal " +
					"coordinate holds")
			}
			sum += d
		}
		for _, j := range near {
			if k.Heavy[j] {
				heavy++
			}
		}
		if best < 0 || sum < least || sum == least && heavy > most {
			best, least, most = i, sum, heavy
		}
	}
	if best < 0 {
		return 0, inputErrorf("no atom has two bonds; the bonds leave the molecule in several parts")
	}
	return best, nil
}

// grow makes the tree of bonds, breadth first.
func (k *skeleton) grow(root int) {
	k.depth = k.distances(root)
	k.parent, k.below = make([]int, k.Atoms), make([]int, k.Atoms)
	order := make([]int, k.Atoms)
	for i := range order {
		order[i], k.parent[i] = i, -1
	}
	slices.SortStableFunc(order, func(a, b int) int { return k.depth[a] - k.depth[b] })
	for _, i := range order {
		for _, j := range k.near[i] {
			if k.depth[j] == k.depth[i]-1 {
				k.parent[i] = j
				break
			}
		}
	}
	slices.Reverse(order)
	for _, i := range order {
		k.below[i]++
		if p := k.parent[i]; p >= 0 {
			k.below[p] += k.below[i]
		}
	}
}

// children returns the next atoms outwards: heavy ones first, those with the most atoms behind them
// first, and then in their order.
func (k *skeleton) children(i int) []int {
	var out []int
	for _, j := range k.near[i] {
		if k.parent[j] == i {
			out = append(out, j)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int {
		if k.Heavy[a] != k.Heavy[b] {
			if k.Heavy[a] {
				return -1
			}
			return 1
		}
		return k.below[b] - k.below[a]
	})
	return out
}
