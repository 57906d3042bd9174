//go:build !unix

package main

import "math"

// addressLimit knows of no limit.
func addressLimit() float64 { return math.Inf(1) }
