// Package evaluate judges a sampler: whether its likelihoods and its weights are trustworthy, and
// how close its samples are to data.
//
// # What is judged
//
// A [Sampler] is any density that scores configurations and draws them. A [Candidate] is a sampler
// with its target and its origin. Candidate.Evaluate makes the whole [Report], Candidate.CheckNLL
// the check of the likelihood alone, and [CheckScores] the same check of log-densities that are
// already known. [Options] sets the number of samples, the number of data to compare with, and the
// collective variables. Options.Equilibrium states that the data are a fair sample of the target:
// only then is the entropy a bound.
//
// # The verdicts
//
//   - Check.Trustworthy is the verdict on the likelihood. The NLL must agree with solves of two and
//     four times the steps. On a fair sample it must not lie below the target's entropy, if the
//     entropy is known. An adaptive solve, or a log Z from the weights that contradicts the known
//     one, withdraws the verdict.
//   - Weights.WeightsTrustworthy is the verdict on log Z and on reweighted averages. It also needs
//     an effective sample size of at least 1 % of the samples, and of at least 50.
//
// Check.Why and Weights.WeightsWhy state the reasons.
//
// # Which file first
//
// evaluate.go computes a report. verdict.go judges it. report.go has the parts of the report and
// its JSON, in which unknown numbers are null. The distances, g(r) and free energies come from
// package measure, and the estimates with errors from package stats.
package evaluate
