// Package serve is the kernel "eqflow (Go)" that Jupyter starts: Installation tells Jupyter about it (kernelspec.go), Run stands
// between Jupyter's sockets (front.go) and a GoNB of its own (launch.go), and passes everything between the two (proxy.go), adding
// the magics (magic.go) and their completion (complete.go).
package serve
