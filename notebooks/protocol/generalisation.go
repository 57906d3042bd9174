package protocol

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// generators lists the kinds of generators in the order of the tables.
var generators = []string{"eqBG", "nBG", "nBG-augmented"}

// Unseen holds the data of the unseen-trajectory protocol.
type Unseen struct {
	TrainA, ValA, TestA, Ref particle.Batch
}

// setNames are the names of the four sets in tables and figures.
var setNames = []string{"trainA", "valA", "testA (unseen)", "ref (all states)"}

func (u Unseen) list() []particle.Batch { return []particle.Batch{u.TrainA, u.ValA, u.TestA, u.Ref} }

// StartA is the first configuration of the protocol's trajectories [n·d].
var StartA = []float64{0, 5.4, -2.65, 0.5, 2.65, 0.5, 0, 0}

// Unseen returns the protocol's four sets: a short trajectory for training; a long trajectory of
// the same state; a long trajectory of that state relabelled and rotated, of which the training
// data hold nothing; and equilibrium data of all states.
func (l *Lab) Unseen() Unseen {
	moved := particle.Relabel(StartA, l.System.D, []int{2, 0, 3, 1})
	particle.Rotate(moved, particle.Rotation2(math.Pi/2), l.System.D)
	return Unseen{
		TrainA: l.trajectory("trainA", StartA, 100_000, 11),
		ValA:   l.trajectory("valA", StartA, 1_000_000, 12),
		TestA:  l.trajectory("testA", moved, 1_000_000, 13),
		Ref:    l.Equilibrium("ref", 24_000, 14),
	}
}

// UnseenJobs train the three kinds of generators on trainA, for every seed.
func (l *Lab) UnseenJobs(sets Unseen) []Job {
	data := train.Data{Train: sets.TrainA, Validation: sets.ValA.Slice(0, 2048)}
	var jobs []Job
	for _, recipe := range []Recipe{l.NBGAugmented(), l.EqBG(), l.NBG()} {
		jobs = append(jobs, l.Jobs(recipe, data)...)
	}
	return jobs
}

// Overlays draws 300 configurations of each set over each other.
func Overlays(sets Unseen) figure.Figure {
	var figures []figure.Figure
	for i, name := range []string{"trainA", "valA", "testA", "ref"} {
		x := sets.list()[i].Slice(0, 300).Clone().RemoveMean()
		gallery := figure.Gallery{Title: name, Overlay: true, Numbered: true, Extent: 6}
		figures = append(figures, figure.Particles(gallery, x))
	}
	return figure.Grid("data", 4, figures...)
}

// GeneralisationTable is the paper's comparison: the NLL of the three kinds of generators on the
// four sets, and the training cost.
func GeneralisationTable(all []Trained, sets Unseen) figure.Table {
	var rows [][]any
	for _, name := range generators {
		row := []any{name}
		for _, x := range sets.list() {
			row = append(row, Over(all, name, func(t Trained) float64 { return NLL(t, x) }).String())
		}
		row = append(row,
			Over(all, name, func(t Trained) float64 { return float64(t.History.Best) }).rounded(0),
			Over(all, name, func(t Trained) float64 { return t.History.Seconds }).rounded(0))
		rows = append(rows, row)
	}
	headers := append([]string{"NLL / nats"}, setNames...)
	return figure.NewTable(append(headers, "steps", "seconds"), rows...)
}

// GeneralisationBars draws the table's numbers, with a mark for every seed.
func GeneralisationBars(all []Trained, sets Unseen) figure.Figure {
	var series []figure.BarSeries
	for _, name := range generators {
		s := figure.BarSeries{Name: figure.Words(name)}
		for _, x := range sets.list() {
			nll := Over(all, name, func(t Trained) float64 { return NLL(t, x) })
			s.Seeds = append(s.Seeds, nll.Values)
		}
		series = append(series, s)
	}
	axes := figure.Axes{Title: "NLL on seen and unseen configurations", Y: "NLL / nats", LogY: true}
	return figure.Bars(axes, setNames, series...)
}
