package flow

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
)

// kinds is the table of flows that have a name, on the command line and in files. A new field is
// one file in package dynamics and one line here.
var kinds = []kind{
	ofField("kernel", false, func(f dynamics.RadialBasis, _ float64) (dynamics.RadialBasis, int) { return f, 0 }),
	ofField("egnn", true, func(f dynamics.EGNN, rm float64) (dynamics.EGNN, int) {
		f.Middle, f.Mean = 1.5*rm, true
		return f, clusterSteps // on LJ13 the NLL changes by 0.045 from 20 to 40 steps, by 0.001 from 40 to 80
	}),
	ofField("onehop", true, func(f dynamics.OneHop, rm float64) (dynamics.OneHop, int) {
		// The centres reach to 5 times the minimum of a pair, which covers the cluster and the
		// prior's draws. They are denser about the first minimum.
		f.MaxDistance, f.Core, f.Centres, f.Guard = 5*rm, rm, 24, 0.85*rm
		f.Channels, f.Tensors = 32, 16 // a cluster has many angles
		return f, clusterSteps         // on LJ13 the NLL changes by 0.08 from 20 to 40 steps, by 0.01 from 40 to 80
	}),
	ofField("mlp", false, func(f dynamics.MLP, _ float64) (dynamics.MLP, int) { return f, 0 }),
	{
		name:  "realnvp",
		plain: Coupling{},
		fill: func(c Config) (any, bool) {
			coupling, ok := c.(Coupling)
			return coupling.WithDefaults(), ok
		},
		read: func(text json.RawMessage, _ ode.Tableau, _ int) (Config, error) {
			var c Coupling
			return c, json.Unmarshal(text, &c)
		},
		forCluster: func(float64) Config { return Coupling{} },
	},
	{
		name:  "internal",
		plain: Internal{},
		fill: func(c Config) (any, bool) {
			internal, ok := c.(Internal)
			return internal.WithDefaults(), ok
		},
		read: func(text json.RawMessage, _ ode.Tableau, _ int) (Config, error) {
			var c Internal
			return c, json.Unmarshal(text, &c)
		},
		forCluster: func(float64) Config { return Internal{} },
	},
}

// clusterSteps is the number of solver steps for a cluster, whose particles have hard cores.
const clusterSteps = 40

// kind is a row of the table.
type kind struct {
	name     string
	plain    Config // with its defaults
	matching bool   // the flow trains by flow matching by default
	// fill returns a flow's settings with all defaults filled in. ok reports whether the flow is of
	// this kind.
	fill func(c Config) (settings any, ok bool)
	// read returns the flow with the given settings of a file.
	read func(text json.RawMessage, solver ode.Tableau, steps int) (Config, error)
	// forCluster returns the flow with lengths for a cluster whose pairs have their minimum at rm.
	forCluster func(rm float64) Config
}

// withDefaults fills in the defaults of a field that has any.
func withDefaults[F dynamics.Config](field F) F {
	if d, ok := any(field).(interface{ WithDefaults() F }); ok {
		return d.WithDefaults()
	}
	return field
}

// ofField returns the row of a continuous flow. cluster sets the field's lengths and the number of
// solver steps, 0 for the default.
func ofField[F dynamics.Config](name string, matching bool, cluster func(f F, rm float64) (F, int)) kind {
	var zero F
	return kind{
		name: name, plain: Continuous{Field: zero}, matching: matching,
		fill: func(c Config) (any, bool) {
			continuous, ok := c.(Continuous)
			if !ok {
				return nil, false
			}
			field, ok := continuous.WithDefaults().Field.(F)
			if !ok {
				return nil, false
			}
			return withDefaults(field), true
		},
		read: func(text json.RawMessage, solver ode.Tableau, steps int) (Config, error) {
			var field F
			err := json.Unmarshal(text, &field)
			return Continuous{Field: field, Solver: solver, Steps: steps}, err
		},
		forCluster: func(rm float64) Config {
			field, steps := cluster(zero, rm)
			return Continuous{Field: field, Steps: steps}
		},
	}
}

// Names lists the flows that have a name.
func Names() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// NameError is the error for a name that no flow has.
type NameError struct{ Name string }

func (e *NameError) Error() string {
	return fmt.Sprintf("eqflow: no flow %q; use one of %v", e.Name, Names())
}

// named returns the row of a name.
func named(name string) (kind, error) {
	k := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if k < 0 {
		return kind{}, &NameError{name}
	}
	return kinds[k], nil
}

// Named returns a flow with its defaults: "kernel" (the paper's equivariant flow), "egnn" and
// "onehop" (richer ones), "mlp", "realnvp", or "internal", which needs a Chart. The lengths of the
// EGNN and one-hop fields suit DW4.
func Named(name string) (Config, error) {
	k, err := named(name)
	return k.plain, err
}

// ForCluster is Named with the lengths of the EGNN and one-hop fields set for a cluster whose pairs
// have their minimum at the distance rm.
func ForCluster(name string, rm float64) (Config, error) {
	k, err := named(name)
	if err != nil {
		return nil, err
	}
	return k.forCluster(rm), nil
}

// TrainsByMatching reports whether a flow trains by flow matching by default. The EGNN and one-hop
// fields do. They fit the data nearly perfectly, and training by likelihood would solve the flow at
// every step.
func TrainsByMatching(c Config) bool {
	k, _, ok := kindOf(c)
	return ok && k.matching
}

// NameOf returns a flow's name, or its type if it has none.
func NameOf(c Config) string {
	if k, _, ok := kindOf(c); ok {
		return k.name
	}
	return fmt.Sprintf("%T", c)
}

// kindOf returns the row of a flow, with the flow's settings.
func kindOf(c Config) (k kind, settings any, ok bool) {
	for _, k := range kinds {
		if settings, ok := k.fill(c); ok {
			return k, settings, true
		}
	}
	return kind{}, nil, false
}

// Spec describes a flow as data, for files: its name, the settings of its field or coupling layers,
// and the settings of its solver. In JSON the settings stand under the name: {"kernel": {…},
// "solver": "rk4", "solver_steps": 20}.
type Spec struct {
	Name     string
	Settings json.RawMessage
	Solver   string // of a continuous flow
	Steps    int    // of the solver
}

// SpecOf describes a flow with all defaults filled in.
func SpecOf(c Config) (Spec, error) {
	k, settings, ok := kindOf(c)
	if !ok {
		return Spec{}, fmt.Errorf("eqflow: a flow of type %T cannot be kept in a folder; leave Run.Folder empty, "+
			"and use the model within the process", c)
	}
	text, err := json.Marshal(settings)
	spec := Spec{Name: k.name, Settings: text}
	if continuous, ok := c.(Continuous); ok {
		continuous = continuous.WithDefaults()
		spec.Solver, spec.Steps = continuous.Solver.Name, continuous.Steps
	}
	return spec, err
}

// Config returns the flow that the spec describes.
func (s Spec) Config() (Config, error) {
	k, err := named(s.Name)
	if err != nil {
		return nil, fmt.Errorf("%w; the description is of another program, or damaged: train the model again", err)
	}
	var solver ode.Tableau
	if s.Solver != "" {
		if solver, err = ode.ByName(s.Solver); err != nil {
			return nil, err
		}
	}
	c, err := k.read(s.Settings, solver, s.Steps)
	if err != nil {
		return nil, fmt.Errorf("eqflow: the settings of the flow %s cannot be read: %w; train the model again",
			s.Name, err)
	}
	return c, nil
}

// The keys of the solver's settings in a file.
const (
	solverKey = "solver"
	stepsKey  = "solver_steps"
)

// MarshalJSON implements json.Marshaler.
func (s Spec) MarshalJSON() ([]byte, error) {
	fields := map[string]any{s.Name: s.Settings}
	if s.Solver != "" {
		fields[solverKey], fields[stepsKey] = s.Solver, s.Steps
	}
	return json.Marshal(fields)
}

// UnmarshalJSON implements json.Unmarshaler. It reads the settings of the file and fills in all
// defaults.
func (s *Spec) UnmarshalJSON(text []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	read := Spec{}
	for key, into := range map[string]any{solverKey: &read.Solver, stepsKey: &read.Steps} {
		if value, ok := fields[key]; ok {
			if err := json.Unmarshal(value, into); err != nil {
				return err
			}
		}
		delete(fields, key)
	}
	if len(fields) != 1 {
		return fmt.Errorf("eqflow: a flow's description names %d flows instead of one; train the model again",
			len(fields))
	}
	for name := range fields {
		read.Name, read.Settings = name, fields[name]
	}
	if c, err := read.Config(); err == nil { // a setting that the file lacks has its default
		if filled, err := SpecOf(c); err == nil {
			read.Settings = filled.Settings
		}
	}
	*s = read
	return nil
}
