// Package mcmc draws configurations from a target's Boltzmann distribution with Markov chains, in
// plain Go.
//
// Equilibrium is the first function to read: it draws independent configurations of any target with
// a recipe of its own. Defaults returns that recipe as a Plan, to be changed and given to Run.
//
//   - equilibrium.go: Equilibrium, and the recipes of targets
//   - run.go: Run drives thousands of chains over all cores, from a Start and with Settings
//   - move.go: Move, the interface of transitions, with a chain's State and the Info of its steps
//   - metropolis.go, tempering.go: the moves Metropolis, MALA and Tempering
//   - replicas.go, leapfrog.go, checkpoint.go: Replicas, replica exchange with Hamiltonian Monte
//     Carlo on independent ladders, for molecules; it stops and continues
//   - trajectory.go: one long chain in order of time, free or confined to a metastable state
//   - annealed.go: log Z by annealed importance sampling
//
// A move is plain data. It makes a chain's State from a configuration (Init) and changes it (Step).
// Randomness comes from a seed: the same seed gives the same bytes on any number of cores.
//
// All chains live on the mean-free subspace: proposals have their centre of mass removed.
package mcmc
