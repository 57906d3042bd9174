// Package parallel runs numbered tasks on a pool of goroutines.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Each calls do(0), …, do(n−1) on as many goroutines as Go uses cores. See For.
func Each(n int, do func(i int)) { For(runtime.GOMAXPROCS(0), n, do) }

// For calls do(0), …, do(n−1) on at most the given number of goroutines, and returns when all calls
// have returned. The caller's goroutine is one of them; with fewer than two workers it makes all
// calls, in order.
//
// A worker takes the next number whenever it has finished one, so calls may differ in length. The
// results do not depend on the number of workers as long as do(i) writes only what belongs to i. A
// pool that is to stop early has do return at once, for example when a context has ended.
func For(workers, n int, do func(i int)) {
	workers = min(workers, n)
	if workers <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var others sync.WaitGroup
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			do(i)
		}
	}
	for range workers - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
}
