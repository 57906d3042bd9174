package figure

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// linearTicks places about six ticks at multiples of 1, 2 or 5 times a power of ten.
type linearTicks struct{}

// Ticks implements plot.Ticker.
func (linearTicks) Ticks(min, max float64) []plot.Tick {
	step := roundStep((max - min) / 6)
	var ticks []plot.Tick
	for k := math.Ceil(min/step - 1e-9); k*step <= max+1e-9*step; k++ {
		v := k * step
		ticks = append(ticks, plot.Tick{Value: v, Label: formatTick(v, step)})
	}
	return ticks
}

// roundStep rounds up to 1, 2 or 5 times a power of ten.
func roundStep(rough float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, f := range []float64{1, 2, 5} {
		if rough <= f*power*1.0001 {
			return f * power
		}
	}
	return 10 * power
}

// formatTick formats v with as many digits as the step has. Very large and small numbers become
// a×10^b.
func formatTick(v, step float64) string {
	if v == 0 || math.Abs(v) < step/1e6 {
		return "0"
	}
	if size := math.Abs(v); size >= 1e5 || step < 1e-4 {
		exponent := math.Floor(math.Log10(size) + 1e-12)
		factor := math.Pow(10, exponent)
		digits := max(0, int(exponent)-int(math.Floor(math.Log10(step)+1e-9)))
		mantissa := strconv.FormatFloat(v/factor, 'f', digits, 64)
		if strings.Contains(mantissa, ".") {
			mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		}
		return withMinusSign(mantissa) + "×" + powerOfTen(int(exponent))
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	return withMinusSign(strconv.FormatFloat(v, 'f', digits, 64))
}

// powerOfTen returns the markup of 10 with an exponent.
func powerOfTen(exponent int) string {
	return fmt.Sprintf("10^{%s}", withMinusSign(strconv.Itoa(exponent)))
}

// withMinusSign replaces a hyphen by a minus sign.
func withMinusSign(number string) string { return strings.Replace(number, "-", "−", 1) }

// logTicks places ticks at the decades of an axis of log10, and between the decades if there are
// few.
type logTicks struct{}

// Ticks implements plot.Ticker.
func (logTicks) Ticks(min, max float64) []plot.Tick {
	first, last := int(math.Floor(min)), int(math.Ceil(max))
	decades := max - min
	if decades < 1 {
		ticks := linearTicks{}.Ticks(math.Pow(10, min), math.Pow(10, max))
		for i := range ticks {
			ticks[i].Value = math.Log10(ticks[i].Value)
		}
		return ticks
	}
	every := 1 + (last-first)/9
	var ticks []plot.Tick
	for e := first; e <= last; e++ {
		for f := 1.0; f < 10; f++ {
			v := math.Log10(f) + float64(e)
			if v < min-1e-9 || v > max+1e-9 || (f > 1 && decades > 6) {
				continue
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: logLabel(int(f), e, decades, every)})
		}
	}
	return ticks
}

// logLabel returns the label of f·10^e. Every so many decades have a label; 2 and 5 have one on
// axes of less than 2.5 decades.
func logLabel(f, e int, decades float64, every int) string {
	switch {
	case f == 1 && e%every != 0, f != 1 && (decades >= 2.5 || (f != 2 && f != 5)):
		return ""
	case e >= -2 && e <= 3:
		return strconv.FormatFloat(float64(f)*math.Pow(10, float64(e)), 'f', max(0, -e), 64)
	case f == 1:
		return powerOfTen(e)
	}
	return strconv.Itoa(f) + "×" + powerOfTen(e)
}

// categoryTicks places the labels of categories at 0, 1, 2, …
type categoryTicks []string

// Ticks implements plot.Ticker.
func (n categoryTicks) Ticks(min, max float64) []plot.Tick {
	ticks := make([]plot.Tick, len(n))
	for i, label := range n {
		ticks[i] = plot.Tick{Value: float64(i), Label: label}
	}
	return ticks
}
