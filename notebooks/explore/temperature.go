package explore

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Ensemble holds draws of a generator and MCMC configurations at one temperature, to reweight them
// to other temperatures.
type Ensemble struct {
	u, logQ []float64 // energies and log-densities of the draws
	mcmc    []float64 // energies of the MCMC configurations
}

// inEnsemble is the number of draws.
const inEnsemble = 20_000

// Reweigh draws from a generator. x holds MCMC configurations of its target, for comparison.
func Reweigh(m *eqflow.Model, x particle.Batch, seed uint64) Ensemble {
	s := must(m.Sample(inEnsemble, seed))
	return Ensemble{u: s.Energy, logQ: s.LogQ, mcmc: Energies(m.Target, x)}
}

// Energies returns the reduced energies of configurations.
func Energies(t target.Target, x particle.Batch) figure.Energies {
	u := make(figure.Energies, x.Len())
	for i := range u {
		u[i] = t.EnergyForces(x.At(i), nil)
	}
	return u
}

// logWeights returns the log-weights of the draws and of the MCMC configurations at a temperature,
// in units of their own temperature.
func (e Ensemble) logWeights(temperature float64) (draws, mcmc []float64) {
	draws, mcmc = make([]float64, len(e.u)), make([]float64, len(e.mcmc))
	for i, u := range e.u {
		draws[i] = -u/temperature - e.logQ[i]
	}
	for i, u := range e.mcmc {
		mcmc[i] = u - u/temperature
	}
	return draws, mcmc
}

// At draws the energies at a temperature: of the reweighted draws, of the reweighted MCMC
// configurations, and of the draws without weights. The title gives both means, and the effective
// sample size of the draws.
func (e Ensemble) At(temperature float64) figure.Figure {
	draws, mcmc := e.logWeights(temperature)
	boot := stats.Bootstrap{Seed: 1}
	mean, known := stats.Mean(e.u, draws, boot), stats.Mean(e.mcmc, mcmc, boot)
	ess := 100 * stats.KishESS(draws) / float64(len(draws))
	return figure.Histogram(figure.Axes{
		Name: "temperature",
		Title: minus(fmt.Sprintf("T = %.2f:  ESS %.1f %%,  mean energy %.2f ± %.2f, by MCMC %.2f ± %.2f",
			temperature, ess, mean.Value, mean.Error, known.Value, known.Error)),
		X: "energy / kT at T = 1", Y: "density", XRange: [2]float64{-28, -8},
	}, 80,
		figure.Sample{Name: "MCMC at T = 1, reweighted", Values: e.mcmc, Weights: stats.Weights(mcmc), Filled: true},
		figure.Sample{Name: "the generator's draws", Values: e.u},
		figure.Sample{Name: "reweighted", Values: e.u, Weights: stats.Weights(draws)})
}
