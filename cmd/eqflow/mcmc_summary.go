package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

// mcmcSummary is the result of "eqflow mcmc".
type mcmcSummary struct {
	System         string         `json:"system"`
	Spec           target.Spec    `json:"spec"`
	N              int            `json:"n"`
	Complete       bool           `json:"complete"` // false if Ctrl-C stopped the chains
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
	// LongPairShares are the shares of configurations with k = 0, 1, … pairs beyond the barrier.
	// Only systems of pair wells have them.
	LongPairShares []float64 `json:"long_pair_shares,omitempty"`
	Seconds        float64   `json:"seconds"`

	energies []float64
}

// summarise measures samples. Each run of keep samples comes from one chain, and only chains count
// as independent.
func summarise(t target.Target, batch particle.Batch, keep int) mcmcSummary {
	u, virials := target.EnergiesVirials(t, batch)
	s := mcmcSummary{
		System: t.Name(), N: batch.Len(), VirialExact: target.DegreesOfFreedom(t), energies: u,
		MeanEnergy: chainEstimate(u, keep), Virial: chainEstimate(virials, keep),
	}
	if wells, ok := t.(target.PairWells); ok {
		s.LongPairShares = target.LongPairShares(batch, wells.Cutoff())
	}
	return s
}

// addRun adds how the chains ran.
func (s *mcmcSummary) addRun(settings mcmc.Settings, info mcmc.Info) {
	s.Chains, s.Burn, s.Thin = info.ChainsStarted, settings.Burn, settings.Thin
	s.Acceptance, s.SwapAcceptance, s.StepLength = info.Acceptance(), info.SwapAcceptance(), info.Scale()
}

// chainEstimate is the mean of all values. Its error comes from the means of the chains, which are
// the runs of keep values.
func chainEstimate(values []float64, keep int) stats.Estimate {
	var means []float64
	for chain := range slices.Chunk(values, keep) {
		means = append(means, average(chain))
	}
	estimate := stats.Mean(means, nil, stats.Bootstrap{})
	estimate.Value = average(values)
	return estimate
}

func average(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// checkVirial returns an error if the virial shows that the chains are nowhere near equilibrium, as
// at a temperature at which they do not move by a visible part of the system's size.
func (s mcmcSummary) checkVirial() error {
	exact, v := float64(s.VirialExact), s.Virial
	if off := math.Abs(v.Value - exact); off <= exact/2 || off <= 8*v.Error && !math.IsInf(v.Error, 0) {
		return nil
	}
	return fmt.Errorf("the chains are not in equilibrium: their virial is %.3g ± %.2g, and exactly %d there; give "+
		"a larger --burn and --thin, or another temperature. %s holds the configurations all the same",
		v.Value, v.Error, s.VirialExact, s.Out)
}

// show prints the summary as a table, or as JSON.
func (s mcmcSummary) show(out io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(out, finite.Fields(s))
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
	u, v := s.MeanEnergy, s.Virial
	fmt.Fprintf(table, "mean energy\t%s ± %s kT\n", decimal(u.Value, 3), decimal(u.Error, 3))
	fmt.Fprintf(table, "virial\t%s ± %s, exact %d\n", decimal(v.Value, 2), decimal(v.Error, 2), s.VirialExact)
	for k, share := range s.LongPairShares {
		if share > 0 {
			fmt.Fprintf(table, "%d long pairs\t%.4f\n", k, share)
		}
	}
	return table.Flush()
}

// decimal writes a number with the given digits after the point, or with an exponent if it is
// large.
func decimal(v float64, digits int) string {
	if math.Abs(v) >= 1e9 {
		return fmt.Sprintf("%.4g", v)
	}
	return fmt.Sprintf("%.*f", digits, v)
}
