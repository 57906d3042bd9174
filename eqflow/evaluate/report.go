package evaluate

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

// Check holds an NLL against finer solves and against what is known. A likelihood that training pushed below the truth by
// way of the solver changes when the solver's steps do.
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
	N      int    `json:"n"` // configurations scored
	Origin
	engine.Method
	density.Noise
	Check
	Adaptive
	Weights
	Cost
	measure.Distances
	KnownLogZ    float64 `json:"known_log_z,omitempty"`   // from elsewhere, where known
	KnownEntropy float64 `json:"known_entropy,omitempty"` // the lowest honest NLL on equilibrium data
	// Radial and FreeEnergies are of the reweighted samples, beside those of the data.
	Radial       []measure.RadialDistribution `json:"radial,omitempty"`
	FreeEnergies []measure.Profile            `json:"free_energies,omitempty"`
}

// Origin says what was judged.
type Origin struct {
	Flow            string  `json:"flow"`             // its name in flow.Names, or its type
	Engine          string  `json:"engine,omitempty"` // what computed it
	Parameters      int     `json:"parameters"`
	TrainingSteps   int     `json:"training_steps"`
	TrainingSeconds float64 `json:"training_seconds"`
	// TrainingEnergies counts the evaluations of the target's energy that training has made.
	TrainingEnergies int64 `json:"training_energy_evaluations"`
}

// Cost is what samples and their weights took, without compiling, on the machine of the evaluation.
type Cost struct {
	Backend           string  `json:"backend"`
	SamplingSeconds   float64 `json:"sampling_seconds"` // of drawing and weighing all samples; 0 if none were drawn
	EffectivePerSec   float64 `json:"effective_samples_per_second"`
	EnergyEvaluations int64   `json:"energy_evaluations"` // of the target, for the weights: one a sample
}

// Adaptive holds the NLL of the first configurations by a solver that chooses its own steps, beside theirs by the fixed
// ones. AdaptiveN is 0 for flows without a solver.
type Adaptive struct {
	AdaptiveN   int     `json:"adaptive_n"`         // configurations solved so
	AdaptiveNLL float64 `json:"nll_adaptive"`       // nats
	FixedNLL    float64 `json:"nll_adaptive_fixed"` // of the same configurations, with the steps as trained
	Tolerance   float64 `json:"adaptive_tolerance"` // of a step's estimated error
}

// Weights are what the importance weights of the model's own samples tell.
type Weights struct {
	Samples     int     `json:"samples"`     // drawn; 0 if none were, and the rest then means nothing
	ESS         float64 `json:"ess"`         // Kish's effective share of the samples, in [0, 1]
	LogZ        float64 `json:"log_z"`       // nats, from the mean weight
	LogZError   float64 `json:"log_z_error"` // bootstrap
	Energy      float64 `json:"energy"`      // reweighted ⟨u⟩, kT
	EnergyError float64 `json:"energy_error"`
	Virial      float64 `json:"virial"` // reweighted ⟨x·∇u⟩; (n−1)·d for a correct sample of a scale-free prior
	VirialError float64 `json:"virial_error"`
	// WeightsTrustworthy is false where log Z and the averages hang on a handful of samples.
	WeightsTrustworthy bool   `json:"weights_trustworthy"`
	WeightsWhy         string `json:"weights_why"`
}

// MarshalJSON writes null for what is not finite, and leaves out what was not measured.
func (r Report) MarshalJSON() ([]byte, error) { return json.Marshal(r.fields()) }

// fields are the report's by their names in JSON.
func (r Report) fields() map[string]any {
	out := finite.Fields(r)
	drop := func(part any) {
		maps.DeleteFunc(out, func(name string, _ any) bool { _, of := finite.Fields(part)[name]; return of })
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
	unknown(reflect.ValueOf(&read).Elem())
	err := json.Unmarshal(text, &read)
	*r = Report(read)
	return err
}

// unknown makes every number of a struct, and of those embedded in it, NaN.
func unknown(v reflect.Value) {
	for i := range v.NumField() {
		switch field := v.Field(i); {
		case field.Kind() == reflect.Float64:
			field.SetFloat(math.NaN())
		case v.Type().Field(i).Anonymous:
			unknown(field)
		}
	}
}

// Rows are the evaluation as a table of names and values.
func (r Report) Rows() [][]string {
	rows := [][]string{{"NLL / nats", fmt.Sprintf("%.3f, %.3f, %.3f with n, 2n, 4n steps", r.NLL, r.NLL2, r.NLL4)}, {"judgement", r.Why}}
	if r.Samples > 0 {
		rows = append(rows, []string{"ESS", fmt.Sprintf("%.1f %% of %d samples", 100*r.ESS, r.Samples)},
			[]string{"log Z", fmt.Sprintf("%.3f ± %.3f", r.LogZ, r.LogZError)}, []string{"weights", r.WeightsWhy})
	}
	return rows
}
