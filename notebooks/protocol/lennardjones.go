package protocol

import (
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

// touching is the distance below which a picture joins two particles of a cluster. The minimum of a
// pair's energy is at 1.
const touching = 1.35

// ConventionsTable shows LJ13 in both summation conventions, which are two different systems.
func ConventionsTable() figure.Table {
	pairs := target.LJ13()
	pairs.Convention = target.PairsOnce
	var rows [][]any
	for _, c := range []struct {
		t      target.LennardJones
		counts string
	}{{target.LJ13(), "twice (ordered pairs)"}, {pairs, "once (pairs i < j)"}} {
		known := c.t.Reference()
		rows = append(rows, []any{
			c.t.Name(), c.counts, fmt.Sprintf("%.3f ± %.3f", known.LogZ, known.LogZError),
			fmt.Sprintf("%.1f ± %.1f", known.Entropy, known.EntropyError), fmt.Sprintf("%.2f", known.MeanEnergy),
		})
	}
	headers := []string{"system", "a pair counts", "log Z", "entropy / nats", "⟨u⟩ / kT"}
	return figure.NewTable(headers, rows...)
}

// Tempered returns configurations of LJ13 by parallel tempering.
func (l *Lab) Tempered() particle.Batch {
	return l.session.EquilibriumBy(mcmc.SamplerTempering, "lj13", target.LJ13(), l.size(10_000, 2000), 103)
}

// DataTable compares the mean energy and the virial of data with their known values. The virial is
// known exactly for any potential.
func DataTable(t target.Target, x particle.Batch) figure.Table {
	u, virial := EnergyAndVirial(t, x)
	known := "–"
	if r := t.Reference(); r.Known {
		known = fmt.Sprintf("%.1f", r.MeanEnergy)
	}
	return figure.NewTable([]string{"of the data", "measured", "known"},
		[]any{"virial ⟨x·∇u⟩", plusMinus(virial), fmt.Sprintf("%d, exactly", (t.Particles()-1)*t.Dim())},
		[]any{"⟨u⟩ / kT", plusMinus(u), known})
}

// LowestCluster draws the lowest minimum of LJ13 that a search finds, beside some data.
func (l *Lab) LowestCluster(x particle.Batch) figure.Figure {
	t := target.LJ13()
	minima := must(target.Minima(t, target.Search{Starts: 100, Spread: 1}))
	batch := particle.Batch{N: t.N, D: t.D, X: slices.Clone(minima[0].X)}
	captions := []string{fmt.Sprintf("lowest minimum, u = %.2f", minima[0].Energy)}
	for i := range 4 {
		at := x.At(i * x.Len() / 4)
		batch.X = append(batch.X, at...)
		captions = append(captions, fmt.Sprintf("data, u = %.2f", t.EnergyForces(at, nil)))
	}
	return figure.Particles(figure.Gallery{Title: "LJ13", Captions: captions, Bond: touching}, batch)
}

// Shipped returns one of the generators that come with eqflow: "lj13", a one-hop field, "lj13-egnn"
// or "lj55".
func (l *Lab) Shipped(name string) Trained {
	folder := must(models.Put(name, l.path("models", "shipped")))
	model, history := must2(eqflow.Load(l.backend.Backend, folder))
	settings := *must(eqflow.Describe(folder)).Settings
	recipe := Recipe{Name: name + "-shipped", Flow: model.Flow, Settings: settings}
	return Trained{Job{Recipe: recipe, Seed: 1, System: model.Target}, model, history}
}

// fieldName returns the name of a generator's field in tables.
func fieldName(t Trained) string {
	if _, ok := t.Model.Flow.(flow.Continuous).Field.(dynamics.EGNN); ok {
		return "EGNN"
	}
	return "one-hop"
}

// TrainingTable shows the size of generators and the cost of their training.
func TrainingTable(all ...Trained) figure.Table {
	var rows [][]any
	for _, t := range all {
		seconds, _ := t.History.Total()
		rows = append(rows, []any{
			fieldName(t), t.Parameters().Count(), t.SolverSteps(), trainings(t), fmt.Sprintf("%.0f", seconds/60),
		})
	}
	return figure.NewTable([]string{"field", "parameters", "solver steps", "training", "minutes"}, rows...)
}

// trainings describes the stages of a generator's training.
func trainings(t Trained) string {
	var parts []string
	last := train.Stage{Settings: t.Settings, StageCost: train.StageCost{Taken: t.Trained()}}
	for _, stage := range append(t.History.Before, last) {
		objective := stage.Objective.String()
		if o, ok := stage.Objective.(train.PathObjective); ok && o.FollowsTrajectories(t.Job.Flow) {
			objective = "path gradients, " + objective
		}
		parts = append(parts, fmt.Sprintf("%d steps of %d: %s", stage.Taken, stage.Batch, objective))
	}
	return strings.Join(parts, "; ")
}

// Clusters draws raw samples of a generator beside data.
func (l *Lab) Clusters(t Trained, x particle.Batch) figure.Figure {
	s := l.Draws(t)
	batch := particle.Batch{N: x.N, D: x.D}
	var captions []string
	for i := range 5 {
		batch.X = append(batch.X, s.X.At(i)...)
		captions = append(captions, fmt.Sprintf("generator, u = %.1f", s.Energy[i]))
	}
	for i := range 5 {
		at := x.At(i * x.Len() / 5)
		batch.X = append(batch.X, at...)
		captions = append(captions, fmt.Sprintf("MCMC, u = %.1f", t.Target.EnergyForces(at, nil)))
	}
	return figure.Particles(figure.Gallery{Title: "Clusters", Captions: captions, Bond: touching}, batch)
}

// RadialFigure draws g(r) of raw and of reweighted samples beside g(r) of the data, and below them
// the differences. The reweighted curve is missing if the effective size of the samples is below
// ten.
func (l *Lab) RadialFigure(t Trained, x particle.Batch) figure.Figure {
	s, reference := l.Draws(t), measure.Sample{X: x}
	relabelling := target.RelabellingOf(t.Target)
	raw := measure.RadialDistributions(measure.Sample{X: s.X}, reference, relabelling)[0]
	raw.Unit = target.LengthUnit(t.Target)
	curves := []figure.Curve{{Name: "samples", Values: raw.G}}
	if usefulWeights(s) {
		weighted := measure.Sample{X: s.X, LogWeight: s.LogWeight}
		g := measure.RadialDistributions(weighted, reference, relabelling)[0].G
		curves = append(curves, figure.Curve{Name: "reweighted", Values: g})
	}
	axes := figure.Axes{Title: "Radial distribution, " + figure.Words(t.Name), XRange: [2]float64{0.5, 5}}
	return figure.RadialDistributions(axes, raw, "MCMC", curves...)
}

// QualityTable shows the quality of samples of LJ13, the distances between two sets of MCMC
// samples, and published distances.
func (l *Lab) QualityTable(x particle.Batch, all ...Trained) figure.Table {
	var rows [][]any
	var d measure.Distances
	for _, t := range all {
		s := l.Draws(t)
		z := stats.LogZ(s.LogWeight, stats.Bootstrap{Seed: 1})
		d = l.distances(t.Target, s, x, halfOf(s))
		rows = append(rows, []any{
			fieldName(t), fmt.Sprintf("%.1f %% of %d", 100*effectiveShare(s), s.X.Len()),
			fmt.Sprintf("%.3f ± %.3f", z.Value, z.Error), fmt.Sprintf("%.3f", d.W2), fmt.Sprintf("%.2f", d.EnergyW2),
		}, []any{"… reweighted", "", "", "", fmt.Sprintf("%.2f", d.EnergyW2Reweighted)})
	}
	rows = append(rows,
		[]any{
			"MCMC against itself, known", "", fmt.Sprintf("%.3f", all[0].Target.Reference().LogZ),
			fmt.Sprintf("%.3f", d.W2Floor), fmt.Sprintf("%.2f", d.EnergyW2Floor),
		},
		[]any{"iDEM, published", "–", "–", 1.61, 30.8}, []any{"Adjoint Sampling, published", "–", "–", 1.67, 2.40},
		[]any{"ASBS, published", "–", "–", 1.59, 1.99}, []any{"SGDS, published", "–", "–", 1.56, 0.89})
	return figure.NewTable([]string{"", "ESS", "log Z", "W2", "energy-W2 / kT"}, rows...)
}

// halfOf returns the number of a cluster's samples that W2 compares: half of all, so that W2 takes
// a minute or two.
func halfOf(s density.Samples) int { return s.X.Len() / 2 }

// WeightsFigure draws the log-weights, and the ESS of the first samples against their number. An
// ESS that falls depends on few samples.
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
	weights := figure.Axes{
		Title: "Log-weights, " + figure.Words(t.Name), X: "ln w, the mean weight one", Y: "density",
		Width: 560, Height: 380,
	}
	ess := figure.Axes{
		Title: "ESS of the first samples / %", X: "samples", YRange: [2]float64{0, 100}, Width: 560, Height: 380,
	}
	return figure.Grid("weights", 2,
		figure.Histogram(weights, 0, figure.Sample{Name: "samples", Values: logW}), figure.Lines(ess, running))
}

// ReweightingTable shows the mean energy of raw and of reweighted samples, and the shares of the
// largest weights.
func (l *Lab) ReweightingTable(t Trained, x particle.Batch) figure.Table {
	s, boot := l.Draws(t), stats.Bootstrap{Seed: 1}
	w := slices.Sorted(slices.Values(stats.Weights(s.LogWeight)))
	u, _ := EnergyAndVirial(t.Target, x)
	hundredth := 0.0
	for _, v := range w[len(w)-len(w)/100:] {
		hundredth += v
	}
	return figure.NewTable([]string{t.Name, "samples", "reweighted", "MCMC"},
		[]any{
			"⟨u⟩ / kT", plusMinus(stats.Mean(s.Energy, nil, boot)), plusMinus(stats.Mean(s.Energy, s.LogWeight, boot)),
			plusMinus(u),
		},
		[]any{
			"share of the largest weight", fmt.Sprintf("%.2f %%", 100/float64(len(w))),
			fmt.Sprintf("%.2f %%", 100*w[len(w)-1]), "",
		},
		[]any{"of the largest hundredth", "1 %", fmt.Sprintf("%.1f %%", 100*hundredth), ""})
}

// StepsTable shows the NLL of data for three numbers of solver steps. A true likelihood does not
// depend on them.
func StepsTable(t Trained, x particle.Batch) figure.Table {
	n := t.SolverSteps()
	var headers []string
	var row []any
	for _, steps := range []int{n / 2, n, 2 * n} {
		headers = append(headers, fmt.Sprintf("%d steps", steps))
		row = append(row, fmt.Sprintf("%.3f", must(t.NLL(x, steps))))
	}
	title := fmt.Sprintf("%s, NLL of %d configurations / nats", t.Name, x.Len())
	return figure.NewTable(append([]string{title}, headers...), append([]any{""}, row...))
}

// LennardJonesClaims states the claims about the data, the trace and the generators. The first
// generator has the one-hop field.
func (l *Lab) LennardJonesClaims(x particle.Batch, all ...Trained) {
	energy, virial := EnergyAndVirial(all[0].Target, x)
	exact := float64(all[0].Prior.DegreesOfFreedom())
	l.Claim("LJ13 data: virial", fmt.Sprintf("%.0f, within 3 s.e.", exact),
		math.Abs(virial.Value-exact) <= 3*virial.Error, "%.2f ± %.2f", virial.Value, virial.Error)
	trace := l.TraceError(all[0], x)
	l.Claim("the one-hop trace is that of the full Jacobian, fresh parameters", "≤ 1e-10, float64",
		trace <= 1e-10, "%.1e", trace)
	for _, t := range all {
		l.claimReweighting("LJ13, "+fieldName(t), t, energy)
	}
}

// claimReweighting states the claims about a generator's reweighted samples, given MCMC's mean
// energy.
func (l *Lab) claimReweighting(name string, t Trained, energy stats.Estimate) {
	s, boot, known := l.Draws(t), stats.Bootstrap{Seed: 1}, t.Target.Reference()
	ess := effectiveShare(s)
	l.Claim(name+": ESS / %, no weight cut", "≥ 40", ess >= 0.4, "%.1f of %d", 100*ess, s.X.Len())
	z := stats.LogZ(s.LogWeight, boot)
	l.Claim(name+": log Z from the weights", fmt.Sprintf("%.3f, within 3 s.e.", known.LogZ),
		math.Abs(z.Value-known.LogZ) <= 3*math.Hypot(z.Error, known.LogZError), "%.3f ± %.3f", z.Value, z.Error)
	u := stats.Mean(s.Energy, s.LogWeight, boot)
	l.Claim(name+": ⟨u⟩ reweighted is that of MCMC", "within 3 s.e.",
		math.Abs(u.Value-energy.Value) <= 3*math.Hypot(u.Error, energy.Error),
		"%.2f ± %.2f, MCMC %.2f ± %.2f", u.Value, u.Error, energy.Value, energy.Error)
}
