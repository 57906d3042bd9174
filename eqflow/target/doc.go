// Package target holds the reduced energies u(x) = U(x)/kT that generators learn and samplers visit.
//
// DoubleWell, LennardJones, Mixture, Chain and Harmonic are plain structs; DW4, LJ13 and LJ55 return some with the constants
// in use elsewhere. FromGraph makes a system of one's own from an energy as a graph function. Parse reads a name, Spec is the
// form that files carry. Energies are evaluated inside graphs and, with forces, in plain Go. Relax, Minima, Basins and the
// labels of metastable states work on every target.
//
// # Adding a system
//
// A new kind of system is one file: the struct with the methods of Target and Validate, a method spec for files, and a kind
// that says how the system is named, built and explained; kinds lists it, and the tests take it from testTargets. Two more
// methods are for those who need them: Relabelling, where not all particles are alike, and Sampling, for Markov chains that
// begin well. Relabellings reach everything that must keep to them: fields, couplings, augmentation, minima, distances.
//
// # Periodic boxes
//
// All systems here live in free space, on the mean-free subspace. A periodic box is another space and not another target: on
// the torus all n·d coordinates count, no centre of mass is defined, and the prior is uniform. eqflow.Model, with its mean-free
// normal prior, does not know it. What it takes, beyond an energy by the nearest images, is
//
//   - a field of smooth periodic displacements, which any dynamics.Config may be, so that flow.Continuous carries the torus onto
//     itself with the exact log-determinant;
//   - the uniform prior, of density L^(−n·d);
//   - Markov chains without a centre to be removed, whose coordinates may wander from image to image;
//   - flow matching along geodesics: the nearest images' displacements, less their mean.
//
// flow/torus_test.go works it out for soft discs in the plane, from prior to log Z. The same four are what a Model for the torus
// would have to be told.
package target
