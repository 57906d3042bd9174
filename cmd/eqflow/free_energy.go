package main

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/freeenergy"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

const freeEnergyHelp = `Computes a difference of free energy, F = -ln Z in kT, by several methods at once, and says
whether they agree.

Between two systems of the same particles: --system and its flags give end A. --to NAME=VALUE
changes a constant for end B, such as the temperature kt=2; --to-system and --to-spec give another
system. Markov chains sample the path u = (1-l) u_A + l u_B on --rungs values of l. From these
samples follow perturbation from either end, MBAR, and thermodynamic integration. Neighbouring rungs
must overlap; more --rungs help.

--model gives a generator, trained at either end or anywhere. Its exact density gives F of each end
by its own samples, by the chains' samples, and by both (BAR). Two --model give one for each end.

Between two states of one system: --states gives a collective variable, and the state is where it is
positive. The free energy of the state less that of the rest follows from Markov chains and from a
generator's weights.

A collective variable is an expression:

` + measure.ExpressionHelp + `.

--out keeps all energies, for other programs: u_a and u_b [rungs, N], lambda [rungs], and the works
u + log q. If the command is stopped, FILE.partial keeps the rungs that are done, and the same
command continues after them.

Errors are standard errors. A result in doubt, such as an average that few samples carry, says why
and does not count in the verdict.`

const freeEnergyExamples = `  eqflow free-energy --system lj13 --to kt=2
  eqflow free-energy --system dw4 --to b=3.5 --rungs 5 --model model --figures figures
  eqflow free-energy --system dw4 --states "count(distances, # > 4) - 1.5" --model model`

// freeEnergyOptions are the flags of "eqflow free-energy".
type freeEnergyOptions struct {
	system           systemFlags
	changes          []string
	toSystem, toSpec string
	states           string
	models           []string
	compute          computeFlags
	rungs, n         int
	seed             uint64
	out, figures     string
	force, asJSON    bool
}

// newFreeEnergyCommand computes differences of free energy.
func newFreeEnergyCommand() *cobra.Command {
	var o freeEnergyOptions
	cmd := &cobra.Command{
		Use:     "free-energy --system NAME --to CONSTANT=VALUE",
		Short:   "Compute a difference of free energy by several methods",
		Long:    freeEnergyHelp,
		Example: freeEnergyExamples,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.system.add(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&o.changes, "to", nil, "a constant of end B, `name=value`; may be repeated")
	flags.StringVar(&o.toSystem, "to-system", "", "the `name` of the system at end B")
	flags.StringVar(&o.toSpec, "to-spec", "", "a settings `file` (JSON) of the system at end B")
	flags.StringVar(&o.states, "states", "", "an `expression` that is positive in a state of the system")
	flags.StringArrayVar(&o.models, "model", nil, "a trained model's `folder`; of both ends, or twice: of A, and of B")
	flags.IntVar(&o.rungs, "rungs", 9, "number of values of l, with both ends")
	flags.IntVarP(&o.n, "samples", "n", 4000, "number of samples of each rung, and of each generator")
	flags.Uint64Var(&o.seed, "seed", 0, "seed of chains, samples and errors")
	flags.StringVar(&o.out, "out", "", "a `file` for the energies: .npz")
	flags.BoolVar(&o.force, "force", false, "replace the file if it exists")
	flags.StringVar(&o.figures, "figures", "", "a `folder` for a picture of the overlaps")
	o.compute.add(cmd)
	addJSONFlag(cmd, &o.asJSON)
	return cmd
}

// freeEnergies is the result of "eqflow free-energy".
type freeEnergies struct {
	A        string              `json:"a"`
	B        string              `json:"b"`
	State    string              `json:"state,omitempty"`
	N        int                 `json:"n"`
	Rungs    int                 `json:"rungs,omitempty"`
	Seed     uint64              `json:"seed"`
	Results  []freeenergy.Result `json:"results"`
	Overlaps []float64           `json:"overlaps,omitempty"` // of neighbouring rungs
	Agree    bool                `json:"agree"`
	Why      string              `json:"why"`
	Seconds  float64             `json:"seconds"`
}

func (o *freeEnergyOptions) run(cmd *cobra.Command) error {
	if err := o.check(); err != nil {
		return err
	}
	a, spec, err := o.system.target(cmd)
	if err != nil {
		return asInput(err)
	}
	if _, ok := a.(*ensemble.Canonical); ok {
		return inputErrorf("%s is a molecule; `eqflow mcmc --ladder` gives its free energies by MBAR", a.Name())
	}
	if err := checkMemory("samples of a rung", o.n, 4*a.Particles()*a.Dim()+4*o.rungs, ""); err != nil {
		return err
	}
	began := time.Now()
	var result freeEnergies
	if o.states != "" {
		result, err = o.ofStates(cmd, a)
	} else {
		var b target.Target
		if b, err = o.other(spec); err != nil {
			return asInput(err)
		}
		path := freeenergy.Path{A: a, B: b}
		if err := path.Validate(); err != nil {
			return asInput(err)
		}
		result, err = o.between(cmd, path, spec)
	}
	if err != nil {
		return err
	}
	result.N, result.Seed, result.Seconds = o.n, o.seed, time.Since(began).Seconds()
	result.Agree, result.Why = freeenergy.Verdict(result.Results)
	return result.show(cmd.OutOrStdout(), o.asJSON)
}

// check refuses flags that contradict each other.
func (o *freeEnergyOptions) check() error {
	ends := 0
	for _, given := range []bool{len(o.changes) > 0, o.toSystem != "", o.toSpec != "", o.states != ""} {
		if given {
			ends++
		}
	}
	switch {
	case ends != 1:
		return inputErrorf("give the other end by one of --to NAME=VALUE, --to-system and --to-spec, or a state of " +
			"the system by --states")
	case o.rungs < 2 || o.rungs > 200:
		return inputErrorf("--rungs %d; give 2 to 200", o.rungs)
	case o.n < 2:
		return inputErrorf("-n %d samples; ask for at least 2", o.n)
	case len(o.models) > 2 || o.states != "" && len(o.models) > 1:
		return inputErrorf("%d --model; give one for each end at most", len(o.models))
	case o.states != "" && o.out != "":
		return inputErrorf("--out keeps the energies of a path; leave it out with --states")
	case o.out == "":
		return nil
	}
	if err := checkNpz(o.out); err != nil {
		return err
	}
	return checkOutput(o.out, o.force)
}

// other returns the system at end B, where a is the spec of end A.
func (o *freeEnergyOptions) other(a target.Spec) (target.Target, error) {
	switch {
	case o.toSystem != "":
		return target.Parse(o.toSystem)
	case o.toSpec != "":
		spec, err := target.ReadSpec(o.toSpec)
		if err != nil {
			return nil, err
		}
		return target.FromSpec(spec)
	}
	a.Constants = maps.Clone(a.Constants)
	for _, change := range o.changes {
		name, text, _ := strings.Cut(change, "=")
		name = strings.ReplaceAll(strings.TrimSpace(name), "-", "_")
		value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		_, known := a.Constants[name]
		if err != nil || !known {
			return nil, fmt.Errorf("--to %s; give name=value with one of the constants %s", change,
				strings.Join(target.Constants(a.Kind), ", "))
		}
		a.Constants[name] = value
	}
	return target.FromSpec(a)
}

// generator loads a model for a system of the given particles.
func (o *freeEnergyOptions) generator(
	cmd *cobra.Command, folder string, t target.Target,
) (*eqflow.Model, func(), error) {
	model, done, err := o.compute.load(cmd, folder)
	if err != nil {
		return nil, nil, err
	}
	if model.Prior.N != t.Particles() || model.Prior.D != t.Dim() {
		done()
		return nil, nil, inputErrorf("the model in %s has %d particles in %d dimensions, and %s has %d in %d; "+
			"train one for this system", folder, model.Prior.N, model.Prior.D, t.Name(), t.Particles(), t.Dim())
	}
	return model, done, nil
}

// ofStates compares a state of a system with the rest.
func (o *freeEnergyOptions) ofStates(cmd *cobra.Command, t target.Target) (r freeEnergies, err error) {
	v, err := measure.ParseVariable(o.states, t.Particles(), t.Dim())
	if err != nil {
		return r, asInput(err)
	}
	path := freeenergy.Path{A: t, B: t}
	rung, err := o.sample(cmd, path, 0, 0, 1)
	if err != nil {
		return r, err
	}
	boot := stats.Bootstrap{Seed: o.seed}
	in, err := v.Positive(measure.Sample{X: rung.X, Energy: rung.UA})
	if err != nil {
		return r, asInput(err)
	}
	r = freeEnergies{A: t.Name(), B: t.Name(), State: o.states}
	r.Results = append(r.Results, freeenergy.OfState("Markov chains", in, nil, boot))
	for _, folder := range o.models {
		model, done, err := o.generator(cmd, folder, t)
		if err != nil {
			return r, err
		}
		end := watch(cmd, model)
		samples, err := model.Sample(o.n, o.seed)
		end()
		done()
		if err != nil {
			return r, modelError(err)
		}
		samples = density.Weigh(t, samples.X, samples.LogQ) // the model's own target may be another
		if in, err = v.Positive(measure.Sample{X: samples.X, Energy: samples.Energy}); err != nil {
			return r, asInput(err)
		}
		r.Results = append(r.Results, freeenergy.OfState("generator, reweighted", in, samples.LogWeight, boot))
	}
	return r, nil
}
