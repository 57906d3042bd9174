package protocol

import (
	"context"
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
)

// longestBond is the distance, nm, below which a picture joins two atoms of a dipeptide. The
// hydrogens of a methyl are farther apart.
const longestBond = 0.165

// MoleculeGallery draws configurations of a molecule.
func MoleculeGallery(c *ensemble.Canonical, x particle.Batch, captions ...string) figure.Figure {
	return figure.Particles(figure.Gallery{Title: c.Name(), Captions: captions, Bond: longestBond}, x)
}

// TermsTable shows the energy of one configuration [n*3] by the forces of the System file.
func TermsTable(c *ensemble.Canonical, x []float64) figure.Table {
	s := c.System()
	potential := must(molecule.NewPotential(s, molecule.Options{}))
	out := molecule.Energies{Total: make([]float64, 1), ByForce: make([]float64, len(s.Forces))}
	if err := potential.Compute(particle.Batch{X: x, N: s.Atoms(), D: 3}, out); err != nil {
		panic(err)
	}
	var rows [][]any
	for k, f := range s.Forces {
		rows = append(rows, []any{f.Name, f.Terms.Len(), fmt.Sprintf("%.2f", out.ByForce[k])})
	}
	rows = append(rows, []any{"all", "", fmt.Sprintf("%.2f", out.Total[0])})
	return figure.NewTable([]string{"force", "terms", "energy / kJ/mol"}, rows...)
}

// Tempered is what replica exchange drew at the lowest temperature.
type Tempered struct {
	X           particle.Batch // [ladders·kept, n, 3], those of a ladder in a row
	Ladders     int
	Evaluations int64 // of energies and forces
	RoundTrips  int64 // of configurations, to the highest temperature and back
}

// ReplicaExchange runs replicas once and keeps their configurations under a name.
func (l *Lab) ReplicaExchange(name string, c *ensemble.Canonical, m mcmc.Replicas) Tempered {
	recipe := map[string]any{
		"betas": m.Betas, "ladders": m.Ladders, "burn": m.Burn, "thin": m.Thin, "keep": m.Keep, "step": m.TimeStep,
		"adapt": m.Adapt, "masses": m.Masses, "start": m.Start.X, "sampler": "replica exchange with HMC",
	}
	counts := name + "-counts"
	x := l.session.Drawn(name, c, m.Seed, recipe,
		func(report func(done, total int)) (particle.Batch, mcmc.Info, error) {
			m.Progress = report
			run, err := m.Run(context.Background(), c, nil)
			if err != nil {
				return particle.Batch{}, mcmc.Info{}, err
			}
			l.session.Put(counts, []int64{run.Evaluations, run.RoundTrips})
			steps := int(run.Trajectories)
			accepted := mcmc.Info{Steps: steps, Accepted: int(run.Acceptance(0) * float64(steps))}
			return run.LadderSamples(), accepted, nil
		})
	kept := session.Get[[]int64](l.session, counts)
	return Tempered{X: x, Ladders: m.Ladders, Evaluations: kept[0], RoundTrips: kept[1]}
}

// Mirrored is the number of configurations of the other hand than the structure's.
func Mirrored(hands []molecule.Chirality) (count int) {
	for _, h := range hands {
		count += h.Mirrored
	}
	return count
}

// Above returns the share of configurations with a variable above 0 at the lowest temperature, with
// the error of independent ladders.
func (t Tempered) Above(v measure.Variable) stats.Estimate {
	each := t.X.Len() / t.Ladders
	shares := make([]float64, t.Ladders)
	for i := range t.X.Len() {
		if v.Value(t.X.At(i), 0) > 0 {
			shares[i/each] += 1 / float64(each)
		}
	}
	return stats.Mean(shares, nil, stats.Bootstrap{})
}

// Above returns the share of weighted configurations with a variable above 0. Nil weights are
// equal.
func Above(v measure.Variable, x particle.Batch, logWeights []float64) stats.Estimate {
	in := make([]float64, x.Len())
	for i := range in {
		if v.Value(x.At(i), 0) > 0 {
			in[i] = 1
		}
	}
	return stats.Mean(in, logWeights, stats.Bootstrap{})
}

// Difference returns the free energy, kT, of a state with a given share less that of the rest.
func Difference(share stats.Estimate) stats.Estimate {
	p := share.Value
	return stats.Estimate{Value: math.Log((1 - p) / p), Error: share.Error / (p * (1 - p))}
}

// leastWeight is the share of a configuration below which a map leaves it out: it would stretch the
// scale over hundreds of kT.
const leastWeight = 1e-7

// Ramachandran draws the free energy over the angles φ and ψ, in degrees.
func Ramachandran(title string, phi, psi measure.Variable, x particle.Batch, logWeights []float64) figure.Figure {
	if logWeights == nil {
		logWeights = make([]float64, x.Len())
	}
	var a, b, weights []float64
	for i, w := range stats.Weights(logWeights) {
		if w >= leastWeight {
			a, b = append(a, phi.Value(x.At(i), 0)), append(b, psi.Value(x.At(i), 0))
			weights = append(weights, w)
		}
	}
	circle := [2]float64{-180, 180}
	axes := figure.Axes{Title: title, X: "φ / degrees", Y: "ψ / degrees", XRange: circle, YRange: circle}
	return figure.FreeEnergyLandscape(axes, 36, a, b, weights)
}

// Angle is the dihedral angle of four atoms, in degrees, as a collective variable.
func Angle(name string, c target.Target, atoms [4]int) measure.Variable {
	expression := fmt.Sprintf("dihedral(%d,%d,%d,%d)", atoms[0], atoms[1], atoms[2], atoms[3])
	v := must(measure.ParseVariable(expression, c.Particles(), c.Dim()))
	v.Name = name
	return v
}
