package density

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Samples are draws from a density, with energies and weights.
type Samples struct {
	X         particle.Batch
	LogQ      []float64 // log-density of each draw, nats
	Energy    []float64 // reduced energy u of the target, kT
	LogWeight []float64 // −u − log q: the logarithm of the unnormalised importance weight
	// LogQError is the standard error of each LogQ where several probes estimate the divergence,
	// nil otherwise.
	LogQError []float64
}

// Configurations returns the configurations of the samples.
func (s Samples) Configurations() particle.Batch { return s.X }

// Energies returns the reduced energies and the log-weights of the samples.
func (s Samples) Energies() (u, logWeights []float64) { return s.Energy, s.LogWeight }

// AtTemperature returns the samples weighted for another temperature, which is the given multiple
// of the system's own. Energies are then in units of the other kT. The configurations stay, so that
// the weights become less equal the farther the temperatures are apart. It panics if the multiple
// is not positive.
func (s Samples) AtTemperature(multiple float64) Samples {
	if !(multiple > 0) || math.IsInf(multiple, 0) {
		panic(fmt.Errorf("density: %g is no multiple of a temperature; give a positive number, such as 1.2", multiple))
	}
	s.Energy, s.LogWeight = slices.Clone(s.Energy), slices.Clone(s.LogWeight)
	for i := range s.Energy {
		s.Energy[i] /= multiple
		s.LogWeight[i] = -s.Energy[i] - s.LogQ[i]
	}
	return s
}

// String says what the samples are, and the estimates from their weights.
func (s Samples) String() string {
	if s.X.Len() == 0 {
		return "no samples"
	}
	boot := stats.Bootstrap{}
	lines := []string{fmt.Sprintf("%d samples of %d particles in %d dimensions", s.X.Len(), s.X.N, s.X.D)}
	if len(s.LogWeight) == s.X.Len() {
		lines = append(lines, "ESS     "+stats.ESS(s.LogWeight).Percent(),
			"log Z   "+stats.LogZ(s.LogWeight, boot).String())
	}
	if len(s.Energy) == s.X.Len() {
		lines = append(lines, fmt.Sprintf("energy  %s kT, reweighted; %s kT as drawn",
			stats.Mean(s.Energy, s.LogWeight, boot), stats.Mean(s.Energy, nil, boot)))
	}
	return strings.Join(lines, "\n")
}

// Draw draws n images of the prior. The same seed gives the same draws. The flow is solved in the
// given number of steps (0: as trained).
func (q *Pushforward) Draw(n int, seed uint64, steps int) (Image, error) {
	return q.Forward(q.PriorDraws(n, seed), steps)
}

// Prepare compiles the program that Draw needs for n draws, so that Draw can be timed without
// compilation. It draws the fewest configurations that take the same program.
func (q *Pushforward) Prepare(n int) error {
	fewest := 1 + sort.Search(n-1, func(i int) bool { return q.Block(i+1) == q.Block(n) })
	_, err := q.Draw(fewest, 0, 0)
	return err
}

// PriorDraws returns the draws of the prior whose images are those of Draw.
func (q *Pushforward) PriorDraws(n int, seed uint64) particle.Batch { return q.PriorStream(seed)(n) }

// PriorStream returns a function that gives the next n draws of PriorDraws.
func (q *Pushforward) PriorStream(seed uint64) func(n int) particle.Batch {
	rng := rand.New(rand.NewPCG(seed, 0x73616d706c65))
	return func(n int) particle.Batch { return q.Prior.Sample(rng, n) }
}

// Weigh adds a target's energies and log-weights to configurations at the target's end.
func (i Image) Weigh(t target.Target) Samples {
	s := Weigh(t, i.X, i.LogQ)
	s.LogQError = i.LogQError
	return s
}

// Weigh adds a target's energies, in plain Go and float64, and log-weights to configurations with
// their log-density.
func Weigh(t target.Target, x particle.Batch, logQ []float64) Samples {
	s := Samples{X: x, LogQ: logQ, Energy: target.Energies(t, x), LogWeight: make([]float64, x.Len())}
	for i, u := range s.Energy {
		s.LogWeight[i] = -u - logQ[i]
	}
	return s
}

// Set returns the samples as the content of a file: configurations with log_q, u and log_w,
// log_q_error where it is known, the system, the seed of the draws, and the method of the
// divergence.
func (s Samples) Set(t target.Target, d engine.Divergence, seed uint64) (dataset.Set, error) {
	spec, err := target.SpecOf(t)
	if err != nil {
		return dataset.Set{}, err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return dataset.Set{}, fmt.Errorf("eqflow: the system %s cannot be written to a file: %w", t.Name(), err)
	}
	settings, err := json.Marshal(d.Method())
	if err != nil {
		return dataset.Set{}, err
	}
	set := dataset.Set{
		Batch:    s.X,
		Manifest: dataset.Manifest{System: t.Name(), Spec: text, Seed: seed, Settings: settings, CreatedBy: "eqflow"},
		Arrays: dataset.Arrays{
			dataset.Float64("log_q", s.LogQ), dataset.Float64("u", s.Energy), dataset.Float64("log_w", s.LogWeight),
		},
	}
	if s.LogQError != nil {
		set.Arrays = append(set.Arrays, dataset.Float64("log_q_error", s.LogQError))
	}
	return set, nil
}
