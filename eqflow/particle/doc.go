// Package particle is the geometry of configurations of n particles in d dimensions.
//
// Functions on []float64 act on one configuration [n*d], row-major. Functions on *graph.Node act on
// a tensor [batch, n, d].
//
// Read batch.go first: Batch is the type in which samplers, files, figures and generators exchange
// configurations. Which file to use when:
//
//   - batch.go, geometry.go, rotation.go: views and copies of configurations, distances and
//     angles, and the moves that leave an energy unchanged (Translate, Rotate, Relabel).
//   - relabelling.go: Relabelling says which particles are alike, and draws such permutations.
//   - align.go: Align and AlignRelabelled superpose two configurations and return the rotation and
//     the permutation.
//   - superpose.go: ShapeDistances compares two whole batches, faster and less exactly than
//     align.go. least.go: LeastShapeDistances is exact for up to six particles, and slower.
//   - pairing.go: PairBatches pairs prior samples with data, for training with optimal-transport
//     couplings.
//   - assign.go: Assign solves the assignment problem behind these functions.
//   - basis.go: MeanFreeBasis spans the configurations whose centre of mass is the origin.
//   - graph.go: distances and mean removal in GoMLX graphs.
package particle
