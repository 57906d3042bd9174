package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// An estimate is printed with as many digits as its error justifies.
func TestEstimatesText(t *testing.T) {
	for want, e := range map[string]Estimate{
		"29.244 ± 0.004":  {29.24387, 0.00402},
		"−22.539 ± 0.009": {-22.53914, 0.00913},
		"−22.540 ± 0.030": {-22.54, 0.03},
		"5.89 ± 0.17":     {5.889, 0.169},
		"0.00 ± 0.10":     {0.0004, 0.0968}, // 0.0968 is rounded up to 0.10
		"1234 ± 120":      {1234.4, 120.4},
		"1.25 ± 0":        {1.25, 0},
		"−1.5 ± NaN":      {-1.5, math.NaN()},
		"+Inf ± +Inf":     {math.Inf(1), math.Inf(1)},
	} {
		if got := fmt.Sprint(e); got != want {
			t.Errorf("%#v is %q, want %q", e, got, want)
		}
	}
	if got := fmt.Sprint([]Estimate{{1, 0.1}}); got != "[1.00 ± 0.10]" {
		t.Errorf("a list is %q", got)
	}
	if got := (Estimate{0.9712, 0.00204}).Percent(); got != "97.12 ± 0.20 %" {
		t.Errorf("a share is %q", got)
	}
}

// The error of the ESS is the spread of the ESS over independent samples. The weights are
// log-normal with width s, whose ESS is exp(−s²).
func TestErrorOfTheESS(t *testing.T) {
	const n, repeats, s = 2000, 400, 0.5
	rng := rand.New(rand.NewPCG(1, 2))
	var sum, squares, errors float64
	for range repeats {
		logW := make([]float64, n)
		for i := range logW {
			logW[i] = s * rng.NormFloat64()
		}
		e := ESS(logW)
		if kish := KishESS(logW) / n; math.Abs(e.Value-kish) > 1e-12 {
			t.Fatalf("the share is %g, Kish's %g", e.Value, kish)
		}
		sum, squares, errors = sum+e.Value, squares+e.Value*e.Value, errors+e.Error
	}
	mean := sum / repeats
	spread := math.Sqrt(squares/repeats - mean*mean)
	if want := math.Exp(-s * s); math.Abs(mean-want) > 3*spread/math.Sqrt(repeats)+1/float64(n) {
		t.Errorf("the mean ESS is %.4f, want %.4f", mean, want)
	}
	// The spread of 400 values is known to 1/√800 = 3.5 %; the weights' heavy tail costs more.
	if ratio := errors / repeats / spread; ratio < 0.88 || ratio > 1.12 {
		t.Errorf("the error is %.3f of the spread", ratio)
	}
}

// Equal weights have an ESS of 1 without error; one weight alone has 1/n.
func TestESSOfExtremes(t *testing.T) {
	if e := ESS(make([]float64, 10)); math.Abs(e.Value-1) > 1e-12 || e.Error > 1e-12 {
		t.Errorf("equal weights: %v", e)
	}
	if e := ESS([]float64{0, math.Inf(-1), math.Inf(-1), math.Inf(-1)}); math.Abs(e.Value-0.25) > 1e-12 {
		t.Errorf("one weight of four: %v", e)
	}
}
