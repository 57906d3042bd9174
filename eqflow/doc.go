// Package eqflow trains, samples and evaluates Boltzmann generators: a prior, a flow and a target
// energy. GoMLX compiles them into XLA graphs; on a CPU, C or Go computes some flows faster.
//
// # Which package first
//
// model.go has the entry points: a [Generator] describes a target and a flow, [New] makes a [Model]
// of it on a backend, and the model trains, samples and evaluates. folder.go keeps models in
// folders, and card.go describes a folder without a backend. The work is done in the packages
// below:
//
//   - train has the objectives, the training loop, and the files of a model.
//   - density is q: sampling, scoring, trajectories and weights. A Model embeds its Pushforward.
//   - evaluate has the report on a model and its verdicts.
//   - engine computes the flow: by XLA graphs, tables in Go (pairs in C where cgo is there), or C.
//   - flow, dynamics and ode are the flow itself: bijections, vector fields and solvers.
//   - target, prior and particle are the physical system.
//   - dataset, measure, stats and figure read, compare, estimate and draw.
//
// ARCHITECTURE.md shows how they build on each other.
//
// # Conventions
//
// A batch of configurations is [batch, n, d], with n particles in d dimensions. Some packages
// shorten batch to B. Energies are reduced, u = U/kT. Log-densities, energies and log-weights are
// [batch], in nats, on the mean-free subspace with its orthonormal measure. Flow time runs from 0
// (prior) to 1 (target). A field returns its velocity v [batch, n, d] and its divergence [batch],
// always with the sign +div v. A flow's Forward maps prior draws to configurations, and its Inverse
// maps them back. Each returns the log-determinant of the map that it applied.
package eqflow
