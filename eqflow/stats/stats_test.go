package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.6g, want %.6g ± %.2g", what, got, want, tolerance)
	}
}

func normals(seed uint64, n int) []float64 {
	rng := rand.New(rand.NewPCG(seed, 7))
	v := make([]float64, n)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	return v
}

func TestLogSumExp(t *testing.T) {
	near(t, "far from zero", LogSumExp([]float64{1000, 1000}), 1000+math.Ln2, 1e-12)
	near(t, "with a zero weight", LogSumExp([]float64{math.Inf(-1), 2}), 2, 1e-12)
	if !math.IsInf(LogSumExp(nil), -1) || !math.IsInf(LogSumExp([]float64{math.Inf(-1)}), -1) {
		t.Error("the log of an empty sum is not −Inf")
	}
	for _, infinity := range []float64{math.Inf(-1), math.Inf(1)} {
		if got := LogSumExp([]float64{infinity, math.NaN()}); !math.IsNaN(got) {
			t.Errorf("of NaN and %g: %g, want NaN", infinity, got)
		}
	}
	near(t, "mean", LogMeanExp([]float64{3, 3, 3}), 3, 1e-12)
}

func TestKishESS(t *testing.T) {
	near(t, "equal weights", KishESS(make([]float64, 50)), 50, 1e-9)
	near(t, "one weight", KishESS([]float64{0, -800, -900}), 1, 1e-9)
	// Weights 1 and 3: 16/10.
	near(t, "two weights", KishESS([]float64{0, math.Log(3)}), 1.6, 1e-12)
}

// q = N(0, 1), target exp(−x²/(2·0.64)): log Z = ½ ln(2π·0.64), ⟨x²⟩ = 0.64.
func TestReweighting(t *testing.T) {
	const variance = 0.64
	x := normals(1, 20000)
	logW, squares := make([]float64, len(x)), make([]float64, len(x))
	for i, v := range x {
		logW[i] = -v*v/(2*variance) + v*v/2 + math.Log(2*math.Pi)/2
		squares[i] = v * v
	}
	z := LogZ(logW, Bootstrap{Seed: 3})
	near(t, "log Z", z.Value, math.Log(2*math.Pi*variance)/2, 4*z.Error)
	mean := Mean(squares, logW, Bootstrap{})
	near(t, "weighted mean", mean.Value, variance, 4*mean.Error)
	// Var(w)/⟨w⟩² = 1/(σ√(2−σ²)) − 1 with σ² = 0.64.
	relative := 1/math.Sqrt(variance*(2-variance)) - 1
	near(t, "ESS", KishESS(logW)/20000, 1/(1+relative), 0.01)
	near(t, "error of log Z", z.Error, math.Sqrt(relative/20000), 0.15*z.Error)
	if again := LogZ(logW, Bootstrap{Seed: 3}); again != z {
		t.Errorf("the same seed gives %v and %v", z, again)
	}
	plain := Mean(x, nil, Bootstrap{})
	near(t, "plain error", plain.Error, 1/math.Sqrt(20000), 0.15*plain.Error)
}

func TestPopulationsAndFreeEnergies(t *testing.T) {
	classes := make([]int, 1000)
	for i := range classes {
		classes[i] = map[bool]int{true: 0, false: 1}[i < 200]
	}
	classes[999] = -1
	s := Populations(classes, 3, nil, Bootstrap{})
	near(t, "population", s[0].Value, 0.2, 1e-12)
	near(t, "its binomial error", s[0].Error, math.Sqrt(0.16/1000), 0.002)
	near(t, "population of the second", s[1].Value, 0.799, 1e-12)
	f := FreeEnergies(classes, 3, nil, Bootstrap{})
	near(t, "free energy", f[0].Value, -math.Log(0.2), 1e-12)
	near(t, "its error", f[0].Error, s[0].Error/0.2, 0.01)
	if !math.IsInf(f[2].Value, 1) || !math.IsInf(f[2].Error, 1) {
		t.Errorf("a class without samples has %v", f[2])
	}
	// Three times the weight on the first class: 0.6/(0.6+0.8).
	logW := make([]float64, 1000)
	for i := range 200 {
		logW[i] = math.Log(3)
	}
	near(t, "weighted population", Populations(classes, 3, logW, Bootstrap{})[0].Value, 0.6/1.4, 1e-12)
}

func TestHistogram(t *testing.T) {
	edges := Linspace(-1, 1, 3)
	got, want := Bins([]float64{-1, -0.5, 0, 1, 1.01, -2, math.NaN()}, edges), []int{0, 0, 1, 1, -1, -1, -1}
	if !slices.Equal(got, want) {
		t.Errorf("bins %v, want %v", got, want)
	}
	density := Histogram(normals(2, 40000), nil, Linspace(-0.1, 0.1, 2), Bootstrap{Resamples: 50})
	near(t, "density at zero", density[0].Value, 1/math.Sqrt(2*math.Pi), 4*density[0].Error)
}

// The series x' = φ x + noise has the autocorrelation φ^lag and τ = (1+φ)/(1−φ).
func TestAutocorrelation(t *testing.T) {
	const phi = 0.8
	noise, series := normals(3, 100000), make([]float64, 100000)
	for i := 1; i < len(series); i++ {
		series[i] = phi*series[i-1] + math.Sqrt(1-phi*phi)*noise[i]
	}
	near(t, "autocorrelation time", AutocorrelationTime(series), 9, 0.6)
	near(t, "of noise", AutocorrelationTime(noise), 1, 0.05)
	mean, blocks := ChainMean(series), BlockMean(series, 100)
	near(t, "error of the mean", mean.Error, math.Sqrt(9/100000.0), 0.001)
	near(t, "error by blocks", blocks.Error, mean.Error, 0.3*mean.Error)
	near(t, "mean", mean.Value, 0, 4*mean.Error)
	if ChainMean([]float64{2, 2, 2}) != (Estimate{2, 0}) {
		t.Error("a constant series has an error")
	}
}

func TestWasserstein(t *testing.T) {
	x := normals(4, 5000)
	shifted, wide := make([]float64, len(x)), make([]float64, len(x))
	square := 0.0
	for i, v := range x {
		shifted[i], wide[i] = v+2, 3*v
		square += v * v
	}
	near(t, "to itself", Wasserstein(2, x, nil, x, nil), 0, 1e-12)
	near(t, "of a shift", Wasserstein(2, x, nil, shifted, nil), 2, 1e-9)
	// The optimal transport pairs sorted values, so that each value v moves by 2v.
	near(t, "of a scale", Wasserstein(2, x, nil, wide, nil), 2*math.Sqrt(square/float64(len(x))), 1e-9)
	// Weights 1:3 on {0, 1} against {0, 0, 0, 1}: half of the mass moves by 1.
	heavy := []float64{0, math.Log(3)}
	near(t, "weighted W1", Wasserstein(1, []float64{0, 1}, heavy, []float64{0, 0, 0, 1}, nil), 0.5, 1e-9)
	near(t, "weighted W2", Wasserstein(2, []float64{0, 1}, heavy, []float64{0, 0, 0, 1}, nil), math.Sqrt(0.5), 1e-9)
}
