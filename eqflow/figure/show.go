package figure

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Show draws values of these interfaces, besides the types of this package. Other packages
// implement the interfaces without importing this package.
type (
	// Drawable is a value with a figure.
	Drawable interface{ Figure() Figure }
	// Tabular is a value with a table of names and values, such as eqflow.Card and evaluate.Report.
	Tabular interface{ Rows() [][]string }
	// ConfigurationSource is a value with configurations, such as dataset.Set.
	ConfigurationSource interface{ Configurations() particle.Batch }
	// SampleSource is a value with configurations, their energies in kT and their log-weights (nil
	// for equal weights), such as density.Samples.
	SampleSource interface {
		ConfigurationSource
		Energies() (u, logWeights []float64)
	}
	// TrainingHistory is the history of a training, such as train.History: its losses, the NLL of
	// validation data if there are any, and the step whose parameters the model has.
	TrainingHistory interface {
		Losses() (steps, loss []float64)
		Validations() (steps, nll []float64)
		Kept() int
	}
)

// Energies are reduced energies in kT, which Show draws as a histogram.
type Energies []float64

// FreeEnergies are the free energies of numbered states in kT, with standard errors. They are
// infinite for states without samples.
type FreeEnergies []stats.Estimate

// displayableOf returns the form in which Show displays a value.
func displayableOf(v any) (displayable, error) {
	switch v := v.(type) {
	case displayable:
		return v, nil
	case Drawable:
		return v.Figure(), nil
	case TrainingHistory:
		return historyFigure(v), nil
	case SampleSource:
		return sampleFigure(v), nil
	case ConfigurationSource:
		return configurations(v.Configurations()), nil
	case Tabular:
		return Table{Rows: v.Rows()}, nil
	case particle.Batch:
		return configurations(v), nil
	case []particle.Batch:
		return trajectoryFilm(v), nil
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
		return RadialDistribution(v), nil
	case stats.Estimate:
		return NewTable([]string{"value", "standard error"}, []any{v.Value, v.Error}), nil
	}
	return nil, fmt.Errorf("figure: %T cannot be shown; give a figure, a table, configurations, samples, energies, "+
		"estimates, a training history or a trajectory, or a type with a method Figure() figure.Figure", v)
}

// maxShown is the largest number of configurations in a gallery by default.
const maxShown = 10

// configurations draws the first configurations of a batch, with bonds between neighbours.
func configurations(b particle.Batch) Figure {
	g := Gallery{Name: "configurations"}
	if g.check(b) != nil {
		return Particles(g, b) // which reports the error
	}
	if b.Len() > maxShown {
		g.Title = fmt.Sprintf("%d of %d configurations", maxShown, b.Len())
		b = b.Slice(0, maxShown)
	}
	g.Bond = bondLength(b)
	return Particles(g, b)
}

// bondLength returns a little more than the mean nearest distance, so that bonds join neighbours
// only.
func bondLength(b particle.Batch) float64 { return 1.3 * nearestDistance(b) }

// sampleFigure draws the first configurations of a generator above the histogram of all energies,
// raw and reweighted.
func sampleFigure(s SampleSource) Figure {
	u, logWeights := s.Energies()
	kinds := []Sample{{Name: "samples", Values: u}}
	if logWeights != nil {
		kinds = append(kinds, Sample{Name: "reweighted", Values: u, Weights: stats.Weights(logWeights)})
	}
	energies := Histogram(Axes{X: "u / kT", Y: "density"}, 0, kinds...)
	return Grid("samples", 1, configurations(s.Configurations()), energies)
}

// LearningCurveOf returns the learning curve of a training.
func LearningCurveOf(name string, h TrainingHistory) LearningCurve {
	l := LearningCurve{Name: name}
	l.Steps, l.Train = h.Losses()
	l.ValidationSteps, l.Validation = h.Validations()
	if n := len(l.Steps); n > 0 && float64(h.Kept()) < l.Steps[n-1] {
		l.Stopped = float64(h.Kept())
	}
	return l
}

func historyFigure(h TrainingHistory) Figure {
	curve := LearningCurveOf("", h)
	if n := len(curve.Steps); n < 2 {
		return failed("learning curve", "the training has %d records, too few for a curve; train for more steps", n)
	}
	return LearningCurves(Axes{Name: "learning curve", X: "step", Y: "loss / nats"}, curve)
}

// trajectoryFilm returns the film of a trajectory whose frames are evenly spaced in flow time, from
// the prior to the target.
func trajectoryFilm(frames []particle.Batch) Figure {
	g := Gallery{Name: "path"}
	if len(frames) == 0 {
		return Film(g, 0, nil)
	}
	frames = slices.Clone(frames)
	for k, f := range frames {
		if err := g.check(f); err != nil {
			return failed(g.Name, "frame %d: %w", k, err)
		}
		frames[k] = f.Slice(0, min(f.Len(), maxShown))
	}
	g.Bond = bondLength(frames[len(frames)-1])
	return Film(g, 0, FlowTimes(len(frames)), frames...)
}

// FlowTimes returns the subtitles of a film whose frames are evenly spaced in flow time, from 0
// (prior) to 1 (target).
func FlowTimes(frames int) []string {
	out := make([]string, frames)
	for k := range out {
		out[k] = fmt.Sprintf("t = %.2f", float64(k)/float64(max(1, frames-1)))
	}
	return out
}

// estimates draws numbered values with their standard errors as bars.
func estimates(a Axes, values []stats.Estimate) Figure {
	labels := make([]string, len(values))
	s := BarSeries{
		ShowValues: true, Missing: "no samples",
		Values: make([]float64, len(values)), Err: make([]float64, len(values)),
	}
	for k, v := range values {
		labels[k] = strconv.Itoa(k)
		s.Values[k], s.Err[k] = v.Value, v.Error
		if math.IsInf(v.Value, 0) {
			s.Values[k], s.Err[k] = math.NaN(), 0
		}
	}
	return Bars(a, labels, s)
}
