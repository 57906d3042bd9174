//go:build unix

package main

import (
	"math"
	"syscall"
)

// addressLimit is how much of its address space the process has left, as ulimit -v limits it.
func addressLimit() float64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &limit); err != nil || limit.Cur > 1<<62 {
		return math.Inf(1)
	}
	return max(0, float64(limit.Cur)-addressesUsed())
}
