package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Record is one point of a learning curve.
type Record struct {
	Step       int     `json:"step"`
	Loss       float64 `json:"loss"`                 // mean over the steps since the last record, nats
	Validation float64 `json:"validation,omitempty"` // NLL of the validation data, nats; 0 without such data
	Seconds    float64 `json:"seconds"`              // since training began, over all calls and restarts
}

// Progress is the state of a running training, as Run.Report receives it.
type Progress struct {
	Step, Steps int
	Loss        float64       // mean over the steps since the last record, nats
	StepLoss    float64       // of the last step alone
	Validation  float64       // last NLL of the validation data, nats; 0 before the first
	Rate        float64       // steps per second, without compiling
	Left        time.Duration // until the last step
	Rung        *Rung         // the last rung of the ladder; nil without one
}

// History is the record of a training run.
type History struct {
	Records []Record `json:"records"`
	Steps   int      `json:"steps"` // steps taken
	// Best is the step whose parameters the model has: the last step, or with early stopping the
	// best one on the validation data. 0 before one is chosen.
	Best    int     `json:"best"`
	BestNLL float64 `json:"best_nll"` // NLL of the validation data at the best step, with early stopping
	Seconds float64 `json:"seconds"`  // over all calls and restarts
	Compile float64 `json:"compile"`  // seconds of the first step of this call, mostly compiling
	// Energies counts the evaluations of the target's energy during training, with or without its
	// gradient.
	Energies int64 `json:"energy_evaluations,omitempty"`
	// Rungs is the ladder of Annealed or EnergyMatching. Spread is the width of the normal
	// distribution at its foot.
	Rungs  []Rung  `json:"rungs,omitempty"`
	Spread float64 `json:"spread,omitempty"`
	// Before lists the earlier trainings that gave this one its first parameters, in their order.
	Before []Stage `json:"before,omitempty"`
}

// Stage is a training from which another training started.
type Stage struct {
	Settings
	StageCost
}

// StageCost is the cost of a stage.
type StageCost struct {
	Taken    int     `json:"taken"`   // steps taken
	Seconds  float64 `json:"seconds"` // over all calls and restarts
	Energies int64   `json:"energy_evaluations,omitempty"`
}

// MarshalJSON writes the settings and the cost into one object.
func (s Stage) MarshalJSON() ([]byte, error) {
	fields, err := fieldsOf(s.Settings)
	if err != nil {
		return nil, err
	}
	cost, err := fieldsOf(s.StageCost)
	if err != nil {
		return nil, err
	}
	maps.Copy(fields, cost)
	return json.Marshal(fields)
}

// UnmarshalJSON reads the output of MarshalJSON.
func (s *Stage) UnmarshalJSON(text []byte) error {
	return errors.Join(json.Unmarshal(text, &s.Settings), json.Unmarshal(text, &s.StageCost))
}

// String says in a line what the training has done: "2000 steps in 1m12s, loss 8.104, …".
func (h History) String() string {
	seconds, energies := h.Total()
	digit := 100 * time.Millisecond
	if seconds > 60 {
		digit = time.Second
	}
	duration := time.Duration(seconds * float64(time.Second)).Round(digit)
	parts := []string{fmt.Sprintf("%d steps in %s", h.Steps, duration)}
	if n := len(h.Records); n > 0 {
		parts = append(parts, fmt.Sprintf("loss %.3f", h.Records[n-1].Loss))
	}
	if _, nll := h.Validations(); len(nll) > 0 {
		parts = append(parts, fmt.Sprintf("validation %.3f nats", nll[len(nll)-1]))
	}
	if h.Best > 0 && h.Best < h.Steps {
		parts = append(parts, fmt.Sprintf("the parameters of step %d are kept", h.Best))
	}
	if n := len(h.Rungs); n > 0 {
		parts = append(parts, fmt.Sprintf("%d rungs", n))
	}
	if energies > 0 {
		parts = append(parts, fmt.Sprintf("%.3g energy evaluations", float64(energies)))
	}
	return strings.Join(parts, ", ")
}

// Total returns the cost of all trainings of a model, earlier ones included.
func (h History) Total() (seconds float64, energies int64) {
	seconds, energies = h.Seconds, h.Energies
	for _, b := range h.Before {
		seconds, energies = seconds+b.Seconds, energies+b.Energies
	}
	return seconds, energies
}

// Losses returns the curve of the training loss.
func (h History) Losses() (steps, loss []float64) {
	for _, r := range h.Records {
		steps, loss = append(steps, float64(r.Step)), append(loss, r.Loss)
	}
	return steps, loss
}

// Validations returns the curve of the NLL of the validation data, which is empty without such
// data.
func (h History) Validations() (steps, nll []float64) {
	for _, r := range h.Records {
		if r.Validation != 0 {
			steps, nll = append(steps, float64(r.Step)), append(nll, r.Validation)
		}
	}
	return steps, nll
}

// Kept returns the step whose parameters the model has.
func (h History) Kept() int { return h.Best }
