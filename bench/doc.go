// Package bench measures eqflow against programs that do the same work, in one run on one machine: JAX, PyTorch, GoMLX's Go
// backend, and C by hand as the floor of the arithmetic.
//
// Every contender is a process of its own that speaks the protocol of peers/protocol.py: it is given a request, answers with
// what it computed, and is timed only if that agrees with a reference in float64 (peers/reference.py). Then all contenders of a
// case take turns, round by round, so that a machine that slows down does so for all of them.
package bench
