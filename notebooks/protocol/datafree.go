package protocol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// Annealed climbs from a wide normal to DW4 on its own reweighted samples.
func (l *Lab) Annealed() Recipe {
	return Recipe{Name: "annealed", Flow: flow.Continuous{Field: dynamics.EGNN{}}, Settings: train.Settings{
		Objective: train.Annealed, Steps: l.steps(6000, 600), DrawEvery: l.steps(300, 30), Draws: 2048, Moves: 5,
	}}
}

// EnergyMatched learns DW4 from 128 energies at every point.
func (l *Lab) EnergyMatched() Recipe {
	return Recipe{Name: "energy-matching", Flow: flow.Continuous{Field: dynamics.OneHop{}}, Settings: train.Settings{
		Objective: train.EnergyMatching, Steps: l.steps(1500, 300),
	}}
}

// ReverseKL lowers the reverse divergence, by the whole gradient or along the samples' paths.
func (l *Lab) ReverseKL(path bool) Recipe {
	name := map[bool]string{false: "reverse KL", true: "reverse KL, path gradients"}[path]
	return Recipe{Name: name, Flow: kernelFlow(), Settings: train.Settings{Objective: train.Energy, Path: path, Steps: l.steps(800, 300)}}
}

// OwnLJ13 climbs to LJ13, with the one-hop field, and finishes that generator by path gradients at its own samples.
func (l *Lab) OwnLJ13() []Trained {
	lj := target.LJ13()
	climbed := l.Train(Job{Recipe: Recipe{Name: "annealed-lj13", Flow: must(eqflow.FlowFor("onehop", lj)), Settings: train.Settings{
		Objective: train.Annealed, Steps: l.steps(3000, 400), Draws: 768, DrawEvery: l.steps(150, 80), Moves: 50, Batch: 64,
	}}, Seed: 1, System: lj})
	return append(climbed, l.Train(l.finish(climbed[0], "annealed-lj13, path gradients", train.Settings{Objective: train.Energy, Steps: l.steps(80, 2), Batch: 32}))...)
}

// DataFreeJobs train on DW4's energy alone, in four ways, once each.
func (l *Lab) DataFreeJobs() []Job {
	var jobs []Job
	for _, r := range []Recipe{l.Annealed(), l.EnergyMatched(), l.ReverseKL(false), l.ReverseKL(true)} {
		jobs = append(jobs, Job{Recipe: r, Seed: l.Seeds[0]})
	}
	return jobs
}

// draws is how many samples figures are of: fewer of clusters, whose cost more.
func (l *Lab) draws(t target.Target) int {
	switch n := t.Particles(); {
	case n > 13:
		return l.size(500, 32)
	case n > 4:
		return l.size(2000, 300)
	}
	return 10_000
}

// Draws returns the generator's samples, kept for later cells.
func (l *Lab) Draws(t Trained) density.Samples {
	path := l.path("draws", fmt.Sprintf("%s-%d.npz", t.Name, t.Seed))
	about := must(json.Marshal([]any{t.History.Records, t.SolverSteps()})) // of another training, or solved otherwise, other draws
	if set, err := dataset.Read(path, t.Prior.N, t.Prior.D); err == nil && compact(set.Manifest.Settings) == string(about) {
		q, _ := set.Arrays.Get("log_q")
		u, _ := set.Arrays.Get("u")
		w, _ := set.Arrays.Get("log_w")
		return density.Samples{X: set.Batch, LogQ: q.F64, Energy: u.F64, LogWeight: w.F64}
	}
	s := must(t.Sample(l.draws(t.Target), t.Seed+100))
	set := dataset.Set{
		Batch: s.X, Manifest: dataset.Manifest{System: t.Target.Name(), Seed: t.Seed, Settings: about, CreatedBy: "eqflow notebooks/protocol"},
		Arrays: dataset.Arrays{dataset.Float64("log_q", s.LogQ), dataset.Float64("u", s.Energy), dataset.Float64("log_w", s.LogWeight)},
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), dataset.Write(path, set, true)); err != nil {
		panic(err)
	}
	return s
}

// compact is JSON without the white space that files lay it out with.
func compact(text json.RawMessage) string {
	var out bytes.Buffer
	_ = json.Compact(&out, text) // what is none equals nothing
	return out.String()
}

// LadderFigure draws the rungs: how far λ has come and how many draws are effective, and log Z, against energy evaluations.
func LadderFigure(t Trained) figure.Figure {
	lambda, ess := figure.Series{Name: "λ"}, figure.Series{Name: "effective share of the draws"}
	var logZ figure.Series
	for _, r := range t.History.Rungs {
		at := float64(r.Energies)
		lambda.X, lambda.Y = append(lambda.X, at), append(lambda.Y, r.Lambda)
		ess.X, ess.Y = append(ess.X, at), append(ess.Y, r.ESS)
		logZ.X, logZ.Y = append(logZ.X, at), append(logZ.Y, r.LogZ)
	}
	known := []figure.Mark{{At: t.Target.Reference().LogZ, Label: "known"}}
	return figure.Grid("ladder of "+t.Target.Name(), 2,
		figure.Lines(figure.Axes{Title: "The ladder", X: "energies evaluated", LogX: true, YRange: [2]float64{0, 1.05}, Width: 700}, lambda, ess),
		figure.Lines(figure.Axes{Title: "ln ∫ exp(−u_{λ}) by each rung's draws", X: "energies evaluated", LogX: true, Y: "nats", YMarks: known, Width: 700}, logZ))
}

// EffectiveAgainstEnergies draws the effective share of the draws of those generators that measured it as they learned.
func EffectiveAgainstEnergies(all []Trained) figure.Figure {
	var series []figure.Series
	for _, t := range all {
		s := figure.Series{Name: t.Name}
		for _, r := range t.History.Rungs {
			if r.Lambda == 1 {
				s.X, s.Y = append(s.X, float64(r.Energies)), append(s.Y, r.ESS)
			}
		}
		if len(s.X) > 0 {
			series = append(series, s)
		}
	}
	return figure.Lines(figure.Axes{Title: "Effective draws of the target", X: "energies evaluated", Y: "share", LogX: true, YRange: [2]float64{0, 1}}, series...)
}

// DataFreeTable shows what each generator took and what its samples are worth beside a reference, which none of them saw.
func (l *Lab) DataFreeTable(all []Trained, reference particle.Batch) figure.Table {
	var rows [][]any
	for _, t := range all {
		s := l.Draws(t)
		z := stats.LogZ(s.LogWeight, stats.Bootstrap{Seed: 1})
		d := l.distances(t.Target, s, reference, s.X.Len()/20) // W2 takes the square of alignments
		seconds, energies := t.History.Total()
		rows = append(rows, []any{t.Name, fmt.Sprintf("%.2g", float64(energies)), fmt.Sprintf("%.0f", seconds),
			fmt.Sprintf("%.1f %%", 100*stats.KishESS(s.LogWeight)/float64(len(s.LogWeight))), fmt.Sprintf("%.3f ± %.3f", z.Value, z.Error),
			fmt.Sprintf("%.2f (%.2f)", d.W2, d.W2Floor), fmt.Sprintf("%.2f (%.2f)", d.EnergyW2, d.EnergyW2Floor)})
	}
	known := fmt.Sprintf("log Z (%.3f)", all[0].Target.Reference().LogZ)
	return figure.NewTable([]string{"trained by", "energies", "seconds", "ESS", known, "W2 (floor)", "energy-W2 (floor)"}, rows...)
}

// distances compares size of the samples with as many of the reference.
func (l *Lab) distances(t target.Target, s density.Samples, reference particle.Batch, size int) measure.Distances {
	u := make([]float64, reference.Len())
	for i := range u {
		u[i] = t.EnergyForces(reference.At(i), nil)
	}
	c := measure.Comparison{Size: size, Relabelling: target.RelabellingOf(t)}
	return must(c.Compare(context.Background(), measure.Sample{X: s.X, Energy: s.Energy, LogWeight: s.LogWeight}, measure.Sample{X: reference, Energy: u}))
}

// OwnEnergies draws the energies of a generator's samples, as they come and reweighted, over the reference's. Weights that hang on a handful
// are left out.
func (l *Lab) OwnEnergies(t Trained, reference particle.Batch, least, most float64) figure.Figure {
	s := l.Draws(t)
	known := figure.Sample{Name: "MCMC", Filled: true}
	for i := range reference.Len() {
		known.Values = append(known.Values, t.Target.EnergyForces(reference.At(i), nil))
	}
	shown := []figure.Sample{known, {Name: "samples", Values: s.Energy}}
	if weighty(s) {
		shown = append(shown, figure.Sample{Name: "reweighted", Values: s.Energy, Weights: stats.Weights(s.LogWeight)})
	}
	return figure.Histogram(figure.Axes{Title: "Energies of " + t.Target.Name() + ", " + t.Name, X: "u / kT", Y: "density", XRange: [2]float64{least, most}}, 60, shown...)
}

// weighty tells whether more than a handful of samples carry the weight.
func weighty(s density.Samples) bool { return stats.KishESS(s.LogWeight) >= 10 }

// OwnBasins counts thermal samples in the basin of each minimum, beside as many of the reference.
func (l *Lab) OwnBasins(t Trained, reference particle.Batch) figure.Figure {
	minima := must(target.Minima(l.System, target.Search{}))
	s := l.Draws(t)
	own, known := figure.BarSeries{Name: t.Name, ShowValues: true}, figure.BarSeries{Name: "MCMC", ShowValues: true}
	labels := make([]string, len(minima))
	mine, theirs := Basins(l.System, minima, s.X), Basins(l.System, minima, reference)
	for k, m := range minima {
		labels[k] = fmt.Sprintf("%.2f", m.Energy)
		own.Values = append(own.Values, 1000*float64(mine[k])/float64(s.X.Len()))
		known.Values = append(known.Values, 1000*float64(theirs[k])/float64(reference.Len()))
	}
	return figure.Bars(figure.Axes{Title: "Thermal samples per basin, no weights", X: "minimum, u / kT", Y: "of 1000", LogY: true}, labels, own, known)
}

// DataFreeClaims are what training without data is held to.
func (l *Lab) DataFreeClaims(all []Trained) {
	t := all[0]
	s := l.Draws(t)
	ess := stats.KishESS(s.LogWeight) / float64(len(s.LogWeight))
	l.Claim("without data on DW4: ESS / %", "≥ 80", ess >= 0.8, "%.1f, after %.2g energies", 100*ess, float64(t.History.Energies))
	z := stats.LogZ(s.LogWeight, stats.Bootstrap{Seed: 1})
	l.Claim("without data on DW4: log Z", "29.667 within 0.02 and 3 s.e.", math.Abs(z.Value-29.667) <= 0.02+3*z.Error, "%.3f ± %.3f", z.Value, z.Error)
	for _, by := range []struct {
		name    string
		weights []float64
	}{{"reweighted", s.LogWeight}, {"raw samples", nil}} {
		worst := 0.0
		for k, share := range l.PairShares(s.X, by.weights) {
			worst = max(worst, math.Abs(share.Value-KnownShares[k]))
		}
		l.Claim("without data on DW4: shares by k, "+by.name, "within 0.02 of the known", worst <= 0.02, "largest deviation %.4f", worst)
	}
}
