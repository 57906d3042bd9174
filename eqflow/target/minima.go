package target

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// sameShape is the largest difference between the sorted pair distances of two copies of one
// minimum, in units of length.
const sameShape = 1e-2

// Minimum is a local minimum of a target's energy.
type Minimum struct {
	Energy    float64
	X         []float64 // [n*d], mean-free
	Distances []float64 // pair distances, sorted among pairs that relabellings exchange: the shape
	Found     int       // number of starts that ended here
}

// Search is the settings of Minima. Its zero value is good for few particles.
type Search struct {
	Starts int     // relaxations; 0 means 300
	Spread float64 // standard deviation of the starting coordinates; 0 means 3
	Seed   uint64
}

var minimaCache sync.Map // of searchKey to []Minimum

type searchKey struct {
	target Target
	search Search
}

// Minima returns the distinct local minima of t that relaxation from random starts finds, lowest
// energy first.
//
// Copies by rotation, reflection and relabellings of t count once. The same search gives the same
// list, and a repeated search returns it from memory. Larger clusters have far more minima than any
// search finds.
func Minima(t Target, search Search) ([]Minimum, error) {
	search.Starts, search.Spread = cmp.Or(search.Starts, 300), cmp.Or(search.Spread, 3)
	key := searchKey{t, search}
	cacheable := reflect.ValueOf(t).Comparable()
	if cacheable {
		if known, ok := minimaCache.Load(key); ok {
			return cloneMinima(known.([]Minimum)), nil
		}
	}
	relaxed, failures := make([]Minimum, search.Starts), make([]error, search.Starts)
	parallel.For(Concurrency(t), search.Starts, func(i int) {
		relaxed[i], failures[i] = relaxFrom(t, search, uint64(i))
	})
	minima := distinct(relaxed)
	if len(minima) == 0 {
		return nil, fmt.Errorf("target: %s relaxed to no minimum from %d starts; give another spread: %w",
			t.Name(), search.Starts, failures[0])
	}
	if cacheable {
		minimaCache.Store(key, cloneMinima(minima))
	}
	return minima, nil
}

func relaxFrom(t Target, search Search, start uint64) (Minimum, error) {
	rng := rand.New(rand.NewPCG(search.Seed, start))
	x := make([]float64, t.Particles()*t.Dim())
	for k := range x {
		x[k] = search.Spread * rng.NormFloat64()
	}
	x, u, err := Relax(t, x)
	if err != nil {
		return Minimum{}, err
	}
	return Minimum{Energy: u, X: x, Distances: shape(t, x), Found: 1}, nil
}

// distinct sorts relaxed configurations by energy and merges configurations of one shape. It drops
// failures, which have no X.
func distinct(relaxed []Minimum) []Minimum {
	relaxed = slices.DeleteFunc(relaxed, func(m Minimum) bool { return m.X == nil })
	slices.SortStableFunc(relaxed, func(a, b Minimum) int { return cmp.Compare(a.Energy, b.Energy) })
	var minima []Minimum
	for _, m := range relaxed {
		if at := shapeIndex(minima, m.Distances); at >= 0 {
			minima[at].Found++
		} else {
			minima = append(minima, m)
		}
	}
	return minima
}

// shape returns the pair distances of x [n*d], sorted among pairs that relabellings of t exchange.
func shape(t Target, x []float64) []float64 {
	if RelabellingOf(t).All() {
		return particle.SortedDistances(x, t.Dim())
	}
	_, roles := RelabellingOf(t).Roles(t.Particles())
	byRole := make([][]float64, slices.Max(roles)+1)
	for p, r := range particle.Distances(x, t.Dim()) {
		byRole[roles[p]] = append(byRole[roles[p]], r)
	}
	for _, distances := range byRole {
		slices.Sort(distances)
	}
	return slices.Concat(byRole...)
}

// shapeIndex returns the index of the minimum with these sorted distances, or −1.
func shapeIndex(minima []Minimum, distances []float64) int {
	return slices.IndexFunc(minima, func(m Minimum) bool {
		for k, d := range m.Distances {
			if math.Abs(d-distances[k]) > sameShape {
				return false
			}
		}
		return true
	})
}

// Basin returns the index of the minimum to which x [n*d] relaxes, or −1 if minima does not contain
// it.
func Basin(t Target, minima []Minimum, x []float64) int {
	relaxed, _, err := Relax(t, x)
	if err != nil {
		return -1
	}
	return shapeIndex(minima, shape(t, relaxed))
}

// Basins returns the index of the minimum of every configuration [batch], over all cores.
//
// Only thermal configurations count: the energy must lie at most `within` (in kT; 6, for example)
// above the minimum. Any other configuration gets −1, because a dilute cloud of particles relaxes
// to an arbitrary minimum.
func Basins(t Target, minima []Minimum, batch particle.Batch, within float64) []int {
	ceiling := math.Inf(-1)
	for _, m := range minima {
		ceiling = max(ceiling, m.Energy+within)
	}
	basins := make([]int, batch.Len())
	parallel.For(Concurrency(t), batch.Len(), func(i int) {
		basins[i] = -1
		u := t.EnergyForces(batch.At(i), nil)
		if u > ceiling {
			return
		}
		if at := Basin(t, minima, batch.At(i)); at >= 0 && u <= minima[at].Energy+within {
			basins[i] = at
		}
	})
	return basins
}

func cloneMinima(minima []Minimum) []Minimum {
	out := slices.Clone(minima)
	for i := range out {
		out[i].X, out[i].Distances = slices.Clone(out[i].X), slices.Clone(out[i].Distances)
	}
	return out
}
