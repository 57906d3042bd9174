package protocol

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// draws is the number of samples of each generator in notebooks 04 and 05.
const draws = 20_000

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

// Discover draws from every generator and counts the samples.
func (l *Lab) Discover(all []Trained, sets Unseen) Discovery {
	d := Discovery{Minima: must(target.Minima(l.System, target.Search{})), Trained: all}
	for _, t := range all {
		d.Counts = append(d.Counts, Basins(l.System, d.Minima, must(t.Sample(draws, t.Seed)).X))
	}
	d.Control = Basins(l.System, d.Minima, GaussianControl(sets.TrainA, draws, 1))
	d.Reference = Basins(l.System, d.Minima, sets.Ref.Slice(0, min(draws, sets.Ref.Len())))
	d.Data = Basins(l.System, d.Minima, sets.TrainA)
	return d
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

// Bars draws the counts, with a mark for every seed.
func (d Discovery) Bars() figure.Figure {
	var series []figure.BarSeries
	for _, name := range generators {
		s := figure.BarSeries{Name: figure.Words(name)}
		for k := range d.Minima {
			s.Seeds = append(s.Seeds, d.Count(name, k).Values)
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

// Found draws, for each kind of generator, the sample of the lowest energy in each basin. A basin
// without samples is marked as not found.
func (l *Lab) Found(all []Trained) figure.Figure {
	minima := must(target.Minima(l.System, target.Search{}))
	var figures []figure.Figure
	for _, name := range generators {
		for _, t := range all {
			if t.Name == name {
				figures = append(figures, l.found(t, minima))
				break
			}
		}
	}
	return figure.Grid("found", 1, figures...)
}

func (l *Lab) found(t Trained, minima []target.Minimum) figure.Figure {
	s := must(t.Sample(draws, t.Seed))
	best := make([]int, len(minima))
	for k := range best {
		best[k] = -1
	}
	for i, b := range target.Basins(l.System, minima, s.X, 6) {
		if b >= 0 && (best[b] < 0 || s.Energy[i] < s.Energy[best[b]]) {
			best[b] = i
		}
	}
	batch := particle.Batch{N: l.System.N, D: l.System.D}
	g := figure.Gallery{
		Title: figure.Words(t.Name), Bond: bond, Radius: 0.5, Extent: 5,
		Columns: len(minima), Panels: []int{}, Vacant: "not found",
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

// WeightsTable shows the effective sample size and log Z by the importance weights of each
// generator.
func WeightsTable(all []Trained) figure.Table {
	var rows [][]any
	for _, name := range generators {
		for _, t := range all {
			if t.Name != name {
				continue
			}
			s := must(t.Sample(draws, t.Seed))
			z := stats.LogZ(s.LogWeight, stats.Bootstrap{Seed: 1})
			rows = append(rows, []any{
				fmt.Sprintf("%s, seed %d", name, t.Seed),
				fmt.Sprintf("%.2f %%", 100*stats.KishESS(s.LogWeight)/draws), plusMinus(z),
			})
		}
	}
	return figure.NewTable([]string{"generator", "ESS", "log Z (29.667)"}, rows...)
}

// Reweighted returns the shares by long pairs of all generators' samples together. Each generator's
// samples keep their own log-weights.
func (l *Lab) Reweighted(all []Trained, n int) []stats.Estimate {
	var x particle.Batch
	var logW []float64
	for _, t := range all {
		s := must(t.Sample(n, t.Seed))
		x = particle.Batch{X: append(x.X, s.X.X...), N: s.X.N, D: s.X.D}
		logW = append(logW, s.LogWeight...)
	}
	return l.PairShares(x, logW)
}
