// Package stats turns samples and log-weights into numbers with standard errors. It is plain Go on
// []float64.
//
// Log-weights are log w = −u(x) − log q(x), in nats. An additive constant matters only to log Z.
// Nil log-weights mean equal weights where the comment of the function says so.
//
// Read weights.go first. Which function to use when:
//
//   - How good are the weights? KishESS. Are a few of them too large? Truncate. Unweighted samples
//     from weighted ones? Resample.
//   - The normalisation of exp(−u): LogZ.
//   - A reweighted average: Mean. Populations of states and their free energies: Populations and
//     FreeEnergies. A density along one coordinate: Linspace, then Histogram.
//   - Samples of several states or temperatures together: States, and MBAR.
//   - Samples that do not fit into memory: Weighted, whose estimates are those of the functions.
//   - The distance between two weighted sets of numbers: Wasserstein.
//   - A correlated series from one Markov chain: ChainMean, or BlockMean for chains much longer
//     than their AutocorrelationTime.
//
// Estimate holds a value and its standard error. Bootstrap computes the error by resampling, and
// assumes independent samples: thin a chain first, or use ChainMean.
package stats
