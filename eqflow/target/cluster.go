package target

import "cmp"

// PairMinimum returns the distance at which a cluster's pairs have their minimum, by which the
// lengths of a field are set. ok reports whether the target is such a cluster.
func PairMinimum(t Target) (rm float64, ok bool) {
	switch t := t.(type) {
	case LennardJones:
		return cmp.Or(t.Rm, 1), true
	case Mixture:
		return cmp.Or(t.Rm, 1), true
	case interface{ PairMinimum() float64 }:
		return t.PairMinimum(), true
	}
	return 0, false
}
