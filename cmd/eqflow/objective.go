package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// objectiveFlags are --objective and the flags of the objectives' own settings.
type objectiveFlags struct {
	name                 string
	penalty, renyi       float64
	paths, forces        bool
	focus                float64
	pairing              string
	draws, moves, probes int
	changed              func(flag string) bool
}

// objectiveKinds lists the objectives, with the flags of each and the value that these flags make.
// The fields that the flags do not set keep the objective's defaults.
var objectiveKinds = []struct {
	flags []string
	value func(o objectiveFlags) train.Objective
}{
	{[]string{"penalty", "renyi", "path-gradients"}, func(o objectiveFlags) train.Objective {
		return train.Likelihood{Penalty: o.penaltyGiven(), Renyi: o.renyi, Path: o.paths}
	}},
	{[]string{"penalty", "path-gradients"}, func(o objectiveFlags) train.Objective {
		return train.Energy{Penalty: o.penaltyGiven(), Path: o.paths}
	}},
	{[]string{"penalty", "renyi", "path-gradients"}, func(o objectiveFlags) train.Objective {
		return train.Mixture{Penalty: o.penaltyGiven(), Renyi: o.renyi, Path: o.paths}
	}},
	{[]string{"coupling", "forces", "focus"}, func(o objectiveFlags) train.Objective {
		m := train.Matching{Pairing: train.Pairing(o.pairing), Forces: o.forces}
		if o.changed("focus") {
			m.Focus = &o.focus
		}
		return m
	}},
	{[]string{"draws", "moves"}, func(o objectiveFlags) train.Objective {
		return train.Annealed{Draws: o.draws, Moves: o.moves}
	}},
	{[]string{"draws", "moves", "probes"}, func(o objectiveFlags) train.Objective {
		return train.EnergyMatching{Draws: o.draws, Moves: o.moves, Probes: o.probes}
	}},
}

// add gives a command the flags.
func (o *objectiveFlags) add(cmd *cobra.Command) {
	annealed := train.Annealed{}.WithDefaults(0).(train.Annealed)
	probing := train.EnergyMatching{}.WithDefaults(0).(train.EnergyMatching)
	flags := cmd.Flags()
	o.changed = flags.Changed
	flags.StringVar(&o.name, "objective", "",
		objectiveNames(func(train.Objective) bool { return true })+
			" (default likelihood; egnn and onehop: flow-matching, likelihood with --path-gradients)")
	flags.StringVar(&o.pairing, "coupling", "",
		"of flow-matching: independent, or ot for equivariant optimal transport (default independent)")
	flags.Float64Var(&o.penalty, "penalty", 1,
		"of likelihood, energy and mixture: weight of the disagreement of the solver's stages (0: none)")
	flags.Float64Var(&o.renyi, "renyi", 0,
		"of likelihood and mixture, for equilibrium data: weight of the Rényi divergence, which raises the ESS; "+
			"try 0.5")
	flags.BoolVar(&o.paths, "path-gradients", false,
		"of likelihood, energy and mixture: leave out the part of the gradient that is noise")
	flags.Float64Var(&o.focus, "focus", 0,
		"of flow-matching: a flow time about which half of the times are drawn (0: none; default 0.73 with --forces)")
	flags.BoolVar(&o.forces, "forces", false, "of flow-matching, for equilibrium data: learn from the forces there too")
	flags.IntVar(&o.draws, "draws", 0,
		fmt.Sprintf("of annealed and energy-matching: own configurations drawn at a time (default %d and %d)",
			annealed.Draws, probing.Draws))
	flags.IntVar(&o.moves, "moves", 0, "of annealed and energy-matching: MALA steps that move the draws")
	flags.IntVar(&o.probes, "probes", 0,
		fmt.Sprintf("of energy-matching: energies at every point (default %d)", probing.Probes))
}

// objectiveNames lists the objectives of a kind, as in "a, b or c".
func objectiveNames(of func(train.Objective) bool) string {
	var names []string
	for _, o := range train.Objectives {
		if of(o) {
			names = append(names, o.String())
		}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// penaltyGiven is the penalty on the command line, nil where none is given.
func (o objectiveFlags) penaltyGiven() *float64 {
	if o.changed("penalty") {
		return &o.penalty
	}
	return nil
}

// objective is what the flags ask for, to train a flow. It refuses a flag of another objective.
func (o objectiveFlags) objective(c flow.Config) (train.Objective, error) {
	if o.name == "" {
		o.name = train.Likelihood{}.String()
		if flow.TrainsByMatching(c) && !o.paths {
			o.name = train.Matching{}.String()
		}
	}
	chosen, err := train.ObjectiveNamed(o.name) // which an objective without flags is
	if err != nil {
		return nil, err
	}
	var own []string
	owners := map[string][]string{} // of each flag
	for _, k := range objectiveKinds {
		value := k.value(o)
		for _, flag := range k.flags {
			owners[flag] = append(owners[flag], value.String())
		}
		if value.String() == o.name {
			chosen, own = value, k.flags
		}
	}
	for flag, of := range owners {
		if o.changed(flag) && !slices.Contains(own, flag) {
			return nil, fmt.Errorf("--%s is of %s, not of training by %s; leave it out",
				flag, strings.Join(of, " and "), o.name)
		}
	}
	for flag, count := range map[string]int{"draws": o.draws, "probes": o.probes} {
		if o.changed(flag) && count == 0 {
			return nil, fmt.Errorf("--%s 0; give a positive number, or leave it out for the default (see --help)", flag)
		}
	}
	return chosen, nil
}
