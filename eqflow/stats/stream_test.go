package stats

import (
	"math"
	"slices"
	"testing"
)

// inPieces gives samples in pieces of several lengths.
func inPieces(values, logW []float64) Weighted {
	return Weighted{len(values), func(do func(values, logW []float64) error) error {
		for from, k := 0, 1; from < len(values); k++ {
			to := min(from+k*k%701, len(values))
			if err := do(values[from:to], logW[from:to]); err != nil {
				return err
			}
			from = to
		}
		return nil
	}}
}

// Estimates from pieces are those from slices, bit for bit, for few samples and for many.
func TestPiecesGiveTheEstimatesOfSlices(t *testing.T) {
	for _, n := range []int{1, 2, 999, 1000, 1001, 12345} {
		values, logW := normals(uint64(n), n), normals(uint64(n)+1, n)
		logW[n/2] = math.Inf(-1)
		if n == 1 {
			logW[0] = 3
		}
		boot := Bootstrap{Seed: 5}
		s, err := inPieces(values, logW).Normalise()
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.Estimates(boot)
		want := Estimates{ESS(logW), LogZ(logW, boot), Mean(values, logW, boot)}
		if err != nil || e != want {
			t.Errorf("%d samples: %+v, %v, want %+v", n, e, err, want)
		}
		edges := Linspace(-1, 2, 8)
		bars, err := s.Histogram(edges, boot)
		if want := Histogram(values, logW, edges, boot); err != nil || !slices.Equal(bars, want) {
			t.Errorf("%d samples: %v, %v, want %v", n, bars, err, want)
		}
		if z := s.LogMeanExp(); z != LogMeanExp(logW) {
			t.Errorf("%d samples: log ⟨w⟩ %v", n, z)
		}
	}
	for name, logW := range map[string][]float64{
		"NaN": {1, math.NaN(), 2}, "+Inf": {1, math.Inf(1), 2}, "−Inf": {math.Inf(-1), math.Inf(-1), math.Inf(-1)},
	} {
		s, err := inPieces(make([]float64, 3), logW).Normalise()
		if z, want := s.LogMeanExp(), LogMeanExp(logW); err != nil || z != want && !math.IsNaN(want) {
			t.Errorf("weights with %s: %v, %v, want %v", name, z, err, want)
		}
	}
}

// A quantile is the value at which the weight of the sorted values reaches the share.
func TestQuantile(t *testing.T) {
	values, logW := normals(1, 5000), normals(2, 5000)
	for i := range values {
		switch i % 7 {
		case 1:
			values[i] = math.Round(values[i]) // ties, and both zeros
		case 2:
			values[i] = math.Exp(20*values[i]) * float64(i%2*2-1)
		case 3:
			logW[i] = math.Inf(-1)
		}
	}
	values[3], values[4], logW[4] = math.NaN(), math.Inf(1), -3
	order := make([]int, 0, len(values))
	for i := range values {
		if !math.IsNaN(values[i]) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return 0
	})
	weights, shares := Weights(logW), []float64{1e-4, 0.1, 0.5, 0.77, 0.9999}
	found := quantiles(t, inPieces(values, logW), shares...)
	for k, share := range shares {
		want, sum := math.NaN(), 0.0
		for _, i := range order {
			if sum += weights[i]; sum >= share {
				want = values[i]
				break
			}
		}
		if found[k] != want {
			t.Errorf("the quantile at %g is %g, want %g", share, found[k], want)
		}
	}
	for _, v := range []float64{math.Inf(-1), -math.MaxFloat64, -1, math.Copysign(0, -1), 0, 5e-324, math.Inf(1)} {
		if got := unordered(ordered(v)); math.Float64bits(got) != math.Float64bits(v) {
			t.Errorf("%g becomes %g", v, got)
		}
		if got := quantiles(t, InMemory([]float64{v}, nil), 0.5); got[0] != v {
			t.Errorf("the median of %g is %g", v, got[0])
		}
	}
	if got := quantiles(t, InMemory([]float64{1}, []float64{math.Inf(-1)}), 0.5); !math.IsNaN(got[0]) {
		t.Errorf("the median of nothing is %g", got[0])
	}
}

func quantiles(t *testing.T, s Weighted, of ...float64) []float64 {
	t.Helper()
	n, err := s.Normalise()
	if err != nil {
		t.Fatal(err)
	}
	out, err := n.Quantiles(of...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
