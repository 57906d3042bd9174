//go:build !linux && !darwin

package main

// freeDisk is not known here.
func freeDisk(string) (float64, bool) { return 0, false }
