// Package spare keeps arrays that nobody uses any more: solves and steps of one size follow each other by the thousand, and their arrays
// are large.
package spare

import "sync"

// Arrays are spare arrays by length. The zero value is ready, for many goroutines.
type Arrays[T any] struct{ pools sync.Map }

// Take returns an array, with whatever it held last.
func (s *Arrays[T]) Take(length int) []T {
	pool, _ := s.pools.LoadOrStore(length, new(sync.Pool))
	if used, ok := pool.(*sync.Pool).Get().(*[]T); ok {
		return *used
	}
	return make([]T, length)
}

// Leave hands an array over to the next taker.
func (s *Arrays[T]) Leave(a []T) {
	if pool, ok := s.pools.Load(len(a)); ok {
		pool.(*sync.Pool).Put(&a)
	}
}
