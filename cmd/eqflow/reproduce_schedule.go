package main

import (
	"path/filepath"
	"time"
)

// expected are the seconds that each notebook takes on two cores with XLA and nothing else running.
// The time left of a run is first estimated from them.
var expected = map[string]struct{ full, quick float64 }{
	"00": {60, 60}, "01": {60, 26}, "02": {30, 12}, "03": {420, 49}, "04": {480, 49}, "05": {120, 22},
	"06": {420, 300}, "07": {660, 720}, "08": {280, 120}, "09": {380, 120}, "10": {560, 300}, // on one core, mostly
	"11": {400, 150},
}

// schedule estimates the time left of a run of notebooks, from the expected times and the pace of
// this machine so far.
type schedule struct {
	left         []float64 // expected seconds of the present notebook and of the notebooks after it
	spent        float64   // seconds of the finished notebooks
	spentPlanned float64   // expected seconds of the finished notebooks
}

// newSchedule plans a run of the named notebooks.
func newSchedule(names []string, quick bool) *schedule {
	s := &schedule{}
	for _, name := range names {
		seconds := expected[filepath.Base(name)[:2]]
		switch {
		case seconds.full == 0:
			s.left = append(s.left, 60)
		case quick:
			s.left = append(s.left, seconds.quick)
		default:
			s.left = append(s.left, seconds.full)
		}
	}
	return s
}

// finish records the time of the present notebook. A reused notebook says nothing about the pace.
func (s *schedule) finish(took time.Duration, reused bool) {
	if !reused {
		s.spent, s.spentPlanned = s.spent+took.Seconds(), s.spentPlanned+s.left[0]
	}
	s.left = s.left[1:]
}

// remaining is the time left when some time of the present notebook has elapsed. It counts at least
// a tenth of the present notebook's time as left.
func (s *schedule) remaining(elapsed time.Duration) time.Duration {
	pace := 1.0
	if s.spentPlanned > 0 {
		pace = s.spent / s.spentPlanned
	}
	total := max(pace*s.left[0]-elapsed.Seconds(), pace*s.left[0]/10)
	for _, seconds := range s.left[1:] {
		total += pace * seconds
	}
	return time.Duration(total * float64(time.Second)).Round(time.Second)
}
