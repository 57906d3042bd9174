package main

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// moleculeFreeEnergies is the free energy along a variable at the first temperature, from the
// samples of all temperatures.
type moleculeFreeEnergies struct {
	Variable string           `json:"variable"`
	Middles  []float64        `json:"middles"`
	Free     []stats.Estimate `json:"free"`     // kT, 0 at the lowest; +Inf in JSON is absent
	Positive stats.Estimate   `json:"positive"` // the share of values above 0
}

// freeEnergyBins is the number of bins of a free energy.
const freeEnergyBins = 24

// freeEnergies weighs the samples of all rungs by MBAR. Errors are those of independent ladders.
func (r *moleculeRun) freeEnergies(run *mcmc.ReplicaRun) ([]moleculeFreeEnergies, error) {
	if run.Rungs < 2 || len(r.names) == 0 || run.Kept < 2 {
		return nil, nil
	}
	energies := make([][]float64, run.Rungs)
	for rung := range run.Rungs {
		energies[rung] = slices.Concat(run.Series(func(k, l int) float64 {
			return run.Energies[(k*run.Ladders+l)*run.Rungs+rung]
		})...)
	}
	_, logW, err := stats.MBAR(energies, r.replicas.Betas)
	if err != nil {
		return nil, err
	}
	weights := stats.Weights(logW) // of rung, ladder, time
	var out []moleculeFreeEnergies
	for v, name := range r.names {
		var values []float64
		for rung := range run.Rungs {
			series := run.Series(func(k, l int) float64 { return r.value(run, k, l, rung, v) })
			values = append(values, slices.Concat(series...)...)
		}
		out = append(out, profileOf(name, values, weights, run.Ladders, run.Kept))
	}
	return out, nil
}

// profileOf bins weighted values, which lie in the order of rung, ladder and time.
func profileOf(name string, values, weights []float64, ladders, kept int) moleculeFreeEnergies {
	edges := edgesOf(values)
	classes := stats.Bins(values, edges)
	bins := len(edges) - 1
	byLadder := make([][]float64, bins+2) // the share of each bin, of values above 0, and the sum
	for b := range byLadder {
		byLadder[b] = make([]float64, ladders)
	}
	for i, w := range weights {
		l := i / kept % ladders
		if classes[i] >= 0 && classes[i] < bins {
			byLadder[classes[i]][l] += w
		}
		if values[i] > 0 {
			byLadder[bins][l] += w
		}
		byLadder[bins+1][l] += w
	}
	share := func(b int) stats.Estimate { return ratioOf(byLadder[b], byLadder[bins+1]) }
	out := moleculeFreeEnergies{Variable: name, Positive: share(bins)}
	lowest := math.Inf(1)
	for b := range bins {
		p := share(b)
		f := stats.Estimate{Value: -math.Log(p.Value), Error: p.Error / p.Value}
		lowest = min(lowest, f.Value)
		if p.Value > 0 {
			out.Middles = append(out.Middles, (edges[b]+edges[b+1])/2)
			out.Free = append(out.Free, f)
		}
	}
	for b := range out.Free {
		out.Free[b].Value -= lowest
	}
	return out
}

// ratioOf is Σ a / Σ b with the error of independent ladders, by the delta method. The error of
// one ladder is not known, and +Inf.
func ratioOf(a, b []float64) stats.Estimate {
	n := float64(len(a))
	top, bottom := n*average(a), n*average(b)
	ratio, square := top/bottom, 0.0
	if n < 2 {
		return stats.Estimate{Value: ratio, Error: math.Inf(1)}
	}
	for l := range a {
		d := (a[l] - ratio*b[l]) / bottom
		square += d * d
	}
	return stats.Estimate{Value: ratio, Error: math.Sqrt(square * n / (n - 1))}
}

// edgesOf covers the circle of an angle in degrees, or the range of the values.
func edgesOf(values []float64) []float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	if low < -150 && high > 150 && low >= -180 && high <= 180 {
		low, high = -180, 180
	}
	if !(high > low) {
		low, high = low-0.5, low+0.5
	}
	return stats.Linspace(low, high, freeEnergyBins+1)
}

// show prints the free energy as a table.
func (f moleculeFreeEnergies) show(out io.Writer) {
	table := figure.Table{Headers: []string{f.Variable, "F / kT, by MBAR"}}
	for b, s := range f.Middles {
		table.Rows = append(table.Rows, []string{
			fmt.Sprintf("%.4g", s), fmt.Sprintf("%.3f ± %.3f", f.Free[b].Value, f.Free[b].Error),
		})
	}
	fmt.Fprintf(out, "\n%sshare of %s > 0 by MBAR %.4f ± %.4f\n", table, f.Variable, f.Positive.Value, f.Positive.Error)
}
