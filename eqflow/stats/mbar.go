package stats

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// mbarSamples is the number of samples of each temperature from which MBAR finds the free energies.
// The weights are those of all samples.
const mbarSamples = 4000

// MBAR combines samples of several temperatures by the multistate Bennett acceptance ratio (Shirts
// and Chodera, J. Chem. Phys. 129, 124105, 2008). energies[k] are the reduced energies u of samples
// from exp(−betas[k]·u), and betas[0] is 1.
//
// It returns ln Z_k − ln Z_0 [k], and the log-weights of all samples, those of temperature 0
// first, with which they represent exp(−u). Errors follow from blocks or independent chains:
// samples of neighbouring temperatures are correlated by their exchanges.
func MBAR(energies [][]float64, betas []float64) (logZ, logWeights []float64, err error) {
	if len(energies) != len(betas) || len(betas) == 0 {
		return nil, nil, errors.New("stats: MBAR needs the samples of each temperature; give as many sets as betas")
	}
	states, thinned := States{Counts: make([]int, len(betas))}, make([]int, len(betas))
	var some []float64
	var share []float64 // the number of samples that each one of some stands for
	for k, u := range energies {
		states.Counts[k] = len(u)
		stride := max(1, len(u)/mbarSamples)
		for i := 0; i < len(u); i += stride {
			some = append(some, u[i])
			share = append(share, float64(min(stride, len(u)-i)))
			thinned[k]++
		}
	}
	states.Energy = func(k, n int) float64 { return betas[k] * some[n] }
	m, err := states.solve(share, States{thinned, states.Energy}.start())
	if err != nil {
		return nil, nil, err
	}
	all := slices.Concat(energies...)
	m.energy = func(k, n int) float64 { return betas[k] * all[n] }
	for n, u := range all {
		logWeights = append(logWeights, -u-m.logDensity(n, nil))
	}
	return m.logZ, logWeights, nil
}

// States are samples of several states of one system, for example of one system at several
// temperatures. Counts [K] are the numbers of samples of each state. Energy returns the reduced
// energy that sample n has in state k. Samples count through: those of state 0 come first.
type States struct {
	Counts []int
	Energy func(k, n int) float64
}

// LogZ returns ln Z_k − ln Z_0 of each state by MBAR, with bootstrap errors. The samples of each
// state are drawn again in a thousand blocks of neighbours at most, as Bootstrap says. With two
// states it is Bennett's acceptance ratio.
func (s States) LogZ(boot Bootstrap) ([]Estimate, error) {
	m, err := s.solve(nil, nil)
	if err != nil {
		return nil, err
	}
	out, moments := make([]Estimate, len(s.Counts)), make([]runningMoments, len(s.Counts))
	for range boot.resamples() {
		again, err := s.solve(boot.times(s.Counts), m.logZ)
		if err != nil {
			return nil, err
		}
		for k, z := range again.logZ {
			moments[k].add(z)
		}
		boot.Seed++
	}
	for k, z := range m.logZ {
		out[k] = Estimate{z, moments[k].deviation()}
		if slices.Min(s.Counts) < 2 { // nothing is known of the spread
			out[k].Error = math.Inf(1)
		}
	}
	out[0].Error = 0
	return out, nil
}

// Overlap returns how much the samples of neighbouring states overlap [K−1]: the mean probability
// with which a sample of one state belongs to the next, in the mixture of both, times two. It is 1
// for equal states, and 0 for states without common configurations.
func (s States) Overlap(logZ []float64) []float64 {
	out := make([]float64, len(s.Counts)-1)
	from := 0
	for k := range out {
		// In the mixture of equal parts, the probabilities of both states are p and 1−p.
		sum, count := 0.0, s.Counts[k]+s.Counts[k+1]
		for n := from; n < from+count; n++ {
			difference := s.Energy(k+1, n) + logZ[k+1] - s.Energy(k, n) - logZ[k]
			p, weight := 1/(1+math.Exp(-difference)), 1/float64(s.Counts[k])
			if n >= from+s.Counts[k] {
				weight = 1 / float64(s.Counts[k+1])
			}
			sum += 2 * weight * p * (1 - p)
		}
		out[k] = sum
		from += s.Counts[k]
	}
	return out
}

// mixture is the density of all samples together, Σ_k N_k exp(−u_k − ln Z_k).
type mixture struct {
	energy          func(k, n int) float64
	logCounts, logZ []float64
}

// logDensity is the logarithm of the mixture's density at sample n. It writes the probability of
// each state there into p, unless p is nil.
func (m mixture) logDensity(n int, p []float64) float64 {
	term := func(k int) float64 { return m.logCounts[k] - m.energy(k, n) - m.logZ[k] }
	top := math.Inf(-1)
	for k := range m.logZ {
		top = max(top, term(k))
	}
	sum := 0.0
	for k := range m.logZ {
		e := math.Exp(term(k) - top)
		if sum += e; p != nil {
			p[k] = e
		}
	}
	for k := range p {
		p[k] /= sum
	}
	return top + math.Log(sum)
}

// The bounds of the iteration.
const (
	mbarIterations = 200
	mbarTolerance  = 1e-11 // of ln Z
	rounding       = 1e-13 // of the convex function
)

// solve finds the free energies. Each sample counts as often as times says, or once. The iteration
// begins at logZ, or at the means of the energies.
//
// ln Z minimises the convex function Σ_n ln Σ_k N_k exp(−u_kn − ln Z_k) + Σ_k N_k ln Z_k.
// Newton's steps are halved until the function falls.
func (s States) solve(times, logZ []float64) (m mixture, err error) {
	states, total := len(s.Counts), 0
	m = mixture{s.Energy, make([]float64, states), slices.Clone(logZ)}
	for k, n := range s.Counts {
		if n < 1 {
			return m, fmt.Errorf("stats: MBAR has no samples of state %d; give some of each", k)
		}
		m.logCounts[k] = math.Log(float64(n))
		total += n
	}
	if times == nil {
		times = slices.Repeat([]float64{1}, total)
	}
	if logZ == nil {
		m.logZ = s.start()
	}
	f := newMBARFunction(m, times)
	for range mbarIterations {
		step, err := f.step()
		if err != nil {
			return m, err
		}
		if largest(step) < mbarTolerance {
			return f.mixture, nil
		}
		if !f.move(step) {
			return f.mixture, nil // as good as rounding lets it be
		}
	}
	return m, fmt.Errorf("stats: MBAR has not converged in %d iterations; give more samples, or states that "+
		"lie closer", mbarIterations)
}

// start adds up the differences between neighbours by the mean of their energy differences.
func (s States) start() []float64 {
	logZ, from := make([]float64, len(s.Counts)), 0
	for k := range max(len(logZ)-1, 0) {
		count, sum, used := s.Counts[k]+s.Counts[k+1], 0.0, 0.0
		for n := from; n < from+count; n++ {
			if difference := s.Energy(k+1, n) - s.Energy(k, n); !math.IsNaN(difference) && !math.IsInf(difference, 0) {
				sum += difference
				used++
			}
		}
		logZ[k+1] = logZ[k] - sum/max(used, 1)
		from += s.Counts[k]
	}
	return logZ
}

func largest(v []float64) (most float64) {
	for _, x := range v {
		most = max(most, math.Abs(x))
	}
	return most
}

// mbarFunction is the convex function, with its gradient and its second derivatives at m.logZ
// except those by ln Z_0, which stays.
type mbarFunction struct {
	mixture
	times    []float64
	value    float64
	gradient []float64
	second   *mat.SymDense
	p        []float64
}

func newMBARFunction(m mixture, times []float64) *mbarFunction {
	k := len(m.logZ)
	f := &mbarFunction{mixture: m, times: times, gradient: make([]float64, k-1), p: make([]float64, k)}
	if k > 1 {
		f.second = mat.NewSymDense(k-1, nil)
	}
	f.evaluate()
	return f
}

// evaluate computes the function and its derivatives.
func (f *mbarFunction) evaluate() {
	f.value = 0
	clear(f.gradient)
	if f.second != nil {
		f.second.Zero()
	}
	for n, t := range f.times {
		if t == 0 {
			continue
		}
		f.value += t * f.logDensity(n, f.p)
		for k, p := range f.p[1:] {
			f.gradient[k] -= t * p
			for l := k; l < len(f.gradient); l++ {
				h := -t * p * f.p[1+l]
				if l == k {
					h += t * p
				}
				f.second.SetSym(k, l, f.second.At(k, l)+h)
			}
		}
	}
	for k, logCount := range f.logCounts {
		n := math.Exp(logCount)
		if f.value += n * f.logZ[k]; k > 0 {
			f.gradient[k-1] += n
		}
	}
}

// step is Newton's step of ln Z_1 … ln Z_K−1.
func (f *mbarFunction) step() ([]float64, error) {
	if f.second == nil {
		return nil, nil
	}
	var factors mat.Cholesky
	var step mat.VecDense
	if factors.Factorize(f.second) {
		if err := factors.SolveVecTo(&step, mat.NewVecDense(len(f.gradient), f.gradient)); err == nil {
			out := step.RawVector().Data
			for k := range out {
				out[k] = -out[k]
			}
			return out, nil
		}
	}
	return nil, errors.New("stats: MBAR finds no overlap between the samples of some states; give states that lie " +
		"closer")
}

// move takes the step, or the first of its halves that does not raise the function. It reports
// whether there is one.
func (f *mbarFunction) move(step []float64) bool {
	before, start := f.value, slices.Clone(f.logZ)
	for scale := 1.0; scale > 1e-6; scale /= 2 {
		for k, d := range step {
			f.logZ[k+1] = start[k+1] + scale*d
		}
		if f.evaluate(); f.value <= before+rounding*math.Abs(before) {
			return true
		}
	}
	copy(f.logZ, start)
	f.evaluate()
	return false
}
