package freeenergy

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Result is the difference of free energy by one method.
type Result struct {
	Method string         `json:"method"`
	Free   stats.Estimate `json:"free"` // F_B − F_A, kT
	// Doubt says why the error is not to be trusted. It is "" if nothing speaks against the error.
	Doubt string `json:"doubt,omitempty"`
}

// fewSamples is the effective number of samples below which an exponential average is in doubt.
const fewSamples = 100

// Ladder are the rungs of a path, from λ = 0 to λ = 1.
type Ladder []Rung

// Results returns the difference by perturbation from each end, by MBAR over all rungs, and by
// thermodynamic integration along the path.
func (l Ladder) Results(boot stats.Bootstrap) ([]Result, error) {
	if len(l) < 2 || l[0].Lambda != 0 || l[len(l)-1].Lambda != 1 {
		return nil, errors.New("freeenergy: a ladder goes from λ = 0 to λ = 1; give both ends")
	}
	out := []Result{l.perturbation(boot), l.reversePerturbation(boot)}
	m, err := l.mbar(boot)
	if err != nil {
		return nil, err
	}
	out = append(out, m)
	if len(l) > 2 {
		out = append(out, l.integration(boot))
	}
	return out, nil
}

// perturbation is −ln ⟨exp(−(u_B − u_A))⟩ over the samples of A (Zwanzig, J. Chem. Phys.
// 22, 1420, 1954).
func (l Ladder) perturbation(boot stats.Bootstrap) Result {
	logW := l[0].Difference()
	for i := range logW {
		logW[i] = -logW[i]
	}
	z := stats.LogZ(logW, boot)
	return Result{"perturbation from A", stats.Estimate{Value: -z.Value, Error: z.Error}, doubtOf(logW)}
}

// reversePerturbation is ln ⟨exp(−(u_A − u_B))⟩ over the samples of B.
func (l Ladder) reversePerturbation(boot stats.Bootstrap) Result {
	logW := l[len(l)-1].Difference()
	return Result{"perturbation from B", stats.LogZ(logW, boot), doubtOf(logW)}
}

// doubtOf says whether few samples carry the weight.
func doubtOf(logW []float64) string {
	if ess := stats.KishESS(logW); !(ess >= fewSamples) {
		return fmt.Sprintf("%.3g effective samples", ess)
	}
	return ""
}

// States are the samples of all rungs, with the energies of each sample on every rung.
func (l Ladder) States() stats.States {
	var a, difference []float64
	counts := make([]int, len(l))
	for k, r := range l {
		counts[k] = len(r.UA)
		a, difference = append(a, r.UA...), append(difference, r.Difference()...)
	}
	return stats.States{Counts: counts, Energy: func(k, n int) float64 { return a[n] + l[k].Lambda*difference[n] }}
}

// leastOverlap is the overlap of neighbours below which MBAR is in doubt.
const leastOverlap = 0.03

func (l Ladder) mbar(boot stats.Bootstrap) (Result, error) {
	states := l.States()
	if boot.Resamples == 0 {
		boot.Resamples = 50 // each costs an iteration over all rungs
	}
	logZ, err := states.LogZ(boot)
	if err != nil {
		return Result{}, err
	}
	last := logZ[len(logZ)-1]
	out := Result{
		Method: fmt.Sprintf("MBAR over %d rungs", len(l)), Free: stats.Estimate{Value: -last.Value, Error: last.Error},
	}
	if least := slices.Min(l.Overlaps(logZ)); !(least >= leastOverlap) {
		out.Doubt = fmt.Sprintf("neighbouring rungs overlap by %.2g only", least)
	}
	return out, nil
}

// Overlaps returns the overlap of neighbouring rungs, as stats.States does.
func (l Ladder) Overlaps(logZ []stats.Estimate) []float64 {
	values := make([]float64, len(logZ))
	for k, z := range logZ {
		values[k] = z.Value
	}
	return l.States().Overlap(values)
}

// integration is ∫ ⟨u_B − u_A⟩_λ dλ, by the quadrature of Clenshaw and Curtis on the
// nodes of Lambdas.
func (l Ladder) integration(boot stats.Bootstrap) Result {
	means, square, value := make([]float64, len(l)), 0.0, 0.0
	for k, w := range quadrature(len(l)) {
		mean := stats.Mean(l[k].Difference(), nil, boot)
		means[k] = mean.Value
		value += w * mean.Value
		square += w * w * mean.Error * mean.Error
		boot.Seed++
	}
	out := Result{Method: "integration", Free: stats.Estimate{Value: value, Error: math.Sqrt(square)}}
	if len(l)%2 == 0 {
		return out
	}
	coarse := 0.0
	for k, w := range quadrature((len(l) + 1) / 2) {
		coarse += w * means[2*k]
	}
	// The quadrature converges exponentially, so that the error is far below the difference.
	if off := math.Abs(coarse - value); off > 10*out.Free.Error {
		out.Doubt = fmt.Sprintf("every other rung gives %.3f; take more rungs", coarse)
	}
	return out
}

// quadrature returns the weights of Clenshaw and Curtis for count nodes of Lambdas.
func quadrature(count int) []float64 {
	n := count - 1
	out := make([]float64, count)
	for k := range out {
		sum := 0.0
		for j := 0; j <= n/2; j++ {
			term := 2 / (1 - 4*float64(j*j)) * math.Cos(2*math.Pi*float64(j*k)/float64(n))
			if j == 0 || 2*j == n {
				term /= 2
			}
			sum += term
		}
		out[k] = sum / float64(n)
		if k == 0 || k == n {
			out[k] /= 2
		}
	}
	return out
}
