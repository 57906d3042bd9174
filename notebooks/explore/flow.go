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

// The numbers of frames and of configurations of a film, which are small since the notebook stores
// the film, and of a journey, which has a frame for every position of its slider.
const (
	filmFrames, inFilm       = 31, 3
	journeyFrames, inPicture = positions + 1, 4
)

// discRadius is the drawn radius of a particle, as a fraction of the distance below which a pair is
// short. It is constant along the flow.
const discRadius = 0.1

// Forwards returns the film of prior draws on their way to the target.
func Forwards(m *eqflow.Model, seed uint64) figure.Figure {
	path := must(m.Path(draws(m, inFilm, seed), filmFrames))
	return film("From the prior to the target", 0, 1, m, path)
}

// Backwards returns the film of configurations on their way to the prior. difference is the error
// of the round trip: the largest difference of a coordinate after the flow back to the target.
func Backwards(m *eqflow.Model, x particle.Batch) (f figure.Figure, difference float64) {
	path := must(m.PathToPrior(x.Slice(0, inFilm), filmFrames))
	again, _, err := m.FromPrior(path[filmFrames-1], 0)
	if err != nil {
		panic(err)
	}
	for i, v := range again.X {
		difference = math.Max(difference, math.Abs(v-path[0].X[i]))
	}
	return film("From the target to the prior", 1, 0, m, path), difference
}

func film(title string, t0, t1 float64, m *eqflow.Model, path []particle.Batch) figure.Figure {
	times := make([]string, len(path))
	for k := range times {
		times[k] = fmt.Sprintf("t = %.2f", t0+(t1-t0)*float64(k)/float64(len(path)-1))
	}
	bond := cutoff(m.Target)
	gallery := figure.Gallery{Title: title, Bond: bond, Radius: discRadius * bond, Columns: inFilm}
	return figure.Film(gallery, 0, times, path...)
}

// cutoff returns the distance below which a pair is short, for a system whose pairs have two wells,
// and 0 for other systems.
func cutoff(t target.Target) float64 {
	if wells, ok := t.(target.PairWells); ok {
		return wells.Cutoff()
	}
	return 0
}

func draws(m *eqflow.Model, n int, seed uint64) particle.Batch {
	return m.Prior.Sample(rand.New(rand.NewPCG(seed, 6)), n)
}

// Journey is the path of many prior draws through the flow.
type Journey struct {
	path   []particle.Batch
	target []float64 // pair distances of the target
	bond   float64
	extent float64
}

// inJourney is the number of draws of a journey, which is enough for a histogram of their pair
// distances.
const inJourney = 2000

// Travel follows prior draws through the flow. The pictures show also the pair distances of x,
// which are equilibrium configurations of the target.
func Travel(m *eqflow.Model, x particle.Batch, seed uint64) Journey {
	path := must(m.Path(draws(m, inJourney, seed), journeyFrames))
	return Journey{path: path, target: distances(x), bond: cutoff(m.Target), extent: 1.1 * maxCoordinate(path)}
}

// maxCoordinate returns the largest coordinate of the drawn configurations along their path.
func maxCoordinate(path []particle.Batch) float64 {
	largest := 0.0
	for _, x := range path {
		for _, v := range x.Slice(0, inPicture).X {
			largest = math.Max(largest, math.Abs(v))
		}
	}
	return largest
}

// At draws some configurations at flow time t in [0, 1], and the pair distances of all.
func (j Journey) At(t float64) figure.Figure {
	x := j.path[int(math.Round(t*float64(len(j.path)-1)))]
	return figure.Grid("journey", 1,
		figure.Particles(figure.Gallery{
			Title: fmt.Sprintf("t = %.2f", t), Bond: j.bond, Extent: j.extent, Radius: discRadius * j.bond,
			Columns: inPicture,
		}, x.Slice(0, inPicture)),
		figure.Histogram(figure.Axes{
			X: "pair distance", Y: "density", XRange: [2]float64{0, 9}, YRange: [2]float64{0, 0.75}, Height: 300,
		}, 90,
			figure.Sample{Name: "target, by MCMC", Values: j.target, Filled: true},
			figure.Sample{Name: fmt.Sprintf("%d draws at t = %.2f", x.Len(), t), Values: distances(x)}))
}

// distances returns all pair distances of a batch.
func distances(b particle.Batch) []float64 {
	var all []float64
	for i := range b.Len() {
		all = append(all, particle.Distances(b.At(i), b.D)...)
	}
	return all
}
