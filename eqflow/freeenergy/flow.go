package freeenergy

import (
	"fmt"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Generator is a density that draws configurations and scores them. An eqflow.Model is one.
type Generator interface {
	// LogProbs returns log q of each configuration, in nats, and its standard errors where log q is
	// estimated, nil otherwise. steps is the number of solver steps (0: as trained).
	LogProbs(x particle.Batch, steps int) (logQ, standardErrors []float64, err error)
	// Sample draws n configurations with their log-densities. The same seed gives the same draws.
	Sample(n int, seed uint64) (density.Samples, error)
}

// End is what is known of one end by way of a generator. The works are u + log q, whose exponential
// averages give ln Z (targeted free energy perturbation: Jarzynski, Phys. Rev. E 65, 046122, 2002).
type End struct {
	Forward, Reverse []float64 // works of the generator's samples, and of the end's own samples
}

// NewEnd scores n samples of a generator at the end t, and the end's own samples x by the
// generator.
func NewEnd(q Generator, t target.Target, n int, seed uint64, x particle.Batch) (End, error) {
	samples, err := q.Sample(n, seed)
	if err != nil {
		return End{}, err
	}
	logQ, _, err := q.LogProbs(x, 0)
	if err != nil {
		return End{}, err
	}
	return End{works(t, samples.X, samples.LogQ), works(t, x, logQ)}, nil
}

func works(t target.Target, x particle.Batch, logQ []float64) []float64 {
	w := target.Energies(t, x)
	for i, l := range logQ {
		w[i] += l
	}
	return w
}

// results returns F = −ln Z of the end by the generator's samples, by the end's samples, and
// by both with Bennett's acceptance ratio.
func (e End) results(boot stats.Bootstrap) (out [3]Result, err error) {
	forward := negated(e.Forward)
	z := stats.LogZ(forward, boot)
	out[0] = Result{"generator's samples", stats.Estimate{Value: -z.Value, Error: z.Error}, doubtOf(forward)}
	out[1] = Result{"generator's density of the ends' samples", stats.LogZ(e.Reverse, boot), doubtOf(e.Reverse)}
	out[2].Method = "generator, both ways (BAR)"
	all := slices.Concat(e.Forward, e.Reverse)
	states := stats.States{
		Counts: []int{len(e.Forward), len(e.Reverse)}, Energy: func(k, n int) float64 { return float64(k) * all[n] },
	}
	if boot.Resamples == 0 {
		boot.Resamples = 50
	}
	logZ, err := states.LogZ(boot)
	if err != nil {
		return out, err
	}
	out[2].Free = stats.Estimate{Value: -logZ[1].Value, Error: logZ[1].Error}
	if overlap := states.Overlap([]float64{0, logZ[1].Value})[0]; !(overlap >= leastOverlap) {
		out[2].Doubt = fmt.Sprintf("generator and end overlap by %.2g only", overlap)
	}
	return out, nil
}

func negated(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = -x
	}
	return out
}

// ByGenerator returns the difference between two ends by way of a generator's density, or of two
// generators'. The errors add up as those of independent numbers.
func ByGenerator(a, b End, boot stats.Bootstrap) ([]Result, error) {
	ofA, err := a.results(boot)
	if err != nil {
		return nil, err
	}
	boot.Seed++
	ofB, err := b.results(boot)
	if err != nil {
		return nil, err
	}
	var out []Result
	for k, r := range ofA {
		r.Free.Value = ofB[k].Free.Value - r.Free.Value
		r.Free.Error = math.Hypot(r.Free.Error, ofB[k].Free.Error)
		r.Doubt = doubts(r.Doubt, ofB[k].Doubt)
		out = append(out, r)
	}
	return out, nil
}

// doubts joins what is in doubt at the ends.
func doubts(a, b string) string {
	switch {
	case a == "" && b == "":
		return ""
	case b == "":
		return "at A " + a
	case a == "":
		return "at B " + b
	}
	return "at A " + a + ", at B " + b
}
