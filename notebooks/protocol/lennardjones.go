package protocol

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/notebooks/models"
)

// touching is the distance below which a picture joins two particles of a cluster, whose pairs lie best at 1.
const touching = 1.35

// ConventionsTable shows LJ13 in both conventions: they are two systems.
func ConventionsTable() figure.Table {
	pairs := target.LJ13()
	pairs.Convention = target.PairsOnce
	var rows [][]any
	for _, c := range []struct {
		t      target.LennardJones
		counts string
	}{{target.LJ13(), "twice (ordered pairs)"}, {pairs, "once (pairs i < j)"}} {
		known := c.t.Reference()
		rows = append(rows, []any{c.t.Name(), c.counts, fmt.Sprintf("%.3f ± %.3f", known.LogZ, known.LogZError), fmt.Sprintf("%.1f ± %.1f", known.Entropy, known.EntropyError),
			fmt.Sprintf("%.2f", known.MeanEnergy)})
	}
	return figure.NewTable([]string{"system", "a pair counts", "log Z", "entropy / nats", "⟨u⟩ / kT"}, rows...)
}

// Tempered are configurations of LJ13 by parallel tempering.
func (l *Lab) Tempered() particle.Batch {
	t := target.LJ13()
	return l.cachedOf(t, "lj13", 103, func(progress func(done, total int)) (particle.Batch, error) {
		x, _, err := mcmc.Equilibrium(context.Background(), t, l.size(10_000, 2000), mcmc.SamplerTempering, 103, progress)
		return x, err
	})
}

// DataTable holds data against what is known: the mean energy, and the virial, which is exact for any potential.
func DataTable(t target.Target, x particle.Batch) figure.Table {
	u, virial := EnergyAndVirial(t, x)
	known := "–"
	if r := t.Reference(); r.Known {
		known = fmt.Sprintf("%.1f", r.MeanEnergy)
	}
	return figure.NewTable([]string{"of the data", "measured", "known"},
		[]any{"virial ⟨x·∇u⟩", u4(virial), fmt.Sprintf("%d, exactly", (t.Particles()-1)*t.Dim())},
		[]any{"⟨u⟩ / kT", u4(u), known})
}

func u4(e stats.Estimate) string { return fmt.Sprintf("%.2f ± %.2f", e.Value, e.Error) }

// LowestCluster draws the lowest minimum of LJ13 that relaxing data finds, and some of the data.
func (l *Lab) LowestCluster(x particle.Batch) figure.Figure {
	t := target.LJ13()
	minima := must(target.Minima(t, target.Search{Starts: 100, Spread: 1}))
	batch, captions := particle.Batch{N: t.N, D: t.D, X: slices.Clone(minima[0].X)}, []string{fmt.Sprintf("lowest minimum, u = %.2f", minima[0].Energy)}
	for i := range 4 {
		at := x.At(i * x.Len() / 4)
		batch.X, captions = append(batch.X, at...), append(captions, fmt.Sprintf("data, u = %.2f", t.EnergyForces(at, nil)))
	}
	return figure.Particles(figure.Gallery{Title: "LJ13", Captions: captions, Bond: touching}, batch)
}

// Shipped is one of the generators that come with eqflow: "lj13", a one-hop field, "lj13-egnn" or "lj55".
func (l *Lab) Shipped(name string) Trained {
	folder := must(models.Put(name, l.path("models", "shipped")))
	model, history := must2(eqflow.Load(l.backend.Backend, folder))
	settings := *must(eqflow.Describe(folder)).Settings
	return Trained{Job{Recipe: Recipe{Name: name + "-shipped", Flow: model.Flow, Settings: settings}, Seed: 1, System: model.Target}, model, history}
}

// fieldName is what tables call a generator by its field.
func fieldName(t Trained) string {
	if _, ok := t.Model.Flow.(flow.Continuous).Field.(dynamics.EGNN); ok {
		return "EGNN"
	}
	return "one-hop"
}

// TrainingTable says what generators are and what their training took.
func TrainingTable(all ...Trained) figure.Table {
	var rows [][]any
	for _, t := range all {
		seconds, _ := t.History.Total()
		rows = append(rows, []any{fieldName(t), t.Parameters().Count(), t.SolverSteps(), trainings(t), fmt.Sprintf("%.0f", seconds/60)})
	}
	return figure.NewTable([]string{"field", "parameters", "solver steps", "training", "minutes"}, rows...)
}

// trainings says what a generator was trained by, one after the other.
func trainings(t Trained) string {
	var parts []string
	for _, b := range append(t.History.Before, train.Stage{Settings: t.Settings, Taken: t.Trained()}) {
		by := b.Objective.String()
		if b.Path {
			by = "path gradients, " + by
		}
		parts = append(parts, fmt.Sprintf("%d steps of %d: %s", b.Taken, b.Batch, by))
	}
	return strings.Join(parts, "; ")
}

// Clusters draws samples of a generator as they come, beside data.
func (l *Lab) Clusters(t Trained, x particle.Batch) figure.Figure {
	s := l.Draws(t)
	batch := particle.Batch{N: x.N, D: x.D}
	var captions []string
	for i := range 5 {
		batch.X, captions = append(batch.X, s.X.At(i)...), append(captions, fmt.Sprintf("generator, u = %.1f", s.Energy[i]))
	}
	for i := range 5 {
		at := x.At(i * x.Len() / 5)
		batch.X, captions = append(batch.X, at...), append(captions, fmt.Sprintf("MCMC, u = %.1f", t.Target.EnergyForces(at, nil)))
	}
	return figure.Particles(figure.Gallery{Title: "Clusters", Captions: captions, Bond: touching}, batch)
}

// RadialFigure draws g(r) of samples as they come and reweighted, beside the data's. Weights that hang on a handful are left out.
func (l *Lab) RadialFigure(t Trained, x particle.Batch) figure.Figure {
	s, reference := l.Draws(t), measure.Sample{X: x}
	one := target.RelabellingOf(t.Target)
	raw := measure.RadialDistributions(measure.Sample{X: s.X}, reference, one)[0]
	type curve struct {
		name string
		g    []stats.Estimate
	}
	curves := []curve{{"MCMC", raw.Reference}, {"samples", raw.G}}
	if weighty(s) {
		curves = append(curves, curve{"reweighted", measure.RadialDistributions(measure.Sample{X: s.X, LogWeight: s.LogWeight}, reference, one)[0].G})
	}
	var series []figure.Series
	for _, c := range curves {
		one := figure.Series{Name: c.name, X: raw.R}
		for _, e := range c.g {
			one.Y, one.YErr = append(one.Y, e.Value), append(one.YErr, e.Error)
		}
		series = append(series, one)
	}
	series[0].Style = figure.Dashed
	return figure.Lines(figure.Axes{Title: "Radial distribution, " + t.Name, X: "r", Y: "g(r)", XRange: [2]float64{0.5, 5}}, series...)
}

// QualityTable is what samples of LJ13 are judged by, with what MCMC has against itself, and the published figures.
func (l *Lab) QualityTable(x particle.Batch, all ...Trained) figure.Table {
	var rows [][]any
	var d measure.Distances
	for _, t := range all {
		s := l.Draws(t)
		z := stats.LogZ(s.LogWeight, stats.Bootstrap{Seed: 1})
		d = l.distances(t.Target, s, x, compared(s))
		rows = append(rows, []any{fieldName(t), fmt.Sprintf("%.1f %% of %d", 100*essOf(s), s.X.Len()), fmt.Sprintf("%.3f ± %.3f", z.Value, z.Error), fmt.Sprintf("%.3f", d.W2), fmt.Sprintf("%.2f", d.EnergyW2)},
			[]any{"… reweighted", "", "", "", fmt.Sprintf("%.2f", d.EnergyW2Reweighted)})
	}
	rows = append(rows, []any{"MCMC against itself, known", "", fmt.Sprintf("%.3f", all[0].Target.Reference().LogZ), fmt.Sprintf("%.3f", d.W2Floor), fmt.Sprintf("%.2f", d.EnergyW2Floor)},
		[]any{"iDEM, published", "–", "–", 1.61, 30.8}, []any{"Adjoint Sampling, published", "–", "–", 1.67, 2.40},
		[]any{"ASBS, published", "–", "–", 1.59, 1.99}, []any{"SGDS, published", "–", "–", 1.56, 0.89})
	return figure.NewTable([]string{"", "ESS", "log Z", "W2", "energy-W2 / kT"}, rows...)
}

func essOf(s density.Samples) float64 { return stats.KishESS(s.LogWeight) / float64(len(s.LogWeight)) }

// compared is how many of a cluster's samples W2 compares: half of them, so that it takes a minute or two.
func compared(s density.Samples) int { return s.X.Len() / 2 }

// WeightsFigure draws the weights' logarithm, and how the ESS fares as samples come: an ESS that falls hangs on few samples.
func (l *Lab) WeightsFigure(t Trained) figure.Figure {
	s := l.Draws(t)
	z := stats.LogZ(s.LogWeight, stats.Bootstrap{Resamples: 2, Seed: 1}).Value
	var logW []float64
	for _, w := range s.LogWeight {
		logW = append(logW, w-z)
	}
	var running figure.Series
	for n := 50; n <= len(logW); n += max(1, len(logW)/100) {
		running.X, running.Y = append(running.X, float64(n)), append(running.Y, 100*stats.KishESS(logW[:n])/float64(n))
	}
	return figure.Grid("weights", 2,
		figure.Histogram(figure.Axes{Title: "Log-weights, " + t.Name, X: "ln w, the mean weight one", Y: "density", Width: 560, Height: 380}, 60, figure.Sample{Name: "samples", Values: logW}),
		figure.Lines(figure.Axes{Title: "ESS of the first samples / %", X: "samples", YRange: [2]float64{0, 100}, Width: 560, Height: 380}, running))
}

// ReweightingTable shows averages before and after the weights, and how much the largest weighs.
func (l *Lab) ReweightingTable(t Trained, x particle.Batch) figure.Table {
	s, boot := l.Draws(t), stats.Bootstrap{Seed: 1}
	w := slices.Sorted(slices.Values(stats.Weights(s.LogWeight)))
	u, _ := EnergyAndVirial(t.Target, x)
	hundredth := 0.0
	for _, v := range w[len(w)-len(w)/100:] {
		hundredth += v
	}
	return figure.NewTable([]string{t.Name, "samples", "reweighted", "MCMC"},
		[]any{"⟨u⟩ / kT", u4(stats.Mean(s.Energy, nil, boot)), u4(stats.Mean(s.Energy, s.LogWeight, boot)), u4(u)},
		[]any{"share of the largest weight", fmt.Sprintf("%.2f %%", 100/float64(len(w))), fmt.Sprintf("%.2f %%", 100*w[len(w)-1]), ""},
		[]any{"of the largest hundredth", "1 %", fmt.Sprintf("%.1f %%", 100*hundredth), ""})
}

// StepsTable shows the NLL of data by the solver's steps: a likelihood does not move with them.
func StepsTable(t Trained, x particle.Batch) figure.Table {
	n := t.SolverSteps()
	var headers []string
	var row []any
	for _, steps := range []int{n / 2, n, 2 * n} {
		headers, row = append(headers, fmt.Sprintf("%d steps", steps)), append(row, fmt.Sprintf("%.3f", must(t.NLL(x, steps))))
	}
	return figure.NewTable(append([]string{fmt.Sprintf("%s, NLL of %d configurations / nats", t.Name, x.Len())}, headers...), append([]any{""}, row...))
}

// LennardJonesClaims are what data, trace and generators, of which the first is the one-hop field's, are held to.
func (l *Lab) LennardJonesClaims(x particle.Batch, all ...Trained) {
	boot, of := stats.Bootstrap{Seed: 1}, all[0].Target
	energy, virial := EnergyAndVirial(of, x)
	exact, known := float64(all[0].Prior.DegreesOfFreedom()), of.Reference()
	l.Claim("LJ13 data: virial", fmt.Sprintf("%.0f, within 3 s.e.", exact), math.Abs(virial.Value-exact) <= 3*virial.Error, "%.2f ± %.2f", virial.Value, virial.Error)
	trace := l.TraceError(all[0], x)
	l.Claim("the one-hop trace is that of the full Jacobian, fresh parameters", "≤ 1e-10, float64", trace <= 1e-10, "%.1e", trace)
	for _, t := range all {
		s, name := l.Draws(t), "LJ13, "+fieldName(t)
		l.Claim(name+": ESS / %, no weight cut", "≥ 40", essOf(s) >= 0.4, "%.1f of %d", 100*essOf(s), s.X.Len())
		z := stats.LogZ(s.LogWeight, boot)
		l.Claim(name+": log Z from the weights", fmt.Sprintf("%.3f, within 3 s.e.", known.LogZ), math.Abs(z.Value-known.LogZ) <= 3*math.Hypot(z.Error, known.LogZError), "%.3f ± %.3f", z.Value, z.Error)
		u := stats.Mean(s.Energy, s.LogWeight, boot)
		l.Claim(name+": ⟨u⟩ reweighted is that of MCMC", "within 3 s.e.", math.Abs(u.Value-energy.Value) <= 3*math.Hypot(u.Error, energy.Error), "%.2f ± %.2f, MCMC %.2f ± %.2f", u.Value, u.Error, energy.Value, energy.Error)
	}
}
