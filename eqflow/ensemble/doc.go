// Package ensemble makes a molecule a target: its canonical ensemble, the Boltzmann distribution
// p(x) ∝ exp(−U(x)/kT) of its force field at a temperature.
//
//   - canonical.go: Canonical, the target. Read makes one from a file.
//   - shape.go: ShapeOf, what package zmatrix must know of a molecule.
//   - file.go: its description in manifests and model files, which holds the System file itself.
//
// Coordinates are in nm and energies are reduced, u = U/kT. The atoms are not alike: only those
// that Topology.Equivalent names, such as the hydrogens of a methyl, are exchanged. The energy has
// no graph; objectives that need one are refused, and path gradients do without.
//
// Energies of force fields do not change under reflection, except those with CMAP terms or phases
// other than 0 and π. Samples may therefore hold mirror images of a chiral molecule, which is
// another molecule in chemistry.
package ensemble
