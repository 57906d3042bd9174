package bench

import (
	"fmt"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
)

// Picture draws the fastest call of every contender in every case: bars on a logarithmic scale.
func (r Result) Picture() figure.Figure {
	var labels []string
	var cases []Case
	var series []figure.BarSeries
	for _, row := range r.Rows {
		at := slices.Index(cases, row.Case)
		if at < 0 {
			at, cases = len(cases), append(cases, row.Case)
			labels = append(labels, fmt.Sprintf("%s %d", row.System, row.Batch))
		}
		k := slices.IndexFunc(series, func(s figure.BarSeries) bool { return s.Name == row.Contender })
		if k < 0 {
			k, series = len(series), append(series, figure.BarSeries{Name: row.Contender})
		}
		for len(series[k].Values) <= at {
			series[k].Values = append(series[k].Values, math.NaN())
		}
		if row.Note == "" {
			series[k].Values[at] = row.Fastest
		}
	}
	for k := range series {
		for len(series[k].Values) < len(cases) {
			series[k].Values = append(series[k].Values, math.NaN())
		}
	}
	return figure.Bars(figure.Axes{Title: "bench", Y: "fastest call / ms", LogY: true}, labels, series...)
}
