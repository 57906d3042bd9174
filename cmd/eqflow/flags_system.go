package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// systemFlags choose a system: by its name or by a settings file. Single constants have flags of
// their own.
type systemFlags struct {
	name, spec, convention string
	constants              map[string]*float64
	molecule               moleculeFlags
}

// add gives a command the flags.
func (s *systemFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.name, "system", "",
		"the system's `name`: "+strings.Join(target.Names(), ", ")+", such as dw4, lj13, chain5")
	flags.StringVar(&s.spec, "spec", "", "a settings `file` (JSON) in place of --system")
	flags.StringVar(&s.convention, "convention", "",
		"`sum` over pairs of Lennard-Jones systems and their mixtures: ordered (each pair twice) or pairs (each "+
			"pair once)")
	s.molecule.add(cmd)
	s.constants = map[string]*float64{}
	for name, help := range target.ConstantHelp() {
		s.constants[name] = flags.Float64(flagOf(name), 0, help)
	}
}

// flagOf is the name of a constant's flag.
func flagOf(constant string) string { return strings.ReplaceAll(constant, "_", "-") }

// given reports whether any of the flags is given.
func (s *systemFlags) given(cmd *cobra.Command) bool {
	given := s.name != "" || s.spec != "" || s.convention != "" || s.molecule.given()
	for name := range s.constants {
		given = given || cmd.Flags().Changed(flagOf(name))
	}
	return given
}

// target returns the system that the flags choose, and its spec with all constants.
func (s *systemFlags) target(cmd *cobra.Command) (target.Target, target.Spec, error) {
	spec, err := s.base()
	if err != nil {
		return nil, spec, err
	}
	for name, value := range s.constants {
		if cmd.Flags().Changed(flagOf(name)) {
			if spec.Constants == nil {
				spec.Constants = map[string]float64{}
			}
			spec.Constants[name] = *value
		}
	}
	if s.convention != "" {
		spec.Convention = target.Convention(s.convention)
	}
	t, err := target.FromSpec(spec)
	if err != nil {
		return nil, spec, err
	}
	if err := s.molecule.attach(t); err != nil {
		return nil, spec, err
	}
	spec, err = target.SpecOf(t)
	return t, spec, err
}

// base is the spec of --system, --spec or a molecule's file, before the flags of single constants
// change it.
func (s *systemFlags) base() (target.Spec, error) {
	given := s.molecule.count()
	for _, text := range []string{s.name, s.spec} {
		if text != "" {
			given++
		}
	}
	if _, _, err := s.molecule.file(); err != nil {
		return target.Spec{}, err
	}
	if given != 1 {
		return target.Spec{}, errors.New("give the system by one of --system NAME, such as dw4, --spec FILE, " +
			fileFlags())
	}
	if s.molecule.given() {
		t, err := s.molecule.read()
		if err != nil {
			return target.Spec{}, err
		}
		return t.Spec(), nil
	}
	if s.spec != "" {
		return target.ReadSpec(s.spec)
	}
	t, err := target.Parse(s.name)
	if err != nil {
		return target.Spec{}, err
	}
	return target.SpecOf(t)
}
