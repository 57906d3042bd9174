package protocol

import (
	"fmt"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Discovery counts thermal samples per basin: of every generator, the control, the reference and
// the training data.
type Discovery struct {
	Minima    []target.Minimum
	Trained   []Trained
	Counts    [][]int // of each trained generator
	Control   []int   // mean-free Gaussian with the training data's variance
	Reference []int   // MCMC
	Data      []int   // trainA
}

// Add adds the counts of a generator's samples.
func (d *Discovery) Add(t Trained, counts []int) {
	d.Trained, d.Counts = append(d.Trained, t), append(d.Counts, counts)
}

// Count returns the number of samples in a basin, over seeds.
func (d Discovery) Count(name string, basin int) Spread {
	var s Spread
	for i, t := range d.Trained {
		if t.Name == name {
			s.Values = append(s.Values, float64(d.Counts[i][basin]))
		}
	}
	return s
}

// labels returns the minima's energies as texts.
func (d Discovery) labels() []string {
	labels := make([]string, len(d.Minima))
	for k, m := range d.Minima {
		labels[k] = fmt.Sprintf("u = %.2f", m.Energy)
	}
	return labels
}

// Table shows every generator and seed.
func (d Discovery) Table() figure.Table {
	var rows [][]any
	add := func(name string, counts []int) {
		cells := []any{name}
		for _, c := range counts {
			cells = append(cells, c)
		}
		rows = append(rows, cells)
	}
	for _, name := range generators {
		for i, t := range d.Trained {
			if t.Name == name {
				add(fmt.Sprintf("%s, seed %d", name, t.Seed), d.Counts[i])
			}
		}
	}
	add("control: Gaussian of trainA's variance", d.Control)
	add("reference: MCMC", d.Reference)
	add("trainA itself (of 1000)", d.Data)
	return figure.NewTable(append([]string{"thermal samples of 20 000"}, d.labels()...), rows...)
}

// Bars draws the counts, with means over seeds.
func (d Discovery) Bars() figure.Figure {
	var series []figure.BarSeries
	for _, name := range generators {
		s := figure.BarSeries{Name: name}
		for k := range d.Minima {
			s.Values = append(s.Values, d.Count(name, k).Mean())
		}
		series = append(series, s)
	}
	for _, other := range []struct {
		name   string
		counts []int
	}{{"Gaussian control", d.Control}, {"MCMC", d.Reference}} {
		s := figure.BarSeries{Name: other.name}
		for _, c := range other.counts {
			s.Values = append(s.Values, float64(c))
		}
		series = append(series, s)
	}
	axes := figure.Axes{Title: "Thermal samples per basin", X: "minimum", Y: "of 20 000", LogY: true}
	return figure.Bars(axes, d.labels(), series...)
}

// Found draws, for the first seed of each kind of generator, the sample of the lowest energy in
// the basin of each minimum, at most the given energy above it, in kT. A basin without samples is
// marked as not found.
func Found(
	system target.Target, minima []target.Minimum, within float64, all []Trained, samples func(Trained) density.Samples,
) figure.Figure {
	var figures []figure.Figure
	for _, name := range generators {
		if i := slices.IndexFunc(all, func(t Trained) bool { return t.Name == name }); i >= 0 {
			s := samples(all[i])
			basins := target.Basins(system, minima, s.X, within)
			figures = append(figures, lowestInBasins(name, len(minima), basins, s))
		}
	}
	return figure.Grid("found", 1, figures...)
}

// lowestInBasins draws the sample of the lowest energy in each of count basins.
func lowestInBasins(name string, count int, basins []int, s density.Samples) figure.Figure {
	best := make([]int, count)
	for k := range best {
		best[k] = -1
	}
	for i, b := range basins {
		if b >= 0 && (best[b] < 0 || s.Energy[i] < s.Energy[best[b]]) {
			best[b] = i
		}
	}
	batch := particle.Batch{N: s.X.N, D: s.X.D}
	g := figure.Gallery{
		Title: name, Bond: bond, Radius: 0.5, Extent: 5, Columns: count, Panels: []int{}, Vacant: "not found",
	}
	for k, i := range best {
		if i < 0 {
			continue
		}
		g.Panels = append(g.Panels, k)
		batch.X = append(batch.X, s.X.At(i)...)
		g.Captions = append(g.Captions, fmt.Sprintf("u = %.2f", s.Energy[i]))
	}
	return figure.Particles(g, batch)
}
