package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// energyCheck compares the energies of configurations with those of the system.
type energyCheck struct {
	target     target.Target
	x          particle.Batch
	u          []float64
	impossible []int // configurations that the system never visits
	median     float64
}

// impossibleExcess is how far an energy lies above those of most configurations if its probability
// is zero for all purposes, in kT and in units of the range between the quartiles.
const (
	impossibleExcess = 1000
	impossibleRange  = 100
)

// checkEnergies finds configurations whose energy is not finite, or far above the others.
// Overlapping particles have such energies.
func checkEnergies(t target.Target, x particle.Batch) energyCheck {
	c := energyCheck{target: t, x: x, u: target.Energies(t, x), median: math.Inf(1)}
	finite := slices.DeleteFunc(slices.Clone(c.u), func(u float64) bool { return math.IsNaN(u) || math.IsInf(u, 0) })
	limit := math.Inf(1)
	if n := len(finite); n > 0 {
		slices.Sort(finite)
		quartile, upper := finite[n/4], finite[3*n/4]
		c.median = finite[n/2]
		limit = upper + max(impossibleExcess, impossibleRange*(upper-quartile))
	}
	for i, u := range c.u {
		if !(u <= limit) || math.IsInf(u, 0) {
			c.impossible = append(c.impossible, i)
		}
	}
	return c
}

// possible returns the indices of the other configurations.
func (c energyCheck) possible() []int {
	var out []int
	for i := range c.u {
		if _, found := slices.BinarySearch(c.impossible, i); !found {
			out = append(out, i)
		}
	}
	return out
}

// impossibleText names the configurations that the system never visits.
func (c energyCheck) impossibleText() string {
	const most = 5
	names := make([]string, 0, most+1)
	for k, i := range c.impossible {
		if k == most {
			names = append(names, fmt.Sprintf("%d more", len(c.impossible)-most))
			break
		}
		names = append(names, fmt.Sprintf("configuration %d with u = %.4g kT", i, c.u[i]))
	}
	which := strings.Join(names, ", ")
	if len(c.impossible) == len(c.u) {
		return "no configuration can be of " + c.target.Name() + " (" + which + ")" + c.guess(math.NaN(), 0)
	}
	return fmt.Sprintf("%s, which cannot be of %s (the others have a median of %.4g kT)",
		which, c.target.Name(), c.median)
}

// doubt says why the configurations cannot be a fair sample of the system. It is empty if they can.
func (c energyCheck) doubt() string {
	expected, tolerance := expectedEnergy(c.target)
	if len(c.impossible) == len(c.u) || !(math.Abs(c.median-expected) > tolerance) {
		return ""
	}
	return fmt.Sprintf("its energies have a median of %.4g kT, and about %.4g kT is expected for %s%s",
		c.median, expected, c.target.Name(), c.guess(expected, tolerance))
}

// warn prints and returns the doubt.
func (c energyCheck) warn(cmd *cobra.Command, path string) string {
	doubt := c.doubt()
	if doubt != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: warning: %s: %s\n", path, doubt)
	}
	return doubt
}

// mostSearched bounds the particles of a system whose minima are searched.
const mostSearched = 64

// expectedEnergy returns ⟨u⟩ of a system in kT, and how far the median of data may lie from it: six
// standard deviations of the energy of harmonic modes, which leaves room for data of one state. If
// ⟨u⟩ is not known, it is estimated from the lowest minimum and ½ kT for each degree of freedom. It
// is NaN if no minimum is found, and for so many particles that the search for one takes minutes.
func expectedEnergy(t target.Target) (expected, tolerance float64) {
	half := float64(target.DegreesOfFreedom(t)) / 2
	tolerance = 6*math.Sqrt(half) + 3
	if known := t.Reference(); known.Known {
		return known.MeanEnergy, tolerance
	}
	if t.Particles() > mostSearched {
		return math.NaN(), tolerance
	}
	minima, err := target.Minima(t, target.Search{Starts: 8, Spread: target.SamplingOf(t).Start})
	if err != nil {
		return math.NaN(), tolerance
	}
	return minima[0].Energy + half, tolerance + half
}

// unitFactors are ratios of units of length: powers of ten, and the Bohr radius in Ångström.
var unitFactors = []float64{0.1, 10, 0.01, 100, 0.001, 1000, 0.529177, 1 / 0.529177, 0.0529177, 1 / 0.0529177}

// guess says why the energies may be wrong, as the end of a line.
func (c energyCheck) guess(expected, tolerance float64) string {
	some := c.x.Slice(0, min(200, c.x.Len())).Clone().RemoveMean()
	if largest := max(slices.Max(some.X), -slices.Min(some.X)); largest < 1e-9 {
		return "; all particles of a configuration are at one point: is this the right array?"
	}
	median := func(factor float64) float64 {
		scaled := some.Clone()
		for k := range scaled.X {
			scaled.X[k] *= factor
		}
		return checkEnergies(c.target, scaled).median
	}
	factor := nearest(unitFactors, expected, tolerance, median)
	if factor == 0 { // a unit of the system's own, such as the diameter of an atom
		factors := stats.Linspace(-3, 3, 241)
		for k, exponent := range factors {
			factors[k] = math.Pow(10, exponent)
		}
		factor = nearest(factors, expected, tolerance, median)
	}
	if factor == 0 {
		return "; are these of another system, or in another unit?"
	}
	return fmt.Sprintf("; with lengths multiplied by %.3g it is %.4g kT: are these in another unit?",
		factor, median(factor))
}

// nearest returns the factor whose value is nearest to the expected value, or 0 if all are further
// than the tolerance.
func nearest(factors []float64, expected, tolerance float64, value func(factor float64) float64) float64 {
	best, found := tolerance, 0.0
	for _, f := range factors {
		if distance := math.Abs(value(f) - expected); distance < best {
			best, found = distance, f
		}
	}
	return found
}
