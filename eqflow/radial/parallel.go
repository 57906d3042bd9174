package radial

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// inParallel calls do for every number below count, on all cores.
func inParallel(count int, do func(i int)) {
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
