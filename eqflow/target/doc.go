// Package target holds the reduced energies u(x) = U(x)/kT that generators learn and samplers visit.
//
// DoubleWell, LennardJones and Harmonic are plain structs; DW4, LJ13 and LJ55 return them with the constants in use
// elsewhere. FromGraph makes a system of one's own from an energy as a graph function. Parse reads a name, Spec is the form that files carry. Energies are evaluated inside graphs and, with
// forces, in plain Go. Relax, Minima, Basins and the labels of metastable states work on every target.
package target
