package parallel

import (
	"sync/atomic"
	"testing"
)

// Every number is used once, whatever the number of workers.
func TestForCallsEachNumberOnce(t *testing.T) {
	for _, workers := range []int{-1, 0, 1, 3, 100} {
		for _, n := range []int{0, 1, 2, 57} {
			calls := make([]atomic.Int64, n)
			For(workers, n, func(i int) { calls[i].Add(1) })
			for i := range calls {
				if count := calls[i].Load(); count != 1 {
					t.Errorf("%d workers, %d tasks: task %d runs %d times", workers, n, i, count)
				}
			}
		}
	}
}

// No more tasks run at a time than there are workers, and several do where there are several.
func TestForKeepsToTheWorkers(t *testing.T) {
	const workers = 3
	var running, most atomic.Int64
	all := make(chan struct{})
	For(workers, 50, func(i int) {
		now := running.Add(1)
		for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
		}
		if now == workers && i < workers {
			close(all)
		}
		if i < workers { // the first tasks wait for each other
			<-all
		}
		running.Add(-1)
	})
	if most.Load() != workers {
		t.Errorf("%d tasks ran at a time, want %d", most.Load(), workers)
	}
}

// One worker keeps the order and the caller's goroutine.
func TestOneWorkerKeepsTheOrder(t *testing.T) {
	var order []int
	For(1, 4, func(i int) { order = append(order, i) })
	for i, v := range order {
		if i != v {
			t.Fatalf("the order is %v", order)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("the caller cannot recover from a panic of its only worker")
		}
	}()
	For(1, 1, func(int) { panic("task") })
}

func TestEach(t *testing.T) {
	var sum atomic.Int64
	Each(10, func(i int) { sum.Add(int64(i)) })
	if sum.Load() != 45 {
		t.Errorf("the sum of the numbers is %d, want 45", sum.Load())
	}
}
