package session

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/freeenergy"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Ladder draws n configurations by Markov chains on each rung of the straight path between two
// systems of the same particles, the ends included. The rungs are drawn at the first call, and
// again after a change of a system, the number of rungs, n or seed. Difference compares the free
// energies of the ends.
func (s *Session) Ladder(name string, a, b target.Target, rungs, n int, seed uint64) freeenergy.Ladder {
	other := must(json.Marshal(must(target.SpecOf(b))))
	return s.climb(name, freeenergy.Path{A: a, B: b}, map[string]any{"to": json.RawMessage(other)}, rungs, n, seed)
}

// TemperatureLadder is Ladder for one system at two temperatures: its own, and a multiple of it.
func (s *Session) TemperatureLadder(
	name string, t target.Target, multiple float64, rungs, n int, seed uint64,
) freeenergy.Ladder {
	path := freeenergy.Path{A: t, B: freeenergy.AtTemperature(t, multiple)}
	return s.climb(name, path, map[string]any{"multiple": multiple}, rungs, n, seed)
}

// climb draws the rungs of a path. to says what end B is.
func (s *Session) climb(
	name string, p freeenergy.Path, to map[string]any, rungs, n int, seed uint64,
) (l freeenergy.Ladder) {
	if err := p.Validate(); err != nil {
		panic(err)
	}
	if rungs < 2 {
		panic(fmt.Errorf("session: a ladder of %d rungs; give at least 2, its ends", rungs))
	}
	for k, lambda := range freeenergy.Lambdas(rungs) {
		recipe := map[string]any{"lambda": lambda, "n": n}
		for key, v := range to {
			recipe[key] = v
		}
		seed := seed + uint64(k)<<32
		x := s.Drawn(fmt.Sprintf("%s-%d", name, k), p.A, seed, recipe,
			func(report func(done, total int)) (particle.Batch, mcmc.Info, error) {
				return mcmc.Equilibrium(context.Background(), p.At(lambda), n, mcmc.Auto, seed, report)
			})
		l = append(l, p.Rung(lambda, x))
	}
	return l
}

// Difference returns the free energy of a ladder's end less that of its beginning, each in kT of
// its own temperature, by perturbation from both ends, MBAR and thermodynamic integration, with the
// verdict whether they agree. figure.Show and fmt.Println show it. For one system at two
// temperatures it is log Z at the first less log Z at the second, which the weights of a generator
// give too (density.Samples.AtTemperature).
func Difference(l freeenergy.Ladder) freeenergy.Difference { return must(l.Compare(stats.Bootstrap{})) }
