package radial

import "sync"

// Solves of one size follow each other by the thousand, and their arrays are large: they are used again.
var (
	spareNumbers     spares[float64]
	sparePolynomials spares[polynomial]
)

// spares are arrays that nobody uses any more, by length.
type spares[T any] struct{ pools sync.Map }

// take returns an array, with whatever it held last.
func (s *spares[T]) take(length int) []T {
	pool, _ := s.pools.LoadOrStore(length, new(sync.Pool))
	if used, ok := pool.(*sync.Pool).Get().(*[]T); ok {
		return *used
	}
	return make([]T, length)
}

// leave hands an array over to the next taker.
func (s *spares[T]) leave(a []T) {
	if pool, ok := s.pools.Load(len(a)); ok {
		pool.(*sync.Pool).Put(&a)
	}
}
