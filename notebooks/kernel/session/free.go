package session

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// freeEnergySamples is the number of samples that FreeEnergy draws.
const freeEnergySamples = 20_000

// FreeEnergy returns the free energy along a variable by a model's weighted samples, beside that of
// a data set of the session in the same bins, both with errors, in kT. The variable is an
// expression such as "rg" or "d(0,1)" (measure.ExpressionHelp). It draws 20 000 samples, once.
// figure.Show draws the result.
//
// For other samples, or for a variable that is a function of Go, call the function FreeEnergy.
func (s *Session) FreeEnergy(model, variable, data string) measure.Profile {
	reference := s.Data(data)
	v := must(measure.ParseVariable(variable, reference.N, reference.D))
	samples := s.Sample(model, freeEnergySamples, 1)
	return FreeEnergy(s.Model(model).Target, v, samples, reference)
}

// FreeEnergy returns the free energy of a system along a variable by weighted samples, beside that
// of reference configurations of equal weight, both with errors, in kT. The reference must be of
// the temperature to which the samples are weighted.
func FreeEnergy(
	t target.Target, v measure.Variable, samples density.Samples, reference particle.Batch,
) measure.Profile {
	if samples.X.N != reference.N || samples.X.D != reference.D {
		panic(fmt.Errorf("session: the samples have %d particles in %d dimensions, the reference %d in %d; "+
			"give both of one system", samples.X.N, samples.X.D, reference.N, reference.D))
	}
	return must(v.FreeEnergy(
		measure.Sample{X: samples.X, Energy: samples.Energy, LogWeight: samples.LogWeight},
		measure.Sample{X: reference, Energy: target.Energies(t, reference)}, stats.Bootstrap{}))
}
