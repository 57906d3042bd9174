package protocol

import (
	"fmt"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// generators lists the kinds of generators in the order of the tables.
var generators = []string{"eqBG", "nBG", "nBG-augmented"}

// Set is a set of configurations with its name in tables and figures.
type Set struct {
	Name string
	X    particle.Batch
}

// StartA is the first configuration of the protocol's trajectories [n·d].
var StartA = []float64{0, 5.4, -2.65, 0.5, 2.65, 0.5, 0, 0}

// Overlays draws 300 configurations of each set over each other.
func Overlays(sets ...Set) figure.Figure {
	var figures []figure.Figure
	for _, s := range sets {
		x := s.X.Slice(0, 300).Clone().RemoveMean()
		gallery := figure.Gallery{Title: s.Name, Overlay: true, Numbered: true, Extent: 6}
		figures = append(figures, figure.Particles(gallery, x))
	}
	return figure.Grid("data", len(sets), figures...)
}

// Scores holds a number for every kind of generator on every set, over seeds.
type Scores struct {
	sets   []string // in the order of Add
	values map[[2]string]Spread
}

// Add adds the number of one more seed.
func (s *Scores) Add(generator, set string, value float64) {
	if s.values == nil {
		s.values = map[[2]string]Spread{}
	}
	if !slices.Contains(s.sets, set) {
		s.sets = append(s.sets, set)
	}
	key := [2]string{generator, set}
	s.values[key] = Spread{append(s.values[key].Values, value)}
}

// Of returns a kind of generator's numbers on a set.
func (s Scores) Of(generator, set string) Spread {
	spread, ok := s.values[[2]string{generator, set}]
	if !ok {
		panic(fmt.Errorf("protocol: no score of %q on %q", generator, set))
	}
	return spread
}

// GeneralisationTable is the paper's comparison: the NLL of the three kinds of generators on the
// sets, and the training cost.
func GeneralisationTable(nll Scores, all []Trained) figure.Table {
	var rows [][]any
	for _, name := range generators {
		row := []any{name}
		for _, set := range nll.sets {
			row = append(row, nll.Of(name, set).String())
		}
		row = append(row,
			Over(all, name, func(t Trained) float64 { return float64(t.History.Best) }).rounded(0),
			Over(all, name, func(t Trained) float64 { return t.History.Seconds }).rounded(0))
		rows = append(rows, row)
	}
	headers := append([]string{"NLL / nats"}, nll.sets...)
	return figure.NewTable(append(headers, "steps", "seconds"), rows...)
}

// GeneralisationBars draws the table's means with their range over seeds.
func GeneralisationBars(nll Scores) figure.Figure {
	var series []figure.BarSeries
	for _, name := range generators {
		s := figure.BarSeries{Name: name}
		for _, set := range nll.sets {
			spread := nll.Of(name, set)
			s.Values = append(s.Values, spread.Mean())
			s.Err = append(s.Err, (spread.Max()-spread.Min())/2)
		}
		series = append(series, s)
	}
	axes := figure.Axes{Title: "NLL on seen and unseen configurations", Y: "NLL / nats", LogY: true}
	return figure.Bars(axes, nll.sets, series...)
}
