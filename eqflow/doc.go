// Package eqflow trains, samples and judges Boltzmann generators: a prior, a flow and a target energy, compiled into XLA
// graphs by GoMLX.
//
// # Conventions
//
// Shapes use the letters B (batch), n (particles), d (dimensions) and K (distance centres); a configuration batch is
// [B, n, d]. Energies are reduced, u = U/kT. Log-densities, energies and log-weights are [B], in nats, on the mean-free
// subspace with its orthonormal measure. Flow time runs from 0 (prior) to 1 (target). A flow's Forward maps prior draws
// to configurations and its Inverse back; each returns the log-determinant of the map that it just applied.
package eqflow
