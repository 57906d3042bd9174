package protocol

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
)

// draws is how many samples each generator is asked for.
const draws = 20_000

// Discovery counts thermal samples per basin: for every generator, the control, the reference and the training data.
type Discovery struct {
	Minima    []target.Minimum
	Trained   []Trained
	Counts    [][]int // of each trained generator
	Control   []int   // mean-free Gaussian with the training data's variance
	Reference []int   // MCMC
	Data      []int   // trainA itself
}

// Discover draws from every generator and counts.
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

// Count is the number of samples in a basin, over seeds.
func (d Discovery) Count(name string, basin int) Spread {
	var s Spread
	for i, t := range d.Trained {
		if t.Name == name {
			s.Values = append(s.Values, float64(d.Counts[i][basin]))
		}
	}
	return s
}

// Table shows every generator and seed.
func (d Discovery) Table() figure.Table {
	headers := []string{"thermal samples of 20 000"}
	for _, m := range d.Minima {
		headers = append(headers, fmt.Sprintf("u = %.2f", m.Energy))
	}
	var rows [][]any
	row := func(name string, counts []int) {
		cells := []any{name}
		for _, c := range counts {
			cells = append(cells, c)
		}
		rows = append(rows, cells)
	}
	for _, name := range generators {
		for i, t := range d.Trained {
			if t.Name == name {
				row(fmt.Sprintf("%s, seed %d", name, t.Seed), d.Counts[i])
			}
		}
	}
	row("control: Gaussian of trainA's variance", d.Control)
	row("reference: MCMC", d.Reference)
	row("trainA itself (of 1000)", d.Data)
	return figure.NewTable(headers, rows...)
}

// Bars draws the counts, means over seeds.
func (d Discovery) Bars() figure.Figure {
	labels := make([]string, len(d.Minima))
	for k, m := range d.Minima {
		labels[k] = fmt.Sprintf("u = %.2f", m.Energy)
	}
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
	return figure.Bars(figure.Axes{Title: "Thermal samples per basin", X: "minimum", Y: "of 20 000", LogY: true}, labels, series...)
}

// Found draws, for each kind of generator, its best sample in each basin; a basin that was not found is said so.
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
	g := figure.Gallery{Title: t.Name, Bond: bond, Radius: 0.5, Extent: 5, Columns: len(minima), Panels: []int{}, Vacant: "not found"}
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

// WeightsTable shows what the importance weights of each generator say.
func WeightsTable(all []Trained) figure.Table {
	var rows [][]any
	for _, name := range generators {
		for _, t := range all {
			if t.Name == name {
				s := must(t.Sample(draws, t.Seed))
				z := stats.LogZ(s.LogWeight, stats.Bootstrap{Seed: 1})
				rows = append(rows, []any{fmt.Sprintf("%s, seed %d", name, t.Seed),
					fmt.Sprintf("%.2f %%", 100*stats.KishESS(s.LogWeight)/draws), fmt.Sprintf("%.2f ± %.2f", z.Value, z.Error)})
			}
		}
	}
	return figure.NewTable([]string{"generator", "ESS", "log Z (29.667)"}, rows...)
}

// Reweighted are the shares by long pairs of all generators' samples together, each seed's reweighted by itself.
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

// LikelihoodJobs train on all states, with the penalty for every seed and without it once.
func (l *Lab) LikelihoodJobs(x particle.Batch) []Job {
	data := train.Data{Train: x}
	return append(l.Jobs(l.EqBGAll(), data), Job{Recipe: l.EqBGTrap(), Seed: l.Seeds[0], Data: data})
}

// evaluation is an equilibrium evaluation. The ESS of 20 000 samples differs by 1.5 points from draw to draw, that of
// 100 000 by less than one; on the Go backend so many would take minutes.
func (l *Lab) evaluation(t Trained, test particle.Batch) evaluate.Report {
	e := evaluate.Options{Seed: t.Seed, Equilibrium: true, Samples: 100_000, Compare: -1}
	if l.backend.Kind == xla.Go {
		e.Samples = 2000
	}
	return must(t.Evaluate(test, e))
}

// LikelihoodTable shows NLL at 20, 40 and 80 steps, ESS, log Z and the verdict side by side.
func (l *Lab) LikelihoodTable(all []Trained, test particle.Batch) figure.Table {
	var rows [][]any
	for _, t := range all {
		r := l.evaluation(t, test)
		verdict := "trustworthy"
		if !r.Trustworthy {
			verdict = "not trustworthy: " + r.Why
		}
		rows = append(rows, []any{fmt.Sprintf("%s, seed %d", t.Name, t.Seed), fmt.Sprintf("%.3f", r.NLL), fmt.Sprintf("%.3f", r.NLL2), fmt.Sprintf("%.3f", r.NLL4),
			fmt.Sprintf("%.1f %%", 100*r.ESS), fmt.Sprintf("%.3f ± %.3f", r.LogZ, r.LogZError), verdict})
	}
	return figure.NewTable([]string{"generator", "NLL, 20 steps", "40", "80", "ESS", "log Z (29.667)", "verdict"}, rows...)
}

// StepsFigure draws the NLL against the solver's steps.
func (l *Lab) StepsFigure(all []Trained, x particle.Batch) figure.Figure {
	var series []figure.Series
	for _, t := range all {
		if t.Seed != l.Seeds[0] {
			continue
		}
		s := figure.Series{Name: t.Name, Style: figure.Joined}
		for _, n := range []int{10, 20, 40, 80, 160} {
			s.X, s.Y = append(s.X, float64(n)), append(s.Y, must(t.Model.NLL(x, n)))
		}
		series = append(series, s)
	}
	return figure.Lines(figure.Axes{Title: "NLL against the solver's steps", X: "RK4 steps (trained with 20)", Y: "NLL / nats", LogX: true,
		YMarks: []figure.Mark{{At: l.System.Reference().Entropy, Label: "entropy"}}}, series...)
}

// LikelihoodClaims states what the table shows.
func (l *Lab) LikelihoodClaims(all []Trained, test particle.Batch) {
	reports := map[string][]evaluate.Report{}
	for _, t := range all {
		reports[t.Name] = append(reports[t.Name], l.evaluation(t, test))
	}
	over := func(f func(evaluate.Report) float64) Spread {
		var s Spread
		for _, r := range reports["eqBG-all"] {
			s.Values = append(s.Values, f(r))
		}
		return s
	}
	nll, ess := over(func(r evaluate.Report) float64 { return r.NLL4 }), over(func(r evaluate.Report) float64 { return 100 * r.ESS })
	drift := over(func(r evaluate.Report) float64 { return math.Abs(r.NLL4 - r.NLL) })
	logZ := over(func(r evaluate.Report) float64 { return r.LogZ })
	away := over(func(r evaluate.Report) float64 { return math.Abs(r.LogZ - r.KnownLogZ) })
	errors := over(func(r evaluate.Report) float64 { return math.Abs(r.LogZ-r.KnownLogZ) / r.LogZError })
	l.Claim("eqBG on all of DW4: NLL on test data", "≤ 8.02 in every seed", nll.Max() <= 8.02, "%s", nll)
	l.Claim("eqBG on all of DW4: NLL with 20 and with 80 steps agree", "within 0.005", drift.Max() <= 0.005, "%s", drift)
	l.Claim("eqBG on all of DW4: ESS / %", "≥ 27 in every seed", ess.Min() >= 27, "%s", ess)
	l.Claim("eqBG on all of DW4: log Z", "29.667 within 0.02 and 3 s.e.", away.Max() <= 0.02 && errors.Max() <= 3, "%s", logZ)
	trap := reports["eqBG-no-penalty"][0]
	l.Claim("without the penalty, the likelihood is exposed", "not trustworthy", !trap.Trustworthy, "NLL %.2f, %.2f, %.2f at 20, 40, 80 steps", trap.NLL, trap.NLL2, trap.NLL4)
}

// EnergyHistogram draws the energies of MCMC, and of one generator's samples, raw and reweighted.
func (l *Lab) EnergyHistogram(all []Trained, test particle.Batch) figure.Figure {
	reference := make([]float64, test.Len())
	for i := range reference {
		reference[i] = l.System.EnergyForces(test.At(i), nil)
	}
	s := must(all[0].Sample(draws, 1))
	return figure.Histogram(figure.Axes{Title: "Energies of samples", X: "u / kT", Y: "density", XRange: [2]float64{-27, -5}}, 60,
		figure.Sample{Name: "MCMC", Values: reference, Filled: true},
		figure.Sample{Name: "eqBG, raw", Values: s.Energy},
		figure.Sample{Name: "eqBG, reweighted", Values: s.Energy, Weights: stats.Weights(s.LogWeight)})
}
