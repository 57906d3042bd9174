// Package engine computes flows: it maps configurations, evaluates the vector field, and differentiates training losses.
//
// Three engines exist. Graphs, compiled by GoMLX for XLA or for its Go backend, compute every flow on every device. Tables
// in Go (package radial) compute the kernel field on the host. C (package egnn) computes the EGNN on the host. [New] chooses
// one engine for a flow, once. An engine hands on to the graphs what it cannot compute itself, so that no caller asks which
// engine is at work.
//
// Read engine.go first: it holds the interface and the table of engines. A new engine is one file and one row of that table.
// loss.go says what training asks for, parameters.go where the parameters live, and blocks.go how batches are divided.
package engine
