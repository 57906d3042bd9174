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
// All systems live in free space, on the mean-free subspace. A periodic box would be another space, not another target: the
// prior, the samplers, the displacements of the fields and the degrees of freedom would all be those of the torus.
package target
