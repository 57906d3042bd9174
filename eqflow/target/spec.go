package target

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Spec is a target as data: the form in which model folders, manifests and settings files name their system.
//
// In JSON: {"kind":"double-well","n":4,"d":2,"constants":{"a":0,"b":-4,"c":0.9,"d0":4,"kt":1}}. Constants that are
// left out keep the values of the kind's named systems. Constants lists the names of each kind.
type Spec struct {
	Kind string `json:"kind"`
	N    int    `json:"n"`
	D    int    `json:"d"`
	// Types is how many particles there are of each type, in kinds that have types; they are numbered in this order.
	Types      []int              `json:"types,omitempty"`
	Constants  map[string]float64 `json:"constants,omitempty"`
	Convention Convention         `json:"convention,omitempty"`
	// Own is the name of a system of the user's own, of KindOwn: FromSpec finds it among those that FromGraph has made.
	Own string `json:"own,omitempty"`
}

// kind is one kind of system: how files and the command line know it.
type kind struct {
	name      string
	patterns  []string // of the names that parse reads, for help texts
	examples  []string
	defaults  map[string]float64
	help      map[string]string // of each constant
	types     int               // how many types its particles have; 0 where they are alike
	converted bool              // has conventions
	build     func(s Spec, c map[string]float64) Target
	parse     func(name string) Target // nil for another kind's name
}

// kinds are all kinds but that of systems of the user's own. A new one is a file like theirs and a line here.
var kinds = []kind{doubleWells, lennardJonesClusters, mixtures, chains, traps}

// described is what every target of a kind has.
type described interface {
	Target
	Validate() error
	spec() Spec
}

func kindOf(name string) (kind, bool) {
	at := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if at < 0 {
		return kind{}, false
	}
	return kinds[at], true
}

// Kinds lists the kinds of system, sorted.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return names
}

// Constants lists the names of a kind's constants, sorted; nil for an unknown kind.
func Constants(kindName string) []string {
	k, _ := kindOf(kindName)
	return slices.Sorted(maps.Keys(k.defaults))
}

// ConstantHelp explains every constant of every kind.
func ConstantHelp() map[string]string {
	kindsOf := map[string]map[string][]string{} // by constant and text
	for _, k := range kinds {
		for name, text := range k.help {
			if kindsOf[name] == nil {
				kindsOf[name] = map[string][]string{}
			}
			kindsOf[name][text] = append(kindsOf[name][text], k.name)
		}
	}
	out := map[string]string{}
	for name, texts := range kindsOf {
		var parts []string
		for _, text := range slices.Sorted(maps.Keys(texts)) {
			parts = append(parts, strings.Join(texts[text], ", ")+": "+text)
		}
		out[name] = strings.Join(parts, "; ")
	}
	return out
}

// FromSpec returns the target that s describes, or an error that says what in s is wrong.
func FromSpec(s Spec) (Target, error) {
	if s.Kind == KindOwn {
		return ownFromSpec(s)
	}
	k, ok := kindOf(s.Kind)
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
	if s.Convention != "" && !k.converted {
		return nil, fmt.Errorf("target: a %s has no convention %q; remove it", s.Kind, s.Convention)
	}
	if err := k.checkTypes(s); err != nil {
		return nil, err
	}
	t := k.build(s, constants)
	return t, t.(described).Validate()
}

// checkTypes returns an error where the numbers of particles do not suit the kind, or each other.
func (k kind) checkTypes(s Spec) error {
	if len(s.Types) != k.types {
		return fmt.Errorf("target: a %s has %d types of particles, and %d are counted in types; give that many numbers", k.name, max(1, k.types), len(s.Types))
	}
	sum := 0
	for _, count := range s.Types {
		sum += count
	}
	if k.types > 0 && s.N != 0 && s.N != sum {
		return fmt.Errorf("target: %d particles are not the %d of types %v; leave n out", s.N, sum, s.Types)
	}
	return nil
}

// SpecOf returns the description from which FromSpec makes t again.
func SpecOf(t Target) (Spec, error) {
	d, ok := t.(interface{ spec() Spec })
	if !ok {
		return Spec{}, fmt.Errorf("target: %s (%T) has no spec; use one of the kinds %s", t.Name(), t, strings.Join(Kinds(), ", "))
	}
	return d.spec(), nil
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
	case !slices.Equal(theirs.Types, mine.Types):
		return fmt.Sprintf("types of %v particles, not %v", theirs.Types, mine.Types)
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
