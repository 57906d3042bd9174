package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// mcmcSummary is the result of "eqflow mcmc".
type mcmcSummary struct {
	System         string         `json:"system"`
	Spec           target.Spec    `json:"spec"`
	N              int            `json:"n"`
	Complete       bool           `json:"complete"` // false where Ctrl-C came first
	Seed           uint64         `json:"seed"`
	Out            string         `json:"out"`
	Sampler        string         `json:"sampler"`
	Chains         int            `json:"chains"`
	Burn           int            `json:"burn"`
	Thin           int            `json:"thin"`
	Acceptance     float64        `json:"acceptance"`
	SwapAcceptance float64        `json:"swap_acceptance,omitempty"`
	StepLength     float64        `json:"step_length"`
	MeanEnergy     stats.Estimate `json:"mean_energy"`
	Virial         stats.Estimate `json:"virial"`
	VirialExact    int            `json:"virial_exact"`
	// LongPairShares is the share of configurations with k = 0, 1, … pairs beyond the barrier; pair wells only.
	LongPairShares []float64 `json:"long_pair_shares,omitempty"`
	Seconds        float64   `json:"seconds"`

	energies []float64
}

// summarise measures samples of which each run of keep comes from one chain: only chains count as independent.
func summarise(t target.Target, batch particle.Batch, keep int) mcmcSummary {
	u, virial := make([]float64, batch.Len()), make([]float64, batch.Len())
	forces := make([]float64, batch.N*batch.D)
	for i := range u {
		u[i] = t.EnergyForces(batch.At(i), forces)
		for k, x := range batch.At(i) {
			virial[i] -= x * forces[k]
		}
	}
	s := mcmcSummary{
		System: t.Name(), N: batch.Len(), VirialExact: target.DegreesOfFreedom(t), energies: u,
		MeanEnergy: chainEstimate(u, keep), Virial: chainEstimate(virial, keep),
	}
	if wells, ok := t.(target.PairWells); ok {
		s.LongPairShares = target.LongPairShares(batch, wells.Cutoff())
	}
	return s
}

// chainEstimate is the mean of all values with an error from the means of runs of keep.
func chainEstimate(values []float64, keep int) stats.Estimate {
	var means []float64
	for chain := range slices.Chunk(values, keep) {
		sum := 0.0
		for _, v := range chain {
			sum += v
		}
		means = append(means, sum/float64(len(chain)))
	}
	estimate := stats.Mean(means, nil, stats.Bootstrap{})
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	estimate.Value = sum / float64(len(values))
	return estimate
}

// show prints the summary for people or scripts.
func (s mcmcSummary) show(out io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(out, s)
	}
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	state := ""
	if !s.Complete {
		state = " (stopped early)"
	}
	fmt.Fprintf(table, "file\t%s: %d configurations of %s%s\n", s.Out, s.N, s.System, state)
	fmt.Fprintf(table, "chains\t%d, burn-in %d, every %d steps\n", s.Chains, s.Burn, s.Thin)
	fmt.Fprintf(table, "acceptance\t%.1f %%, step length %.3g\n", 100*s.Acceptance, s.StepLength)
	if s.SwapAcceptance > 0 {
		fmt.Fprintf(table, "exchanges\t%.1f %%\n", 100*s.SwapAcceptance)
	}
	fmt.Fprintf(table, "mean energy\t%.3f ± %.3f kT\n", s.MeanEnergy.Value, s.MeanEnergy.Error)
	fmt.Fprintf(table, "virial\t%.2f ± %.2f, exact %d\n", s.Virial.Value, s.Virial.Error, s.VirialExact)
	for k, share := range s.LongPairShares {
		if share > 0 {
			fmt.Fprintf(table, "%d long pairs\t%.4f\n", k, share)
		}
	}
	return table.Flush()
}
