package protocol

import (
	"fmt"
	"math"
	"strconv"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// bond joins particles in the short well.
const bond = 4

// generators in the order in which tables show them.
var generators = []string{"eqBG", "nBG", "nBG-augmented"}

// SymmetryJobs train an equivariant and a plain generator briefly: enough to be far from the identity.
func (l *Lab) SymmetryJobs(x particle.Batch) []Job {
	eq, plain := l.EqBG(), l.NBG()
	eq.Name, plain.Name = "eqBG-short", "nBG-short"
	eq.Settings.Steps, plain.Settings.Steps = l.steps(500, 300), l.steps(1000, 500)
	plain.Settings.EarlyStop = false
	data := train.Data{Train: x}
	return []Job{{Recipe: eq, Seed: 1, Data: data}, {Recipe: plain, Seed: 1, Data: data}}
}

// Transformed is the flow's answer to one prior draw, to the same turned by 90°, and to the same relabelled.
func Transformed(m *eqflow.Model, seed uint64) particle.Batch {
	z := GaussianControl(unit(m), 3, seed)
	copy(z.At(1), z.At(0))
	particle.Rotate(z.At(1), particle.Rotation2(math.Pi/2), z.D)
	copy(z.At(2), particle.Relabel(z.At(0), z.D, []int{2, 0, 3, 1}))
	x, _ := must2(m.FromPrior(z, 0))
	return x
}

// unit is a batch whose variance is one, in the shape of the model's prior.
func unit(m *eqflow.Model) particle.Batch {
	b := particle.NewBatch(1, m.Prior.N, m.Prior.D)
	for i := range b.X {
		b.X[i] = math.Sqrt(float64(m.Prior.DegreesOfFreedom()) / float64(len(b.X)))
		if i%(2*b.D) >= b.D {
			b.X[i] = -b.X[i]
		}
	}
	return b
}

// MinimaGallery draws minima with their energies.
func MinimaGallery(minima []target.Minimum) figure.Figure {
	batch := particle.Batch{N: 4, D: 2}
	var captions []string
	for _, m := range minima {
		batch.X = append(batch.X, m.X...)
		captions = append(captions, fmt.Sprintf("u = %.3f", m.Energy))
	}
	return figure.Particles(figure.Gallery{Title: "Minima of DW4", Captions: captions, Bond: bond}, batch)
}

// PairDistances draws a trajectory's pair distances against its steps.
func PairDistances(chain particle.Batch, thin int) figure.Figure {
	pairs := particle.Pairs(chain.N)
	series := make([]figure.Series, len(pairs))
	for p := range pairs {
		series[p].Name = fmt.Sprintf("%d–%d", pairs[p][0]+1, pairs[p][1]+1)
		for i := range chain.Len() {
			series[p].X = append(series[p].X, float64((i+1)*thin))
			series[p].Y = append(series[p].Y, particle.Distances(chain.At(i), chain.D)[p])
		}
	}
	return figure.Lines(figure.Axes{Title: "Pair distances along a chain", X: "Metropolis step", Y: "distance", YMarks: []figure.Mark{{At: 4, Label: "d0"}}}, series...)
}

// EnergyAndVirial are ⟨u⟩ and ⟨x·∇u⟩ of independent configurations.
func EnergyAndVirial(t target.Target, x particle.Batch) (u, virial stats.Estimate) {
	us, vs := make([]float64, x.Len()), make([]float64, x.Len())
	forces := make([]float64, x.N*x.D)
	for i := range us {
		us[i] = t.EnergyForces(x.At(i), forces)
		for k, c := range x.At(i) {
			vs[i] -= c * forces[k]
		}
	}
	boot := stats.Bootstrap{Seed: 1}
	return stats.Mean(us, nil, boot), stats.Mean(vs, nil, boot)
}

// FreeEnergies draws −ln share by the number of long pairs, beside the known values.
func FreeEnergies(name string, shares []stats.Estimate) figure.Figure {
	here := figure.BarSeries{Name: name}
	known := figure.BarSeries{Name: "known"}
	labels := make([]string, len(KnownShares))
	for k, s := range shares {
		labels[k] = strconv.Itoa(k)
		here.Values = append(here.Values, s.Value)
		here.Err = append(here.Err, s.Error)
		known.Values = append(known.Values, KnownShares[k])
	}
	return figure.Bars(figure.Axes{Title: "Shares by number of long pairs (" + name + ")", X: "long pairs k", Y: "share", LogY: true}, labels, here, known)
}

// knownShareError is the rounding of the known shares.
const knownShareError = 5e-5

// WorstDeviation is the largest deviation from the known shares, in standard errors.
func WorstDeviation(shares []stats.Estimate) float64 {
	worst := 0.0
	for k, s := range shares {
		worst = max(worst, math.Abs(s.Value-KnownShares[k])/math.Hypot(s.Error, knownShareError))
	}
	return worst
}

// Overlays draws what each set of the unseen-trajectory protocol covers.
func Overlays(sets Unseen) figure.Figure {
	var figures []figure.Figure
	for _, s := range []struct {
		name string
		x    particle.Batch
	}{{"trainA", sets.TrainA}, {"valA", sets.ValA}, {"testA", sets.TestA}, {"ref", sets.Ref}} {
		x := s.x.Slice(0, 300).Clone().RemoveMean()
		figures = append(figures, figure.Particles(figure.Gallery{Title: s.name, Overlay: true, Numbered: true, Extent: 6}, x))
	}
	return figure.Grid("data", 4, figures...)
}

// LearningCurves draws the training of one kind of generator, all seeds.
func LearningCurves(name string, all []Trained) figure.Figure {
	var curves []figure.LearningCurve
	for _, t := range all {
		if t.Name != name {
			continue
		}
		curves = append(curves, figure.LearningCurveOf(fmt.Sprintf("seed %d", t.Seed), t.History))
	}
	axes := figure.Axes{Title: name + ": learning curves", X: "step", Y: "NLL / nats"}
	if name == "nBG" {
		axes.YRange = [2]float64{-5, 40}
	}
	return figure.LearningCurves(axes, curves...)
}

// GeneralisationTable is the paper's comparison: NLL of the three kinds of generators on the four sets, and their cost.
func GeneralisationTable(all []Trained, sets Unseen) figure.Table {
	var rows [][]any
	for _, name := range generators {
		row := []any{name}
		for _, x := range sets.list() {
			row = append(row, Over(all, name, func(t Trained) float64 { return NLL(t, x) }).String())
		}
		row = append(row,
			Over(all, name, func(t Trained) float64 { return float64(t.History.Best) }).short(0),
			Over(all, name, func(t Trained) float64 { return t.History.Seconds }).short(0))
		rows = append(rows, row)
	}
	return figure.NewTable([]string{"NLL / nats", "trainA", "valA", "testA (unseen)", "ref (all states)", "steps", "seconds"}, rows...)
}

func (u Unseen) list() []particle.Batch { return []particle.Batch{u.TrainA, u.ValA, u.TestA, u.Ref} }

// short is the mean with the given decimals.
func (s Spread) short(decimals int) string { return strconv.FormatFloat(s.Mean(), 'f', decimals, 64) }

// GeneralisationBars draws the table's means with their range over seeds.
func GeneralisationBars(all []Trained, sets Unseen) figure.Figure {
	var series []figure.BarSeries
	for _, name := range generators {
		s := figure.BarSeries{Name: name}
		for _, x := range sets.list() {
			nll := Over(all, name, func(t Trained) float64 { return NLL(t, x) })
			s.Values = append(s.Values, nll.Mean())
			s.Err = append(s.Err, (nll.Max()-nll.Min())/2)
		}
		series = append(series, s)
	}
	return figure.Bars(figure.Axes{Title: "NLL on seen and unseen configurations", Y: "NLL / nats", LogY: true},
		[]string{"trainA", "valA", "testA (unseen)", "ref (all states)"}, series...)
}
