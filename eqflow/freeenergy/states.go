package freeenergy

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// OfState returns the free energy of a state of one system less that of the rest. It is ln
// (1−p)/p, where p is the weighted share of the samples in the state. A nil logW means equal
// weights.
func OfState(method string, in []bool, logW []float64, boot stats.Bootstrap) Result {
	values, count := make([]float64, len(in)), 0
	for i, inside := range in {
		if inside {
			values[i] = 1
			count++
		}
	}
	p := stats.Mean(values, logW, boot)
	out := Result{Method: method, Free: stats.Estimate{
		Value: math.Log((1 - p.Value) / p.Value), Error: p.Error / (p.Value * (1 - p.Value)),
	}}
	switch fewest := min(count, len(in)-count); {
	case fewest == 0:
		out.Doubt = "all samples lie on one side"
		out.Free.Error = math.Inf(1)
	case fewest < fewSamples:
		out.Doubt = fmt.Sprintf("%d samples on the rarer side", fewest)
	case logW != nil:
		out.Doubt = doubtOf(logW)
	}
	return out
}
