package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// axis is a size along which cost is measured.
type axis struct {
	name  string // "batch", "particles", "solver steps"
	cases []Case
	at    func(Case) float64
}

// axes returns the axes along which a training step is measured: the batch and the solver's steps
// on DW4, and the number of particles in space.
func axes() []axis {
	batch := axis{name: "batch", at: func(c Case) float64 { return float64(c.Batch) }}
	for b := 64; b <= 4096; b *= 2 {
		batch.cases = append(batch.cases, Case{Train, "kernel", "dw4", b, usualSteps})
	}
	n := axis{name: "particles", at: func(c Case) float64 { return float64(particles(c.System)) }}
	for _, size := range []int{4, 7, 13, 20, 30, 55} {
		n.cases = append(n.cases, Case{Train, "kernel", fmt.Sprint("lj", size), 16, usualSteps})
	}
	steps := axis{name: "solver steps", at: func(c Case) float64 { return float64(c.Steps) }}
	for s := 20; s <= 160; s *= 2 {
		steps.cases = append(steps.cases, Case{Train, "kernel", "dw4", 256, s})
	}
	return []axis{batch, n, steps}
}

// particles returns the number in a system's name.
func particles(system string) int {
	n, _ := strconv.Atoi(strings.TrimLeft(system, "dwlj"))
	return n
}

// synthetic makes a problem for a case without a reference. Its configurations are those of DW4, or
// the first particles of those of LJ55, repeated as often as needed.
func synthetic(c Case) (problem, error) {
	n, like := particles(c.System), "dw4"
	if strings.HasPrefix(c.System, "lj") {
		like = "lj55"
	}
	from, err := readReference(c.Flow, like)
	if err != nil || n > from.n {
		return problem{}, fmt.Errorf("bench: there are no configurations for %s: %w", c.System, err)
	}
	out := dataset.Arrays{dataset.Int64("shape", []int64{int64(n), int64(from.d)})}
	for _, name := range []string{"weights", "bias", "importance", "neg_log_gammas", "neg_log_gammas_time"} {
		a, _ := from.Get(name)
		out = append(out, a)
	}
	t := make([]float32, c.Batch)
	for k := range t {
		t[k] = (float32(k) + 0.5) / float32(c.Batch)
	}
	for _, name := range []string{"data", "z"} {
		out = append(out, dataset.Float32(name, narrow(from.some(name, n, c.Batch).X), c.Batch, n, from.d))
	}
	return newProblem(append(out, dataset.Float32("t", t))), nil
}

// some returns count configurations of the first n particles each. It starts over when the problem
// has no more.
func (p problem) some(name string, n, count int) particle.Batch {
	all := particle.Batch{X: p.values(name), N: p.n, D: p.d}
	out := particle.NewBatch(count, n, p.d)
	for k := range count {
		copy(out.At(k), all.At(k % all.Len())[:n*p.d])
	}
	return out.RemoveMean()
}

// Curve is the growth of a contender's cost along an axis. The cost is processor time, which counts
// the work of all cores.
type Curve struct {
	Axis      string    `json:"axis"`
	Contender string    `json:"contender"`
	At        []float64 `json:"at"`
	Cost      []float64 `json:"cpu_ms"`   // processor time of a call, over all cores
	Exponent  float64   `json:"exponent"` // of the power law through all points, by least squares of the logarithms
	First     float64   `json:"first"`    // between the first two points
	Last      float64   `json:"last"`     // between the last two
}

// Growth measures the curves. It ignores the plan's cases.
func (p Plan) Growth(ctx context.Context) (Result, error) {
	p.unjudged, p.Cases = true, nil
	all := axes()
	for _, a := range all {
		for _, c := range a.cases {
			if !slices.Contains(p.Cases, c) {
				p.Cases = append(p.Cases, c)
			}
		}
	}
	result, err := p.Run(ctx)
	return Result{Machine: result.Machine, Curves: curves(all, result.Rows)}, err
}

func curves(axes []axis, rows []Row) []Curve {
	var out []Curve
	for _, a := range axes {
		byName := map[string]*Curve{}
		var names []string
		for _, c := range a.cases {
			for _, row := range rows {
				if row.Case != c || row.Note != "" {
					continue
				}
				curve := byName[row.Contender]
				if curve == nil {
					curve = &Curve{Axis: a.name, Contender: row.Contender}
					byName[row.Contender], names = curve, append(names, row.Contender)
				}
				curve.At, curve.Cost = append(curve.At, a.at(c)), append(curve.Cost, row.CPU)
			}
		}
		for _, name := range names {
			out = append(out, byName[name].fitted())
		}
	}
	return out
}

func (c Curve) fitted() Curve {
	last := len(c.At)
	c.Exponent = exponent(c.At, c.Cost)
	if last >= 2 {
		c.First, c.Last = exponent(c.At[:2], c.Cost[:2]), exponent(c.At[last-2:], c.Cost[last-2:])
	}
	return c
}

// exponent returns the slope of ln y against ln x, by least squares.
func exponent(x, y []float64) float64 {
	n, mx, my := float64(len(x)), 0.0, 0.0
	for k := range x {
		mx, my = mx+math.Log(x[k])/n, my+math.Log(y[k])/n
	}
	top, bottom := 0.0, 0.0
	for k := range x {
		dx := math.Log(x[k]) - mx
		top, bottom = top+dx*(math.Log(y[k])-my), bottom+dx*dx
	}
	return top / bottom
}

// growthTable returns the curves as numbers.
func growthTable(curves []Curve) figure.Table {
	t := figure.Table{Headers: []string{"along", "contender", "from", "to", "CPU ms", "exponent", "first", "last"}}
	two := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	for _, c := range curves {
		last := len(c.At) - 1
		t.Rows = append(t.Rows, []string{c.Axis, c.Contender, fmt.Sprint(c.At[0]), fmt.Sprint(c.At[last]),
			digits(c.Cost[0]) + " … " + digits(c.Cost[last]), two(c.Exponent), two(c.First), two(c.Last)})
	}
	return t
}

// growthPicture draws the curves, one panel for each axis, with the exponents in the legend.
func growthPicture(curves []Curve) figure.Figure {
	var panels []figure.Figure
	for _, a := range axes() {
		var series []figure.Series
		for _, c := range curves {
			if c.Axis == a.name {
				name := fmt.Sprintf("%s: %.2f", c.Contender, c.Exponent)
				series = append(series, figure.Series{Name: name, X: c.At, Y: c.Cost, Style: figure.Joined})
			}
		}
		if series != nil {
			axes := figure.Axes{
				Title: "A training step, by " + a.name, X: a.name, Y: "CPU time / ms",
				LogX: true, LogY: true, Height: 760,
			}
			panels = append(panels, figure.Lines(axes, series...))
		}
	}
	return figure.Grid("How the cost of a training step grows", len(panels), panels...)
}
