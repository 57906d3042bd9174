// Package particle is the geometry of configurations of n particles in d dimensions.
//
// Batch is the currency of the program: configurations on the host, as plain Go numbers. Functions on []float64 work
// on one configuration [n*d], those on *graph.Node on a tensor [batch, n, d].
package particle
