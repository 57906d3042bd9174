// Package molecule computes energies and forces of molecules from the System files that OpenMM
// writes, and from Amber topologies, in C or plain Go.
//
// Units are nm, kJ/mol, kJ/mol/nm, rad, e and u. Atoms and configurations have numbers from 0. PDB
// and DCD files are in angstrom and are converted.
//
// Read system.go first: System is the molecule with its force field, as data. Then:
//
//   - formats.go: Read, and the table of the Formats of files.
//   - read.go, read_nonbonded.go, read_customgb.go: ReadSystem. element.go and expression.go are
//     the XML and the expressions below it. Nothing in a file is ignored: a part that changes the
//     energy and is not supported is a Refusal, an unknown attribute or element is an error.
//   - amber.go, amber_bonded.go, amber_pairs.go, amber_born.go: Amber topologies (prmtop), whose
//     sections amber_sections.go reads. neck_tables.go has the tables of GBn and GBn2.
//   - potential.go: NewPotential makes the energy of a System. Potential.Energy computes one
//     configuration, Evaluate many on all cores.
//   - engine.go, vectors.go, vectors_pairs.go, energy_body.h: NewEngine returns the fastest
//     implementation of an Engine: C, one configuration to a lane of AVX2 or AVX-512, in float64 or
//     float32. The C agrees with Go to 1e-12 in float64 and to 1e-5 in float32.
//   - bonded.go, maps.go, nonbonded.go, born.go: the terms of the energy, each with its forces.
//   - structure.go, pdb.go, dcd.go, restart.go, netcdf.go: Structure, ReadPDB, ReadDCD and
//     ReadRestart, names and coordinates. System.Attach checks that a structure is of the system.
//   - topology.go, graph.go, elements.go: System.Topology, the rings, rotors, stereocentres and
//     equivalent atoms.
//
// # What is supported
//
// HarmonicBondForce, HarmonicAngleForce, PeriodicTorsionForce, RBTorsionForce, CMAPTorsionForce,
// NonbondedForce without a box (NoCutoff, CutoffNonPeriodic with its reaction field), GBSAOBCForce,
// CustomGBForce where its expressions are those of Amber's HCT, OBC1, OBC2, GBn or GBn2, and
// CMMotionRemover, which has no energy. Constraints are refused unless Options lifts them.
//
// Boxes, Ewald sums, virtual sites, Drude particles, barostats and other custom forces are refused
// by their names.
//
// Of an Amber topology: bonds, angles, proper and improper torsions, CMAP, Lennard-Jones and
// Coulomb pairs with their exclusions and scaled 1-4 pairs, and Lennard-Jones coefficients of
// single pairs of types (NBFIX), which become exceptions. Options.Solvent names the solvent, for
// which the file has radii and screens: HCT, OBC1, OBC2, GBn or GBn2, with ε = 78.5, no salt, and
// the surface energy that OpenMM's AmberPrmtopFile adds. CHAMBER, AMOEBA, polarisable, perturbed
// and LES topologies, boxes, caps, extra points, 10-12 and 12-6-4 potentials are refused by their
// names.
//
// # Costs
//
// Time grows as the square of the number of atoms, also with a cutoff. With a generalised Born
// solvent each goroutine holds three arrays of that square: 24 MB for 1000 atoms; in C two for each
// lane, 64 MB with AVX2.
//
// # Adding a format
//
// A new format of files is one file with its parser, and one line in the table Formats.
//
// # Adding a force
//
// A new type of force is a type of Terms in system.go, a reader in the table forceReaders, a term
// with its forces in Go, and its keys in termKeys, by which equivalent atoms are found.
// testdata/make.py makes reference values with OpenMM, and testdata/make_amber.py Amber topologies
// with tleap.
// For speed, energy.h names the sections of the C, and vectors.go writes them.
package molecule
