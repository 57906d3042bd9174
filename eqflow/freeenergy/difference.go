package freeenergy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Difference is a difference of free energy by several methods, and whether they agree.
type Difference struct {
	Results  []Result
	Overlaps []float64 // of neighbouring rungs
	Agree    bool      // as Verdict says
	Why      string
}

// mbarResult is the place of MBAR in the results of a ladder.
const mbarResult = 2

// Compare returns the difference by all methods of a ladder, with the verdict on them.
func (l Ladder) Compare(boot stats.Bootstrap) (d Difference, err error) {
	if d.Results, err = l.Results(boot); err != nil {
		return d, err
	}
	logZ, err := l.States().LogZ(stats.Bootstrap{Resamples: 2})
	if err != nil {
		return d, err
	}
	d.Overlaps = l.Overlaps(logZ)
	d.Agree, d.Why = Verdict(d.Results)
	return d, nil
}

// Free returns the difference by MBAR, which uses the samples of all rungs.
func (d Difference) Free() stats.Estimate { return d.Results[mbarResult].Free }

// Rows are the methods with their results, the overlap of the rungs, and the verdict.
func (d Difference) Rows() [][]string {
	var rows [][]string
	for _, r := range d.Results {
		text := r.Free.String() + " kT"
		if r.Doubt != "" {
			text += ", in doubt: " + r.Doubt
		}
		rows = append(rows, []string{r.Method, text})
	}
	if len(d.Overlaps) > 0 {
		rows = append(rows, []string{"overlap of neighbouring rungs",
			fmt.Sprintf("%.2f to %.2f", slices.Min(d.Overlaps), slices.Max(d.Overlaps))})
	}
	verdict := "the methods agree: "
	if !d.Agree {
		verdict = "not confirmed: "
	}
	return append(rows, []string{"verdict", verdict + d.Why})
}

// String is Rows as text.
func (d Difference) String() string {
	rows, width := d.Rows(), 0
	for _, row := range rows {
		width = max(width, len([]rune(row[0])))
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = fmt.Sprintf("%-*s  %s", width, row[0], row[1])
	}
	return strings.Join(lines, "\n")
}
