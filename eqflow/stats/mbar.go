package stats

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// mbarSamples is the number of samples of each temperature from which MBAR finds the free energies.
// The weights are those of all samples.
const mbarSamples = 4000

// MBAR combines samples of several temperatures by the multistate Bennett acceptance ratio (Shirts
// and Chodera, J. Chem. Phys. 129, 124105, 2008). energies[k] are the reduced energies u of samples
// from exp(−betas[k]·u), and betas[0] is 1.
//
// It returns ln Z_k − ln Z_0 [k], and the log-weights of all samples, those of temperature 0 first,
// with which they represent exp(−u). Errors follow from blocks or independent chains: samples of
// neighbouring temperatures are correlated by their exchanges.
func MBAR(energies [][]float64, betas []float64) (logZ, logWeights []float64, err error) {
	if len(energies) != len(betas) || len(betas) == 0 {
		return nil, nil, errors.New("stats: MBAR needs the samples of each temperature; give as many sets as betas")
	}
	counts := make([]float64, len(betas))
	var some []float64
	var share []float64 // ln of the number of samples that each one of some stands for
	for k, u := range energies {
		if len(u) == 0 {
			return nil, nil, errors.New("stats: MBAR has no samples at one of the temperatures; give some at each")
		}
		counts[k] = float64(len(u))
		stride := max(1, len(u)/mbarSamples)
		for i := 0; i < len(u); i += stride {
			some = append(some, u[i])
			share = append(share, math.Log(float64(min(stride, len(u)-i))))
		}
	}
	m := mixture{betas: betas, logCounts: make([]float64, len(betas)), logZ: make([]float64, len(betas))}
	for k, n := range counts {
		m.logCounts[k] = math.Log(n)
	}
	if !m.solve(some, share) {
		return nil, nil, fmt.Errorf("stats: MBAR has not converged in %d iterations; give more samples, or "+
			"temperatures that lie closer", mbarIterations)
	}
	for _, u := range slices.Concat(energies...) {
		logWeights = append(logWeights, -u-m.logDensity(u))
	}
	return m.logZ, logWeights, nil
}

// mixture is the density of all samples together: Σ_k N_k exp(−β_k u − ln Z_k), as a function of u.
type mixture struct {
	betas, logCounts, logZ []float64
}

// logDensity is the logarithm of the mixture's density.
func (m mixture) logDensity(u float64) float64 {
	top := math.Inf(-1)
	for k, beta := range m.betas {
		top = max(top, m.logCounts[k]-beta*u-m.logZ[k])
	}
	sum := 0.0
	for k, beta := range m.betas {
		sum += math.Exp(m.logCounts[k] - beta*u - m.logZ[k] - top)
	}
	return top + math.Log(sum)
}

// The bounds of the self-consistent iteration.
const (
	mbarIterations = 2000
	mbarTolerance  = 1e-6 // of ln Z
)

// solve finds the free energies by iterating ln Z_k = ln Σ_n exp(−β_k u_n)/density(u_n). It reports
// whether the iteration converged.
func (m mixture) solve(u, share []float64) bool {
	terms, density := make([]float64, len(u)), make([]float64, len(u))
	for range mbarIterations {
		for n := range u {
			density[n] = share[n] - m.logDensity(u[n])
		}
		change, first := 0.0, 0.0
		next := make([]float64, len(m.betas))
		for k, beta := range m.betas {
			for n := range u {
				terms[n] = density[n] - beta*u[n]
			}
			if next[k] = LogSumExp(terms); k == 0 {
				first = next[0]
			}
			next[k] -= first
			change = max(change, math.Abs(next[k]-m.logZ[k]))
		}
		copy(m.logZ, next)
		if change < mbarTolerance {
			return true
		}
	}
	return false
}
