package figure

import (
	"fmt"
	"math"
	"strconv"

	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// What Show draws besides this package's own types. Packages that compute need not know this one for it.
type (
	// Drawn is anything that draws itself.
	Drawn interface{ Figure() Figure }
	// Tabular is anything that is a table of names and values, such as eqflow.Card and eqflow.Report.
	Tabular interface{ Rows() [][]string }
	// Configured holds configurations, such as dataset.Set.
	Configured interface{ Configurations() particle.Batch }
	// Weighed holds configurations with their energies in kT and log-weights (nil: all alike), such as eqflow.Samples.
	Weighed interface {
		Configured
		Energies() (u, logWeights []float64)
	}
	// Trained is the history of a training, such as eqflow.History: its losses, the NLL of validation data where there
	// are any, and the step whose parameters were kept.
	Trained interface {
		Losses() (steps, loss []float64)
		Validations() (steps, nll []float64)
		Kept() int
	}
)

// Energies are reduced energies in kT, which Show draws as a histogram.
type Energies []float64

// FreeEnergies are those of numbered states in kT, with standard errors. Infinite ones are those of states without samples.
type FreeEnergies []stats.Estimate

// itemOf finds the form in which a value shows itself.
func itemOf(v any) (item, error) {
	switch v := v.(type) {
	case item:
		return v, nil
	case Drawn:
		return v.Figure(), nil
	case Trained:
		return curveOf(v), nil
	case Weighed:
		return samplesOf(v), nil
	case Configured:
		return configurations(v.Configurations()), nil
	case Tabular:
		return Table{Rows: v.Rows()}, nil
	case particle.Batch:
		return configurations(v), nil
	case []particle.Batch:
		return pathFilm(v), nil
	case Energies:
		return Histogram(Axes{Name: "energies", X: "u / kT", Y: "density"}, 0, Sample{Values: v}), nil
	case []float64:
		return Histogram(Axes{Name: "values", X: "value", Y: "density"}, 0, Sample{Values: v}), nil
	case FreeEnergies:
		return estimates(Axes{Name: "free energies", X: "state", Y: "free energy / kT"}, v), nil
	case []stats.Estimate:
		return estimates(Axes{Name: "estimates", X: "class", Y: "estimate"}, v), nil
	case measure.Profile:
		return FreeEnergy(v), nil
	case measure.RadialDistribution:
		return Radial(v), nil
	case stats.Estimate:
		return NewTable([]string{"value", "standard error"}, []any{v.Value, v.Error}), nil
	}
	return nil, fmt.Errorf("figure: %T does not show itself; give a figure, a table, configurations, samples, energies, estimates, a history or a path, "+
		"or a type with a method Figure() figure.Figure", v)
}

// shownAtOnce is how many configurations a gallery without further wishes has room for.
const shownAtOnce = 10

// configurations shows the first of a batch, bonds between near particles.
func configurations(b particle.Batch) Figure {
	g := Gallery{Name: "configurations"}
	if g.check(b) != nil {
		return Particles(g, b) // which says what is wrong
	}
	if b.Len() > shownAtOnce {
		g.Title = fmt.Sprintf("%d of %d configurations", shownAtOnce, b.Len())
		b = b.Slice(0, shownAtOnce)
	}
	g.Bond = bondLength(b)
	return Particles(g, b)
}

// bondLength joins a particle to those hardly farther than its nearest.
func bondLength(b particle.Batch) float64 { return 1.3 * usualDistance(b) }

// samplesOf shows a generator's first configurations over the histogram of all energies, raw and reweighted.
func samplesOf(s Weighed) Figure {
	u, logWeights := s.Energies()
	kinds := []Sample{{Name: "samples", Values: u}}
	if logWeights != nil {
		kinds = append(kinds, Sample{Name: "reweighted", Values: u, Weights: stats.Weights(logWeights)})
	}
	return Grid("samples", 1, configurations(s.Configurations()), Histogram(Axes{X: "u / kT", Y: "density"}, 0, kinds...))
}

// RunOf is the learning curve of a training.
func RunOf(name string, h Trained) Run {
	r := Run{Name: name}
	r.Steps, r.Train = h.Losses()
	r.ValidationSteps, r.Validation = h.Validations()
	if n := len(r.Steps); n > 0 && float64(h.Kept()) < r.Steps[n-1] {
		r.Stopped = float64(h.Kept())
	}
	return r
}

func curveOf(h Trained) Figure {
	run := RunOf("", h)
	if len(run.Steps) < 2 {
		return failed("learning curve", "the training has %d records, of which no curve can be drawn; train for more steps", len(run.Steps))
	}
	return LearningCurves(Axes{Name: "learning curve", X: "step", Y: "loss / nats"}, run)
}

// pathFilm plays a flow's path: frames are evenly spaced in flow time, from the prior to the target.
func pathFilm(frames []particle.Batch) Figure {
	g := Gallery{Name: "path"}
	if len(frames) == 0 {
		return Film(g, 0, nil)
	}
	frames = append([]particle.Batch(nil), frames...)
	for k, f := range frames {
		if err := g.check(f); err != nil {
			return failed(g.Name, "frame %d: %w", k, err)
		}
		frames[k] = f.Slice(0, min(f.Len(), shownAtOnce))
	}
	g.Bond = bondLength(frames[len(frames)-1])
	return Film(g, 0, FlowTimes(len(frames)), frames...)
}

// FlowTimes are a film's subtitles for frames evenly spaced in flow time, from 0 (prior) to 1 (target).
func FlowTimes(frames int) []string {
	out := make([]string, frames)
	for k := range out {
		out[k] = fmt.Sprintf("t = %.2f", float64(k)/float64(max(1, frames-1)))
	}
	return out
}

// estimates draws values with their standard errors, numbered from 0.
func estimates(a Axes, values []stats.Estimate) Figure {
	labels := make([]string, len(values))
	s := BarSeries{ShowValues: true, Missing: "no samples", Values: make([]float64, len(values)), Err: make([]float64, len(values))}
	for k, v := range values {
		labels[k] = strconv.Itoa(k)
		s.Values[k], s.Err[k] = v.Value, v.Error
		if math.IsInf(v.Value, 0) {
			s.Values[k], s.Err[k] = math.NaN(), 0
		}
	}
	return Bars(a, labels, s)
}
