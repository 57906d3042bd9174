package protocol

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Spread is a number over seeds.
type Spread struct{ Values []float64 }

// Over evaluates f for every trained generator of the given name.
func Over(all []Trained, name string, f func(Trained) float64) Spread {
	var s Spread
	for _, t := range all {
		if t.Name == name {
			s.Values = append(s.Values, f(t))
		}
	}
	return s
}

// Mean returns the mean over seeds.
func (s Spread) Mean() float64 {
	total := 0.0
	for _, v := range s.Values {
		total += v
	}
	return total / float64(len(s.Values))
}

// Max returns the largest value over seeds, −∞ for none.
func (s Spread) Max() float64 {
	m := math.Inf(-1)
	for _, v := range s.Values {
		m = max(m, v)
	}
	return m
}

// Min returns the smallest value over seeds, +∞ for none.
func (s Spread) Min() float64 {
	m := math.Inf(1)
	for _, v := range s.Values {
		m = min(m, v)
	}
	return m
}

// String returns "mean [min, max]" or, for one seed, its value. The spread sets how many decimals
// are shown: two digits of max − min, and three decimals at most. Counts are shown as integers.
func (s Spread) String() string {
	decimals := s.decimals()
	if len(s.Values) == 1 {
		return number(s.Values[0], decimals)
	}
	ends := decimals
	if s.integral() {
		ends = 0
	}
	return fmt.Sprintf("%s [%s, %s]", number(s.Mean(), decimals), number(s.Min(), ends), number(s.Max(), ends))
}

// decimals returns how many decimals the spread of the values leaves meaningful.
func (s Spread) decimals() int {
	const most = 3
	width := s.Max() - s.Min()
	switch {
	case width > 0:
		return min(most, max(0, 1-int(math.Floor(math.Log10(width)))))
	case s.integral():
		return 0
	}
	return most
}

// integral reports whether every value is an integer, as counts are.
func (s Spread) integral() bool {
	return !slices.ContainsFunc(s.Values, func(v float64) bool { return v != math.Trunc(v) })
}

// rounded returns the mean with the given number of decimals.
func (s Spread) rounded(decimals int) string { return strconv.FormatFloat(s.Mean(), 'f', decimals, 64) }

func number(v float64, decimals int) string {
	if math.Abs(v) >= 1e4 {
		return fmt.Sprintf("%.2g", v)
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}
