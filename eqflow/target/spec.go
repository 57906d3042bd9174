package target

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// The kinds of system that a Spec can name.
const (
	KindDoubleWell   = "double-well"
	KindLennardJones = "lennard-jones"
	KindHarmonic     = "harmonic"
)

// Spec is a target as data: the form in which model folders, manifests and settings files name their system.
//
// In JSON: {"kind":"double-well","n":4,"d":2,"constants":{"a":0,"b":-4,"c":0.9,"d0":4,"kt":1}}. Constants that are
// left out keep the values of DW4, of LJ13 and of a unit trap. Constants lists the names of each kind.
type Spec struct {
	Kind       string             `json:"kind"`
	N          int                `json:"n"`
	D          int                `json:"d"`
	Constants  map[string]float64 `json:"constants,omitempty"`
	Convention Convention         `json:"convention,omitempty"`
	// Own is the name of a system of the user's own, of KindOwn: FromSpec finds it among those that FromGraph has made.
	Own string `json:"own,omitempty"`
}

// kind makes the targets of one kind and takes them apart again.
type kind struct {
	defaults map[string]float64
	build    func(s Spec, c map[string]float64) Target
}

var kinds = map[string]kind{
	KindDoubleWell: {
		defaults: DW4().constants(),
		build: func(s Spec, c map[string]float64) Target {
			return DoubleWell{N: s.N, D: s.D, A: c["a"], B: c["b"], C: c["c"], D0: c["d0"], KT: c["kt"]}
		},
	},
	KindLennardJones: {
		defaults: LJ13().constants(),
		build: func(s Spec, c map[string]float64) Target {
			if s.Convention == "" {
				s.Convention = Ordered
			}
			return LennardJones{N: s.N, D: s.D, Epsilon: c["epsilon"], Rm: c["rm"], K: c["k"], KT: c["kt"], Convention: s.Convention}
		},
	},
	KindHarmonic: {
		defaults: Harmonic{K: 1}.constants(),
		build: func(s Spec, c map[string]float64) Target {
			return Harmonic{N: s.N, D: s.D, K: c["k"]}
		},
	},
}

func (t DoubleWell) constants() map[string]float64 {
	return map[string]float64{"a": t.A, "b": t.B, "c": t.C, "d0": t.D0, "kt": orOne(t.KT)}
}

func (t LennardJones) constants() map[string]float64 {
	t = t.normalised()
	return map[string]float64{"epsilon": t.Epsilon, "rm": t.Rm, "k": t.K, "kt": t.KT}
}

func (t Harmonic) constants() map[string]float64 {
	return map[string]float64{"k": orOne(t.K)}
}

// Kinds lists the kinds of system, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Constants lists the names of a kind's constants, sorted; nil for an unknown kind.
func Constants(kindName string) []string { return slices.Sorted(maps.Keys(kinds[kindName].defaults)) }

// FromSpec returns the target that s describes, or an error that says what in s is wrong.
func FromSpec(s Spec) (Target, error) {
	if s.Kind == KindOwn {
		return ownFromSpec(s)
	}
	k, ok := kinds[s.Kind]
	if !ok {
		return nil, fmt.Errorf("target: unknown kind %q; give one of %s", s.Kind, strings.Join(Kinds(), ", "))
	}
	constants := maps.Clone(k.defaults)
	for name, value := range s.Constants {
		if _, ok := constants[name]; !ok {
			return nil, fmt.Errorf("target: a %s has no constant %q; it has %s", s.Kind, name, strings.Join(Constants(s.Kind), ", "))
		}
		if name == "kt" && value == 0 {
			return nil, fmt.Errorf("target: kt = 0 has no Boltzmann distribution; give kt > 0")
		}
		constants[name] = value
	}
	if s.Convention != "" && s.Kind != KindLennardJones {
		return nil, fmt.Errorf("target: a %s has no convention %q; remove it", s.Kind, s.Convention)
	}
	t := k.build(s, constants)
	return t, t.(interface{ Validate() error }).Validate()
}

// SpecOf returns the description from which FromSpec makes t again.
func SpecOf(t Target) (Spec, error) {
	spec := Spec{N: t.Particles(), D: t.Dim()}
	switch t := t.(type) {
	case DoubleWell:
		spec.Kind, spec.Constants = KindDoubleWell, t.constants()
	case LennardJones:
		spec.Kind, spec.Constants, spec.Convention = KindLennardJones, t.constants(), t.normalised().Convention
	case Harmonic:
		spec.Kind, spec.Constants = KindHarmonic, t.constants()
	case *Own:
		return t.spec(), nil
	default:
		return Spec{}, fmt.Errorf("target: %s (%T) has no spec; use one of the kinds %s", t.Name(), t, strings.Join(Kinds(), ", "))
	}
	return spec, nil
}

// Title is the name of the system that s describes, also where its energy is not at hand.
func (s Spec) Title() (string, error) {
	if s.Kind == KindOwn {
		return s.Own, nil
	}
	t, err := FromSpec(s)
	if err != nil {
		return "", err
	}
	return t.Name(), nil
}

// Difference says in what a system's description is not that of t, as "c is 0.8, not 0.9"; it is empty where they agree.
func Difference(s Spec, t Target) string {
	mine, err := SpecOf(t)
	if err != nil {
		return err.Error()
	}
	other, err := FromSpec(s)
	if err != nil {
		return err.Error()
	}
	theirs, err := SpecOf(other) // with the constants that were left out
	if err != nil {
		return err.Error()
	}
	switch {
	case theirs.Own != mine.Own:
		return fmt.Sprintf("%q, not %q", theirs.Own, mine.Own)
	case theirs.Kind != mine.Kind:
		return fmt.Sprintf("a %s, not a %s", theirs.Kind, mine.Kind)
	case theirs.N != mine.N || theirs.D != mine.D:
		return fmt.Sprintf("%d particles in %d dimensions, not %d in %d", theirs.N, theirs.D, mine.N, mine.D)
	case theirs.Convention != mine.Convention:
		return fmt.Sprintf("convention %q, not %q", theirs.Convention, mine.Convention)
	}
	for _, name := range Constants(mine.Kind) {
		if theirs.Constants[name] != mine.Constants[name] {
			return fmt.Sprintf("%s is %g, not %g", name, theirs.Constants[name], mine.Constants[name])
		}
	}
	return ""
}

// ReadSpec reads a settings file in Spec's JSON form; unknown fields are errors.
func ReadSpec(path string) (Spec, error) {
	file, err := os.Open(path)
	if err != nil {
		return Spec{}, fmt.Errorf("target: cannot read the settings file: %w; check the path", err)
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	var spec Spec
	if err := decoder.Decode(&spec); err != nil {
		return Spec{}, fmt.Errorf(`target: %s is no system: %w; write {"kind":"double-well","n":4,"d":2,"constants":{"c":0.9}}`, path, err)
	}
	return spec, nil
}
