// Package engine computes flows: it maps configurations, evaluates the vector field, and
// differentiates training losses.
//
// Three engines exist. Graphs, compiled by GoMLX for XLA or for its Go backend, compute every flow
// on every device. Tables in Go (package radial) compute the kernel field on the host. C (package
// egnn) computes the EGNN on the host. [New] chooses one engine for a flow, once. An engine that
// cannot compute an operation passes it to the graphs, so that no caller asks which engine is in
// use.
//
// # Which file first
//
// engine.go has the interface and the table of engines. loss.go has what training asks of an
// engine, inputs.go the inputs of a step, and parameters.go the parameters.
//
// graphs.go, graphs_field.go and graphs_loss.go are the graphs: maps, the field, and losses.
// tables.go and network.go are the two engines on the host, and host.go has their training step.
// solve.go integrates parts of a flow, blocks.go divides batches into blocks, and divergence.go
// draws the probes of an estimated divergence.
//
// # An engine of one's own
//
// A new engine is one file and one row of the table in engine.go. The tables of conformance_test.go
// compare it with a reference in float64.
package engine
