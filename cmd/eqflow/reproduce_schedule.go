package main

import (
	"path/filepath"
	"time"
)

// expected are the seconds that the notebooks took alone on two cores with XLA, full and quick: what the time left of a
// run is first reckoned from.
var expected = map[string]struct{ full, quick float64 }{
	"01": {60, 26}, "02": {30, 12}, "03": {420, 49}, "04": {480, 49}, "05": {120, 22},
	"06": {420, 300}, "07": {660, 720}, "08": {280, 120}, "09": {380, 120}, "10": {560, 300}, // on one core, mostly
}

// schedule reckons how long a run of notebooks still takes: by what each is expected to take, and how this machine has done
// so far.
type schedule struct {
	left  []float64 // expected seconds of the notebooks to come, the present one first
	spent float64   // seconds that the finished ones took
	meant float64   // and were expected to
}

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

// finish notes how long the present notebook took; what was reused says nothing about the machine.
func (s *schedule) finish(took time.Duration, reused bool) {
	if !reused {
		s.spent, s.meant = s.spent+took.Seconds(), s.meant+s.left[0]
	}
	s.left = s.left[1:]
}

// remaining is what is left after some time in the present notebook, which is never taken for all but done.
func (s *schedule) remaining(elapsed time.Duration) time.Duration {
	pace := 1.0
	if s.meant > 0 {
		pace = s.spent / s.meant
	}
	total := max(pace*s.left[0]-elapsed.Seconds(), pace*s.left[0]/10)
	for _, seconds := range s.left[1:] {
		total += pace * seconds
	}
	return time.Duration(total * float64(time.Second)).Round(time.Second)
}
