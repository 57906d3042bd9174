// Package measure computes the figures of merit that papers on samplers report, each by its
// published definition. It is plain Go.
//
// Read sample.go first: a Sample is configurations with reduced energies and, optionally,
// log-weights. Which function to use when:
//
//   - How far is a sample from a reference sample? Comparison.Compare returns Distances:
//     Wasserstein distances of configurations, energies and pair distances, and the total
//     variation, with the values of a perfect sampler beside them (distances.go). The compared
//     configurations are drawn at random, so that the order of a file does not matter.
//   - Structure: RadialDistributions returns g(r) of sample and reference for every pair of
//     particle types (radial.go).
//   - Free energy along a collective variable: Variable.FreeEnergy. ParseVariable reads the
//     variable from an expression such as "d(0,3)" (variable.go).
package measure
