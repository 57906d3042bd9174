// Package parallel does numbered things on all cores.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Each calls do for every number below count, on all cores.
func Each(count int, do func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), count)
	if workers <= 1 {
		for i := range count {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var all sync.WaitGroup
	work := func() {
		for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
			do(i)
		}
	}
	for range workers - 1 {
		all.Go(work)
	}
	work()
	all.Wait()
}
