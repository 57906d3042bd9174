package explore

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// maxMinima is the number of minima that a landscape has room for. starts is the number of
// relaxations that search for minima, which take 10 ms together.
const maxMinima, starts = 5, 100

// Landscape draws a system of double-well pairs: the energy of a pair against its distance, the
// density of the distance of an isolated pair, and the minima of the system with their energies
// above the lowest minimum, in the order of energy. Dashed lines show the pair of the system known,
// for comparison.
func Landscape(well, known target.DoubleWell) figure.Figure {
	minima := must(target.Minima(well, target.Search{Starts: starts, Spread: 0.75 * well.D0}))
	pair := figure.Grid("pair", 2, pairEnergy(well, known), pairDensity(well, known))
	return figure.Grid("landscape", 1, pair, minimaGallery(well, minima, well.Cutoff()))
}

// caption returns a minimum's energy, for the lowest minimum, or its energy above the lowest
// minimum.
func caption(m, lowest target.Minimum) string {
	if m.Energy == lowest.Energy {
		return minus(fmt.Sprintf("u = %.2f kT", m.Energy))
	}
	return fmt.Sprintf("%.2f kT above", m.Energy-lowest.Energy)
}

// pairEnergies returns the distances at which a pair is drawn, and the pair's energies there.
func pairEnergies(well target.DoubleWell, longest float64) (d, u []float64) {
	well.N = 2
	x := make([]float64, 2*well.D)
	for k := range 241 {
		x[well.D] = longest * float64(k) / 240
		d, u = append(d, x[well.D]), append(u, well.EnergyForces(x, nil))
	}
	return d, u
}

// longest returns the largest drawn distance for two systems.
func longest(a, b target.DoubleWell) float64 { return 2 * math.Max(a.D0, b.D0) }

func pairEnergy(well, known target.DoubleWell) figure.Figure {
	d, u := pairEnergies(well, longest(well, known))
	_, knownU := pairEnergies(known, longest(well, known))
	low := math.Min(lowest(u), lowest(knownU))
	return figure.Lines(figure.Axes{
		Title: "A pair's energy", X: "distance", Y: "u / kT", YRange: [2]float64{low - 1, 8}, Width: 450, Height: 300,
	}, figure.Series{Name: "now", X: d, Y: u},
		figure.Series{Name: figure.Words(known.Name()), X: d, Y: knownU, Style: figure.Dashed})
}

func pairDensity(well, known target.DoubleWell) figure.Figure {
	d, u := pairEnergies(well, longest(well, known))
	_, knownU := pairEnergies(known, longest(well, known))
	axes := figure.Axes{Title: "An isolated pair's distance", X: "distance", Y: "density", Width: 450, Height: 300}
	return figure.Lines(axes, figure.Series{Name: "now", X: d, Y: density(d, u, well.D)},
		figure.Series{Name: figure.Words(known.Name()), X: d, Y: density(d, knownU, known.D), Style: figure.Dashed})
}

// density returns d^{D−1} e^{−u}, normalised over the equally spaced distances d.
func density(d, u []float64, dim int) []float64 {
	p, total, low := make([]float64, len(d)), 0.0, lowest(u)
	for k := range d {
		p[k] = math.Pow(d[k], float64(dim-1)) * math.Exp(low-u[k])
		total += p[k] * (d[1] - d[0])
	}
	for k := range p {
		p[k] /= total
	}
	return p
}

func lowest(v []float64) float64 {
	low := math.Inf(1)
	for _, x := range v {
		low = math.Min(low, x)
	}
	return low
}

// Minima draws the lowest minima of any system with their energies. spread is the standard
// deviation of the coordinates from which the search starts.
func Minima(t target.Target, spread float64) figure.Figure {
	minima := must(target.Minima(t, target.Search{Starts: starts, Spread: spread}))
	return minimaGallery(t, minima, cutoff(t))
}

func minimaGallery(t target.Target, minima []target.Minimum, bond float64) figure.Figure {
	title := fmt.Sprintf("Minima of %d particles (%d found)", t.Particles(), len(minima))
	gallery := figure.Gallery{Title: title, Bond: bond}
	batch := particle.Batch{N: t.Particles(), D: t.Dim()}
	for _, m := range minima[:min(maxMinima, len(minima))] {
		batch.X = append(batch.X, m.X...)
		gallery.Captions = append(gallery.Captions, caption(m, minima[0]))
	}
	return figure.Particles(gallery, batch)
}
