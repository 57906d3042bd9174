package target

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind is a kind of system, such as the double wells: how files and the command line name, build
// and explain it.
type Kind struct {
	Name     string   // in files: "double-well"
	Patterns []string // the forms of names that Parse reads, for help texts: "dwN"
	Examples []string // names that exist, for suggestions: "dw4"
	// Defaults are the kind's constants and their values; FromSpec accepts no other constant.
	Defaults    map[string]float64
	Help        map[string]string // what each constant is
	Types       int               // the number of types of particles; 0 if all are alike
	Conventions bool              // sums over pairs follow a Convention
	// Build makes the system of a spec. The constants are those of the spec and, for the others,
	// the defaults.
	Build func(s Spec, constants map[string]float64) Described
	// Parse makes the system of a name in lower case. It returns nil for a name of another kind.
	Parse func(name string) Described
}

// Described is a target of a kind: it has a description for files.
type Described interface {
	Target
	// Validate returns an error if the particles or constants make no Boltzmann distribution.
	Validate() error
	// Spec is the description from which FromSpec makes the system again.
	Spec() Spec
}

// kinds are all kinds except the systems that FromGraph makes. A kind of this package is a file and
// its entry here.
var kinds = []Kind{doubleWells, lennardJonesClusters, mixtures, chains, traps}

// Register adds a kind that another package defines, so that FromSpec, Parse and the help texts
// know it. Call it from an init function. It panics if the kind is incomplete or its name is taken.
func Register(k Kind) {
	if k.Name == "" || k.Build == nil || k.Parse == nil {
		panic(fmt.Errorf("target: kind %q is incomplete; give Name, Build and Parse", k.Name))
	}
	if _, taken := kindOf(k.Name); taken || k.Name == KindOwn {
		panic(fmt.Errorf("target: there is a kind %q already; give another name", k.Name))
	}
	kinds = append(kinds, k)
}

func kindOf(name string) (Kind, bool) {
	at := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if at < 0 {
		return Kind{}, false
	}
	return kinds[at], true
}

// Kinds lists the names of the kinds of systems, sorted.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	slices.Sort(names)
	return names
}

// Constants lists the names of a kind's constants, sorted; nil for an unknown kind.
func Constants(kindName string) []string {
	k, _ := kindOf(kindName)
	return slices.Sorted(maps.Keys(k.Defaults))
}

// ConstantHelp explains every constant of every kind.
func ConstantHelp() map[string]string {
	kindsOf := map[string]map[string][]string{} // by constant and text
	for _, k := range kinds {
		for name, text := range k.Help {
			if kindsOf[name] == nil {
				kindsOf[name] = map[string][]string{}
			}
			kindsOf[name][text] = append(kindsOf[name][text], k.Name)
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

// checkTypes returns an error if the numbers of particles do not suit the kind, or contradict each
// other.
func (k Kind) checkTypes(s Spec) error {
	if len(s.Types) != k.Types {
		return fmt.Errorf("target: a %s has %d types of particles, and the spec has %d; give one number per type",
			k.Name, max(1, k.Types), len(s.Types))
	}
	sum := 0
	for _, count := range s.Types {
		sum += count
	}
	if k.Types > 0 && s.N != 0 && s.N != sum {
		return fmt.Errorf("target: n is %d, but types %v are %d particles; leave n out", s.N, s.Types, sum)
	}
	return nil
}
