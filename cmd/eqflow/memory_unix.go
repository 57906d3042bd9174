//go:build unix

package main

import (
	"math"
	"syscall"
)

// addressLimit is the limit of the process's address space, as ulimit -v sets it.
func addressLimit() float64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &limit); err != nil || limit.Cur > 1<<62 {
		return math.Inf(1)
	}
	return float64(limit.Cur)
}
