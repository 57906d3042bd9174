//go:build !unix

package main

// guardCrashes does nothing: Go's runtime prints a crash itself.
func guardCrashes() (stop func()) { return func() {} }
