// Package target holds the reduced energies u(x) = U(x)/kT that generators learn and Markov chains
// sample.
//
// Start with target.go: Target is the interface of all systems. Then:
//
//   - doublewell.go, lennardjones.go, mixture.go, chain.go, harmonic.go: the systems, plain
//     structs. DW4, LJ13 and LJ55 return systems with published constants.
//   - own.go: FromGraph makes a user's own system out of an energy as a graph function;
//     evaluator.go evaluates it in plain Go.
//   - parse.go, spec.go, kind.go: systems by name ("dw4"), as data in files, and the list of kinds.
//   - batch.go: energies, gradients and virials of many configurations, and the taming of large
//     energies.
//   - bridge.go: the energies between a normal distribution and a target.
//   - minima.go, relax.go, labels.go: local minima, basins, and labels of metastable states.
//
// # Adding a system
//
// A new kind of system is one file: a struct with the methods of Described, and a Kind, which says
// how the system is named, built and explained. In this package, the list kinds in kind.go names
// the Kind, and the tests take a system of it from testTargets. In any other package, an init
// function gives the Kind to Register; kind_test.go is an example. Two methods are optional:
// Relabelling, if not all particles are alike, and Sampling, for Markov chains that start well.
// Fields, coupling layers, augmentation, minima and distances all respect the relabellings.
//
// # Periodic boxes
//
// All systems here live in free space, on the mean-free subspace. A periodic box is another space,
// not another target: on the torus all n·d coordinates count, no centre of mass is defined, and the
// prior is uniform. eqflow.Model has a mean-free normal prior and does not support the torus.
// Besides an energy with nearest images, the torus needs
//
//   - a field of smooth periodic displacements. Any dynamics.Config can be one; flow.Continuous
//     then maps the torus onto itself with the exact log-determinant;
//   - the uniform prior, of density L^(−n·d);
//   - Markov chains that keep the centre of mass and let coordinates wander from image to image;
//   - flow matching along geodesics: displacements to the nearest images, minus their mean.
//
// flow/torus_test.go does this for soft discs in the plane, from prior to log Z.
package target
