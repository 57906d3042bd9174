package target

import "github.com/eqflow/gonb-eqflow/eqflow/particle"

// Label names a metastable state of numbered particles. It has one character for each pair i < j:
// '1' if the pair is longer than the cutoff, '0' otherwise. Relabelled copies of one shape have
// different labels.
type Label string

// PairWells is a target whose pair energies are double wells with the barrier at Cutoff, so that
// labels are meaningful.
type PairWells interface {
	Target
	Cutoff() float64
}

// LabelOf returns the label of x [n*d]: the bits of d_ij > cutoff over the pairs, in the order of
// particle.Pairs.
func LabelOf(x []float64, d int, cutoff float64) Label {
	n := len(x) / d
	bits := make([]byte, 0, n*(n-1)/2)
	for i := range n {
		for j := i + 1; j < n; j++ {
			if isLong(x, d, i, j, cutoff) {
				bits = append(bits, '1')
			} else {
				bits = append(bits, '0')
			}
		}
	}
	return Label(bits)
}

// HasLabel reports whether x [n*d] has the given label. It allocates nothing, so a sampler can call
// it at every step.
func HasLabel(x []float64, d int, cutoff float64, label Label) bool {
	n, p := len(x)/d, 0
	for i := range n {
		for j := i + 1; j < n; j++ {
			if isLong(x, d, i, j, cutoff) != (label[p] == '1') {
				return false
			}
			p++
		}
	}
	return true
}

// LongPairs counts the pairs of x [n*d] that are longer than the cutoff. All relabelled copies have
// the same number.
func LongPairs(x []float64, d int, cutoff float64) int {
	n, count := len(x)/d, 0
	for i := range n {
		for j := i + 1; j < n; j++ {
			if isLong(x, d, i, j, cutoff) {
				count++
			}
		}
	}
	return count
}

// LongPairShares returns the share of configurations with k = 0, 1, … long pairs [pairs+1].
func LongPairShares(batch particle.Batch, cutoff float64) []float64 {
	shares := make([]float64, batch.N*(batch.N-1)/2+1)
	for i := range batch.Len() {
		shares[LongPairs(batch.At(i), batch.D, cutoff)] += 1 / float64(batch.Len())
	}
	return shares
}

func isLong(x []float64, d, i, j int, cutoff float64) bool {
	return squaredDistance(x, d, i, j) > cutoff*cutoff
}
