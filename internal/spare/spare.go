// Package spare reuses large arrays. Solves and training steps of one size follow each other by the
// thousand, and each needs the arrays that the one before has just finished with.
package spare

import "sync"

// Arrays holds arrays that nobody uses, by length. The zero value is ready for use by many
// goroutines.
type Arrays[T any] struct{ pools sync.Map }

// Get returns an array of the given length. Its elements are whatever its last user left in them.
func (s *Arrays[T]) Get(length int) []T {
	pool, _ := s.pools.LoadOrStore(length, new(sync.Pool))
	if used, ok := pool.(*sync.Pool).Get().(*[]T); ok {
		return *used
	}
	return make([]T, length)
}

// Put makes an array from Get available again. The caller must not use it any more.
func (s *Arrays[T]) Put(a []T) {
	if pool, ok := s.pools.Load(len(a)); ok {
		pool.(*sync.Pool).Put(&a)
	}
}
