package target

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Spec describes a target as data. Model folders, manifests and settings files name their system by
// it.
//
// In JSON: {"kind":"double-well","n":4,"d":2,"constants":{"a":0,"b":-4,"c":0.9,"d0":4,"kt":1}}. A
// missing constant has the value of the kind's named systems. The function Constants lists the
// names of each kind.
type Spec struct {
	Kind string `json:"kind"`
	N    int    `json:"n"`
	D    int    `json:"d"`
	// Types are the numbers of particles of each type, for kinds with types. The particles are
	// numbered in this order.
	Types      []int              `json:"types,omitempty"`
	Constants  map[string]float64 `json:"constants,omitempty"`
	Convention Convention         `json:"convention,omitempty"`
	// Own is the name of a user's own system, for KindOwn. FromSpec looks it up among the systems
	// that FromGraph has made.
	Own string `json:"own,omitempty"`
	// File is the file that holds the energy, for kinds that read one.
	File *File `json:"file,omitempty"`
}

// KindMolecule is the kind of a molecule at a temperature, which package ensemble registers.
const KindMolecule = "molecule"

// File is a file of which a system consists, such as a molecule's force field.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // of the contents, in hexadecimal
	// Content is the file, compressed by package compress/flate. Large files are left out; they are
	// then looked for by name.
	Content []byte `json:"content,omitempty"`
	// LiftConstraints computes the energy of a System with constraints as if it had none.
	LiftConstraints bool `json:"lift_constraints,omitempty"`
	// Solvent is the implicit solvent of a file that leaves it open; "" is none.
	Solvent string `json:"solvent,omitempty"`
}

// difference names the first difference between two files, "" if they agree. The name does not
// count.
func (f *File) difference(other *File) string {
	switch {
	case f == nil || other == nil:
		return ""
	case f.SHA256 != other.SHA256:
		return fmt.Sprintf("the file %s (sha256 %.12s…), not %s (%.12s…)", f.Name, f.SHA256, other.Name, other.SHA256)
	case f.LiftConstraints != other.LiftConstraints:
		return fmt.Sprintf("constraints lifted is %t, not %t", f.LiftConstraints, other.LiftConstraints)
	case f.Solvent != other.Solvent:
		return fmt.Sprintf("the solvent is %s, not %s", cmp.Or(f.Solvent, "none"), cmp.Or(other.Solvent, "none"))
	}
	return ""
}

// FromSpec returns the target that s describes, or an error that says what is wrong in s.
func FromSpec(s Spec) (Target, error) {
	if s.Kind == KindOwn {
		return ownFromSpec(s)
	}
	k, ok := kindOf(s.Kind)
	if !ok {
		return nil, fmt.Errorf("target: unknown kind %q; give one of %s", s.Kind, strings.Join(Kinds(), ", "))
	}
	constants := maps.Clone(k.Defaults)
	for name, value := range s.Constants {
		if _, ok := constants[name]; !ok {
			return nil, fmt.Errorf("target: a %s has no constant %q; it has %s",
				s.Kind, name, strings.Join(Constants(s.Kind), ", "))
		}
		if name == "kt" && value == 0 {
			return nil, fmt.Errorf("target: kt = 0 has no Boltzmann distribution; give kt > 0")
		}
		constants[name] = value
	}
	if s.Convention != "" && !k.Conventions {
		return nil, fmt.Errorf("target: a %s has no conventions, and the spec names %q; remove it",
			s.Kind, s.Convention)
	}
	if err := k.checkTypes(s); err != nil {
		return nil, err
	}
	t := k.Build(s, constants)
	return t, t.Validate()
}

// SpecOf returns the description from which FromSpec makes t again.
func SpecOf(t Target) (Spec, error) {
	d, ok := t.(interface{ Spec() Spec })
	if !ok {
		return Spec{}, fmt.Errorf("target: %s (%T) has no spec; use one of the kinds %s, or Register one",
			t.Name(), t, strings.Join(Kinds(), ", "))
	}
	return d.Spec(), nil
}

// Title is the name of the system that s describes. It needs no energy.
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

// Difference names the first difference between a description and t, such as "c is 0.8, not 0.9".
// It is empty if they agree.
func Difference(s Spec, t Target) string {
	mine, err := SpecOf(t)
	if err != nil {
		return err.Error()
	}
	other, err := FromSpec(s)
	if err != nil {
		return err.Error()
	}
	theirs, err := SpecOf(other) // with the constants that s leaves out
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
	if different := theirs.File.difference(mine.File); different != "" {
		return different
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
	// A named pipe into which nobody writes is empty, and would be waited for otherwise.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Spec{}, fmt.Errorf("target: cannot read the settings file: %w; check the path", err)
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	var spec Spec
	if err := decoder.Decode(&spec); err != nil {
		return Spec{}, fmt.Errorf(
			`target: %s describes no system: %w; write {"kind":"double-well","n":4,"d":2,"constants":{"c":0.9}}`, path, err)
	}
	return spec, nil
}
