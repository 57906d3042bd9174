package explore

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The frames of a film and how many configurations it shows: few, for a notebook holds it. A journey has a frame for every
// position of its slider.
const (
	frames, inFilm      = 31, 3
	stations, inPicture = positions + 1, 4
)

// discs is the radius of a particle, as a share of the distance under which pairs are short: the same on all of the way.
const discs = 0.1

// Forwards is the film of prior draws on their way to the target.
func Forwards(m *eqflow.Model, seed uint64) figure.Figure {
	path := must(m.Path(draws(m, inFilm, seed), frames))
	return film("From the prior to the target", 0, 1, m, path)
}

// Backwards is the film of configurations on their way to the prior, and how far from where they began the flow then brings
// them back to: the largest difference of a coordinate.
func Backwards(m *eqflow.Model, x particle.Batch) (f figure.Figure, apart float64) {
	path := must(m.PathToPrior(x.Slice(0, inFilm), frames))
	again, _, err := m.FromPrior(path[frames-1], 0)
	if err != nil {
		panic(err)
	}
	for i, v := range again.X {
		apart = math.Max(apart, math.Abs(v-path[0].X[i]))
	}
	return film("From the target to the prior", 1, 0, m, path), apart
}

func film(title string, t0, t1 float64, m *eqflow.Model, path []particle.Batch) figure.Figure {
	times := make([]string, len(path))
	for k := range times {
		times[k] = fmt.Sprintf("t = %.2f", t0+(t1-t0)*float64(k)/float64(len(path)-1))
	}
	bond := short(m.Target)
	return figure.Film(figure.Gallery{Title: title, Bond: bond, Radius: discs * bond, Columns: inFilm}, 0, times, path...)
}

// short is the distance under which a pair is short, where the system's pairs have two wells; 0 where not.
func short(t target.Target) float64 {
	if wells, ok := t.(target.PairWells); ok {
		return wells.Cutoff()
	}
	return 0
}

func draws(m *eqflow.Model, n int, seed uint64) particle.Batch {
	return m.Prior.Sample(rand.New(rand.NewPCG(seed, 6)), n)
}

// Journey is the way of many draws through the flow.
type Journey struct {
	path   []particle.Batch
	target []float64 // pair distances of the target
	bond   float64
	extent float64
}

// inJourney is how many draws a journey has: enough for a histogram of their pair distances.
const inJourney = 2000

// Travel follows prior draws through the flow. The pair distances of x, fair configurations of the target, stand behind the
// pictures.
func Travel(m *eqflow.Model, x particle.Batch, seed uint64) Journey {
	path := must(m.Path(draws(m, inJourney, seed), stations))
	return Journey{path: path, target: distances(x), bond: short(m.Target), extent: 1.1 * reach(path)}
}

// reach is how far from the middle the configurations that are drawn come on their way.
func reach(path []particle.Batch) float64 {
	most := 0.0
	for _, x := range path {
		for _, v := range x.Slice(0, inPicture).X {
			most = math.Max(most, math.Abs(v))
		}
	}
	return most
}

// At draws some of the configurations at flow time t in [0, 1], and the pair distances of all.
func (j Journey) At(t float64) figure.Figure {
	x := j.path[int(math.Round(t*float64(len(j.path)-1)))]
	return figure.Grid("journey", 1,
		figure.Particles(figure.Gallery{
			Title: fmt.Sprintf("t = %.2f", t), Bond: j.bond, Extent: j.extent, Radius: discs * j.bond, Columns: inPicture,
		}, x.Slice(0, inPicture)),
		figure.Histogram(figure.Axes{X: "pair distance", Y: "density", XRange: [2]float64{0, 9}, YRange: [2]float64{0, 0.75}, Height: 300}, 90,
			figure.Sample{Name: "target, by MCMC", Values: j.target, Filled: true},
			figure.Sample{Name: fmt.Sprintf("%d draws at t = %.2f", x.Len(), t), Values: distances(x)}))
}

// distances are all pair distances of a batch.
func distances(b particle.Batch) []float64 {
	var all []float64
	for i := range b.Len() {
		all = append(all, particle.Distances(b.At(i), b.D)...)
	}
	return all
}
