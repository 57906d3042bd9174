// Package bench measures eqflow against programs that do the same work, in one run on one machine:
// JAX, PyTorch, GoMLX's Go backend, and hand-written C as the floor of the arithmetic.
//
// Every contender is a process that speaks the protocol of peers/protocol.py. It gets a request and
// answers with its results. It is timed only if the results agree with a reference in float64
// (peers/reference.py). Then all contenders of a case take turns, round by round, so that a machine
// that slows down does so for all of them.
//
// Read case.go first (what can be measured), then run.go (one run), contender.go (a process) and
// problem.go (the references). growth.go and race.go measure how cost grows and how long training
// takes. molecule.go measures the energies of a molecule. own.go, peers.go and floor.go have the
// contenders.
package bench
