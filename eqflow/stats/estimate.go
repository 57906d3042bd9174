package stats

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Estimate is a value with its standard error.
type Estimate struct {
	Value float64 `json:"value"`
	Error float64 `json:"error"`
}

// String returns the estimate as physicists write it, rounded by its error: 29.244 ± 0.004.
func (e Estimate) String() string {
	if !(e.Error > 0) || math.IsInf(e.Error, 0) {
		return minus(fmt.Sprintf("%.4g ± %.2g", e.Value, e.Error))
	}
	decimals := Decimals(e.Error)
	return Round(e.Value, decimals) + " ± " + Round(e.Error, decimals)
}

// Percent returns the estimate of a share in per cent: 97.1 ± 0.2 %.
func (e Estimate) Percent() string { return Estimate{100 * e.Value, 100 * e.Error}.String() + " %" }

// Decimals returns how many decimals a standard error leaves meaningful: one digit of the error
// from 355 to 949, and two digits of all others. Source: Particle Data Group, Review of Particle
// Physics, introduction, "Rounding".
func Decimals(err float64) int {
	exponent := math.Floor(math.Log10(err))
	leading := math.Round(err / math.Pow(10, exponent-2)) // 100 to 1000
	digits := 1
	switch {
	case leading >= 950:
		exponent, digits = exponent+1, 2
	case leading < 355:
		digits = 2
	}
	return max(0, digits-1-int(exponent))
}

// Round returns a number with the given number of decimals and a minus sign, where it has one.
func Round(v float64, decimals int) string { return minus(strconv.FormatFloat(v, 'f', decimals, 64)) }

// minus replaces a hyphen before a number by a minus sign.
func minus(number string) string {
	if strings.HasPrefix(number, "-") {
		return "−" + number[1:]
	}
	return number
}

// ESS returns Kish's effective sample size as a share of the samples, with its standard error by
// the delta method. The error is too small where few samples carry the weight, as the ESS itself is
// then too large.
func ESS(logW []float64) Estimate {
	s, _ := InMemory(logW, logW).Normalise() // memory gives no error
	e, _ := s.ESS()
	return e
}
