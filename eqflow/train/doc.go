// Package train fits a flow: it moves the flow's parameters so that an objective becomes small, and
// keeps the model in a folder.
//
// # Which objective when
//
// The settings of an objective are the fields of its type. Settings holds what all of them share.
//
//   - Likelihood fits data that are a fair sample of the target, by maximum likelihood. It is the
//     first choice for the kernel field, the MLP, RealNVP and the internal flow.
//   - Matching is flow matching. It solves no differential equation, and it is the first choice for
//     the EGNN and one-hop fields, given some 100 000 configurations. Forces uses the energy's
//     gradient at the data too.
//   - Mixture weighs Likelihood and Energy. With Path, a few hundred steps of it remove most of the
//     error that Matching leaves. Of the internal flow, the energy then moves the stiff coordinates
//     given the soft ones.
//   - Energy needs no data: it is the reverse Kullback–Leibler divergence. It may miss modes of the
//     target that the flow does not reach.
//   - Annealed needs no data either: it is flow matching on the model's own samples, reweighted
//     along a ladder from a normal distribution to the target. It trains the EGNN and one-hop
//     fields from the energy alone.
//   - EnergyMatching is the alternative to Annealed without weights. It evaluates the energy at
//     many points for each configuration, so that it is for cheap energies.
//
// # Which file first
//
// objective.go has the interface Objective and the table Objectives. Each objective is one file:
// likelihood.go, energy.go, mixture.go, matching.go, annealed.go and energymatching.go. feed.go
// draws the inputs of a step, and settings.go has the settings and the recipe of each flow.
//
// train.go has the loop over steps, and history.go what it records. optimizer.go and muon.go build
// the update of the parameters. pathgradient.go solves the trajectories of path gradients, and
// pathloss.go turns them into a loss. conditional.go has the path gradients of the internal flow.
// ladder.go draws and reweights the samples of Annealed and EnergyMatching. modelfile.go reads and
// writes models, checkpoint.go and ladder_checkpoint.go the state of an unfinished run.
//
// # An objective of one's own
//
// An objective is two types: a plain struct of settings that implements Objective, and the
// engine.Loss that its method Loss returns. matching.go is a complete example. Such an objective
// trains at once, as Settings.Objective. A loss that also implements engine.FieldLoss or
// engine.MapLoss is computed without a graph where an engine can. One
// line in the table Objectives lets it be saved in a model's folder and named on the command line.
// Flags for its settings are a row of the table in cmd/eqflow/objective.go.
package train
