package evaluate

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

// Check compares an NLL with finer solves and with the known entropy. If training has exploited the
// solver to lower the likelihood, the NLL changes with the number of solver steps.
type Check struct {
	NLL         float64 `json:"nll"`    // nats, as trained
	NLL2        float64 `json:"nll_2n"` // with twice the solver's steps
	NLL4        float64 `json:"nll_4n"` // with four times as many
	Error       float64 `json:"nll_error"`
	Trustworthy bool    `json:"trustworthy"`
	Why         string  `json:"why"`
}

// Report is the evaluation of a model.
type Report struct {
	System string `json:"system"`
	// Description says what the system is, if its name does not say it all.
	Description string `json:"description,omitempty"`
	N           int    `json:"n"` // configurations scored
	Origin
	engine.Method
	density.Noise
	Check
	Adaptive
	Weights
	Cost
	measure.Distances
	KnownLogZ    float64 `json:"known_log_z,omitempty"`   // known independently
	KnownEntropy float64 `json:"known_entropy,omitempty"` // lower bound of the NLL on equilibrium data
	// Radial and FreeEnergies hold functions of the reweighted samples, with those of the data
	// beside them.
	Radial       []measure.RadialDistribution `json:"radial,omitempty"`
	FreeEnergies []measure.Profile            `json:"free_energies,omitempty"`
	// Chirality counts the samples of each hand at the stereocentres of a molecule.
	Chirality []molecule.Chirality `json:"chirality,omitempty"`
}

// Origin describes the model that was judged.
type Origin struct {
	Flow            string  `json:"flow"`             // its name in flow.Names, or its type
	Engine          string  `json:"engine,omitempty"` // name of the engine that computed it
	Parameters      int     `json:"parameters"`
	TrainingSteps   int     `json:"training_steps"`
	TrainingSeconds float64 `json:"training_seconds"`
	// TrainingEnergies counts the evaluations of the target's energy during training.
	TrainingEnergies int64 `json:"training_energy_evaluations"`
}

// Cost is the cost of samples and their weights, without compiling, on the machine of the
// evaluation.
type Cost struct {
	Backend           string  `json:"backend"`
	SamplingSeconds   float64 `json:"sampling_seconds"` // time to draw and weigh all samples; 0 without samples
	EffectivePerSec   float64 `json:"effective_samples_per_second"`
	EnergyEvaluations int64   `json:"energy_evaluations"` // of the target, for the weights: one per sample
}

// Adaptive compares the NLL of the first configurations by a solver that chooses its own steps with
// their NLL by the fixed steps. AdaptiveN is 0 for flows without a solver.
type Adaptive struct {
	AdaptiveN   int     `json:"adaptive_n"`         // configurations compared
	AdaptiveNLL float64 `json:"nll_adaptive"`       // nats
	FixedNLL    float64 `json:"nll_adaptive_fixed"` // of the same configurations, with the steps as trained
	Tolerance   float64 `json:"adaptive_tolerance"` // bound on a step's estimated error
}

// Weights are the estimates from the importance weights of the model's own samples.
type Weights struct {
	Samples     int     `json:"samples"`     // number drawn; if it is 0, the other fields have no meaning
	ESS         float64 `json:"ess"`         // Kish's effective share of the samples, in [0, 1]
	ESSError    float64 `json:"ess_error"`   // by the delta method
	LogZ        float64 `json:"log_z"`       // nats, from the mean weight
	LogZError   float64 `json:"log_z_error"` // bootstrap
	Energy      float64 `json:"energy"`      // reweighted ⟨u⟩, kT
	EnergyError float64 `json:"energy_error"`
	Virial      float64 `json:"virial"` // reweighted ⟨x·∇u⟩; (n−1)·d for a correct sample
	VirialError float64 `json:"virial_error"`
	// WeightsTrustworthy is false if log Z and the averages depend on a handful of samples.
	WeightsTrustworthy bool   `json:"weights_trustworthy"`
	WeightsWhy         string `json:"weights_why"`
}

// MarshalJSON writes null for numbers that are not finite, and omits the parts that were not
// measured.
func (r Report) MarshalJSON() ([]byte, error) { return json.Marshal(r.fields()) }

// fields returns the report's fields by their names in JSON.
func (r Report) fields() map[string]any {
	out := finite.Fields(r)
	drop := func(part any) {
		inPart := finite.Fields(part)
		maps.DeleteFunc(out, func(name string, _ any) bool { _, ok := inPart[name]; return ok })
	}
	if r.Samples == 0 {
		drop(r.Weights)
		drop(r.Cost)
	}
	if r.Probes < 2 {
		drop(r.Noise)
	}
	if r.AdaptiveN == 0 {
		drop(r.Adaptive)
	}
	if r.Compared == 0 {
		drop(r.Distances)
	}
	return out
}

// UnmarshalJSON reads a report. Numbers that are null or missing become NaN.
func (r *Report) UnmarshalJSON(text []byte) error {
	type plain Report // without this method
	var read plain
	setNaN(reflect.ValueOf(&read).Elem())
	err := json.Unmarshal(text, &read)
	*r = Report(read)
	return err
}

// setNaN sets every number of a struct, and of the structs embedded in it, to NaN.
func setNaN(v reflect.Value) {
	for i := range v.NumField() {
		switch field := v.Field(i); {
		case field.Kind() == reflect.Float64:
			field.SetFloat(math.NaN())
		case v.Type().Field(i).Anonymous:
			setNaN(field)
		}
	}
}

// Rows returns the evaluation as a table of names and values.
func (r Report) Rows() [][]string {
	rows := [][]string{
		{"NLL / nats", fmt.Sprintf("%.3f, %.3f, %.3f with n, 2n, 4n steps", r.NLL, r.NLL2, r.NLL4)},
		{"judgement", r.Why},
	}
	if r.Samples > 0 {
		ess := stats.Estimate{Value: r.ESS, Error: r.ESSError}
		rows = append(rows, []string{"ESS", fmt.Sprintf("%s of %d samples", ess.Percent(), r.Samples)},
			[]string{"log Z", stats.Estimate{Value: r.LogZ, Error: r.LogZError}.String()},
			[]string{"energy", stats.Estimate{Value: r.Energy, Error: r.EnergyError}.String() + " kT, reweighted"},
			[]string{"weights", r.WeightsWhy})
	}
	return rows
}

// String returns the rows as aligned lines, for fmt.Println.
func (r Report) String() string {
	var lines []string
	for _, row := range r.Rows() {
		lines = append(lines, fmt.Sprintf("%-10s  %s", row[0], row[1]))
	}
	return strings.Join(lines, "\n")
}
