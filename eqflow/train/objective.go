package train

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Objective is a quantity that training minimises, together with the settings that only it has. An
// objective is plain data with useful zero values. In files its JSON fields stand beside those of
// Settings.
//
// A new objective is one file that implements this interface, and one line in Objectives. The
// optional interfaces Defaulting, PathObjective, GraphObjective and LadderObjective extend it.
type Objective interface {
	fmt.Stringer // the objective's name, on the command line and in files
	// Validate returns an error that names the first setting out of range.
	Validate() error
	// Fits returns an error if the objective cannot train the flow on the given number of devices.
	Fits(c flow.Config, devices int) error
	// DataFree reports whether the objective learns from the target's energy alone.
	DataFree() bool
	// Feed draws the inputs of the loss for a step, given the step's number.
	Feed(f *Feed, step int) (engine.Inputs, error)
	// Loss returns the training loss of a flow between its ends.
	Loss(e Ends, c flow.Config) engine.Loss
	// Energies returns the number of energies that one step evaluates, given the batch size and the
	// flow.
	Energies(batch int, c flow.Config) int64
}

// Defaulting is an objective that fills in its own defaults. steps is the length of the training.
type Defaulting interface{ WithDefaults(steps int) Objective }

// PathObjective is an objective that can take path gradients along trajectories of the flow.
type PathObjective interface {
	// FollowsTrajectories reports whether a step evaluates the field along trajectories of the
	// flow.
	FollowsTrajectories(c flow.Config) bool
}

// GraphObjective is an objective whose loss can need the target's energy inside a graph. A
// target.Graphless has none.
type GraphObjective interface {
	// EnergyInGraph reports whether the loss of a flow needs the energy inside a graph.
	EnergyInGraph(c flow.Config) bool
}

// LadderObjective is an objective that learns from the model's own draws, one rung after the other.
type LadderObjective interface{ Ladder() Ladder }

// Objectives lists the named objectives, with zero settings.
var Objectives = []Objective{
	Likelihood{}, Energy{}, Mixture{}, Matching{}, Annealed{}, EnergyMatching{},
}

// ObjectiveNamed returns the objective of that name, with zero settings.
func ObjectiveNamed(name string) (Objective, error) {
	var names []string
	for _, o := range Objectives {
		if o.String() == name {
			return o, nil
		}
		names = append(names, o.String())
	}
	return nil, badSetting("no objective %q; use one of %v", name, names)
}

// Ends holds the distributions at the two ends of the flow.
type Ends struct {
	Prior  prior.MeanFree
	Target target.Target
}

// followsTrajectories reports whether a step of an objective evaluates the field along
// trajectories.
func followsTrajectories(o Objective, c flow.Config) bool {
	path, ok := o.(PathObjective)
	return ok && path.FollowsTrajectories(c)
}

// isContinuous reports whether a flow is continuous.
func isContinuous(c flow.Config) bool {
	_, ok := c.(flow.Continuous)
	return ok
}

// objectiveKey is the key of an objective's name in a file.
const objectiveKey = "objective"

// MarshalJSON writes the objective's settings and the other settings into one object.
func (s Settings) MarshalJSON() ([]byte, error) {
	type plain Settings // without this method
	fields, err := fieldsOf(plain(s))
	if err != nil || s.Objective == nil {
		return nil, fmt.Errorf("eqflow: settings without an objective have no text: %w", err)
	}
	own, err := fieldsOf(s.Objective)
	if err != nil {
		return nil, err
	}
	maps.Copy(fields, own)
	if fields[objectiveKey], err = json.Marshal(s.Objective.String()); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// fieldsOf returns the JSON fields of a value.
func fieldsOf(v any) (fields map[string]json.RawMessage, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return fields, json.Unmarshal(text, &fields)
}

// ObjectiveSettings lists the objective's settings for a model's card. A comma precedes each.
func (s Settings) ObjectiveSettings() (text string) {
	fields, err := fieldsOf(s.Objective)
	if err != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		text += fmt.Sprintf(", %s %s", strings.ReplaceAll(name, "_", " "), strings.Trim(string(fields[name]), `"`))
	}
	return text
}

// UnmarshalJSON reads the output of MarshalJSON. It also reads files of earlier versions, which
// hold the settings of every objective and write a negative number for "none".
func (s *Settings) UnmarshalJSON(text []byte) error {
	type plain Settings // without this method
	var read plain
	var named struct {
		Objective string `json:"objective"`
	}
	for _, into := range []any{&read, &named} {
		if err := json.Unmarshal(text, into); err != nil {
			return err
		}
	}
	objective, err := ObjectiveNamed(named.Objective)
	if err != nil {
		return err
	}
	own := reflect.New(reflect.TypeOf(objective))
	if err := json.Unmarshal(text, own.Interface()); err != nil {
		return err
	}
	read.Objective = own.Elem().Interface().(Objective)
	if d, ok := read.Objective.(Defaulting); ok {
		read.Objective = d.WithDefaults(read.Steps)
	}
	read.Average = zeroIfNegative(read.Average)
	*s = Settings(read)
	return nil
}

// zeroIfNegative returns 0 for a negative number: earlier versions wrote −1 for "none".
func zeroIfNegative(v *float64) *float64 {
	if v != nil && *v < 0 {
		return new(0.0)
	}
	return v
}

// orDefault returns v, or the default where v is nil. 0 means "none".
func orDefault(v *float64, value float64) *float64 {
	if v == nil {
		return &value
	}
	return zeroIfNegative(v)
}

// valueOf returns the number that v points to, or 0 for nil.
func valueOf(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// tamed is target.Tame in a graph.
func tamed(u *Node, cut float64) *Node {
	excess := Max(AddScalar(u, -cut), ScalarZero(u.Graph(), u.DType()))
	return Add(Min(u, Scalar(u.Graph(), u.DType(), cut)), Log1P(excess))
}
