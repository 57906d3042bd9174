package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
)

// Picture draws the result. Rows give one panel for each flow and work, with the processor time of
// each contender's calls, which depends least on what else the machine does. Curves and training
// runs have pictures of their own.
func (r Result) Picture() figure.Figure {
	if r.Curves != nil {
		return growthPicture(r.Curves)
	}
	if r.Runs != nil {
		return racePicture(r.Runs)
	}
	var names []string // a contender has the same colour in all panels
	for _, row := range r.Rows {
		if !slices.Contains(names, row.Contender) {
			names = append(names, row.Contender)
		}
	}
	var panels []figure.Figure
	for _, flow := range Flows {
		for _, work := range Works {
			if rows := r.of(flow, work); rows != nil {
				panels = append(panels, panel(fmt.Sprintf("%s, %s", workNames[work], flow), names, rows))
			}
		}
	}
	return figure.Grid("Processor time of each contender", min(2, len(panels)), panels...)
}

// of returns the rows of a flow and a kind of work.
func (r Result) of(flow string, work Work) []Row {
	var out []Row
	for _, row := range r.Rows {
		if row.Flow == flow && row.Work == work {
			out = append(out, row)
		}
	}
	return out
}

// panel draws the cases of one kind of work as groups of bars. Contenders without a time have no
// bar.
func panel(title string, names []string, rows []Row) figure.Figure {
	var labels []string
	for _, row := range rows {
		if label := caseLabel(row.Case); !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	series := make([]figure.BarSeries, len(names))
	for k, name := range names {
		series[k].Values = slices.Repeat([]float64{math.NaN()}, len(labels))
		for _, row := range rows {
			if row.Contender == name && row.Note == "" {
				series[k].Name = name
				series[k].Values[slices.Index(labels, caseLabel(row.Case))] = row.CPU
			}
		}
	}
	return figure.Bars(figure.Axes{Title: title, Y: "CPU time of a call / ms", LogY: true}, labels, series...)
}

func caseLabel(c Case) string { return fmt.Sprintf("%s, %d", strings.ToUpper(c.System), c.Batch) }

// racePicture draws quality against time, with one curve for each run and one colour for each
// contender.
func racePicture(runs []TrainingRun) figure.Figure {
	var series []figure.Series
	var names []string
	axes := figure.Axes{
		Title: "From data to a good generator", X: "seconds since the process began", Y: "NLL of test data / nats",
		LogX: true, YMarks: []figure.Mark{{At: goalNLL, Label: "good"}},
	}
	if runs[0].Flow == "egnn" {
		axes.Y, axes.YMarks = "ESS", []figure.Mark{{At: goalESS, Label: "good"}}
	}
	for _, run := range runs {
		s := figure.Series{Style: figure.Joined}
		k := slices.Index(names, run.Contender)
		if k < 0 {
			k, names, s.Name = len(names), append(names, run.Contender), run.Contender
		}
		s.Color = figure.Color(k)
		for _, look := range run.Looks {
			s.X, s.Y = append(s.X, look.Seconds), append(s.Y, look.quality(run.Flow))
		}
		series = append(series, s)
	}
	return figure.Lines(axes, series...)
}
