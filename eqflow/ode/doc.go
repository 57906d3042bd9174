// Package ode solves initial value problems, inside GoMLX graphs and in plain Go.
//
// Start with tableau.go: a Tableau is an explicit Runge–Kutta method as data, and the package has
// four. A method of one's own is one more Tableau; appended to Tableaus in an init function, it has
// a name for flows and files. Then:
//
//   - step.go: Step, Solve and Adaptive.Solve, in plain Go, for states []float64.
//   - span.go: Tableau.Step is the step beneath them, in arrays of the caller's; Span has its
//     times.
//   - adaptive.go: Adaptive controls the length of steps; Drive does so for steps made elsewhere,
//     such as compiled ones.
//   - fixed.go: Fixed is a solve in equal steps, unrolled in a graph and differentiated by GoMLX.
//   - adjoint.go, loop.go: Loop is the same solve as two While loops with a hand-written adjoint.
//     Its graph does not grow with the number of steps.
//
// Inside graphs, a solve carries the integral of a scalar along with its state: for a continuous
// flow, the divergence.
package ode
