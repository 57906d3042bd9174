package freeenergy

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// AtTemperature returns a system at a multiple of its temperature, for Markov chains: its reduced
// energies are divided by the multiple. The energy has no graph; to train a generator, change the
// constant of the system instead, such as target.DoubleWell.KT. It panics if the multiple is not
// positive.
func AtTemperature(t target.Target, multiple float64) target.Target {
	if !(multiple > 0) || math.IsInf(multiple, 0) {
		panic(fmt.Errorf("freeenergy: %g is no multiple of a temperature; give a positive number, such as 1.2",
			multiple))
	}
	return heated{t, multiple}
}

// heated is a system at a multiple of its temperature.
type heated struct {
	target.Target
	multiple float64
}

// Graphless says that the energy has no graph.
func (heated) Graphless() {}

// Name tells the multiple.
func (t heated) Name() string { return fmt.Sprintf("%s at %g T", t.Target.Name(), t.multiple) }

// Reference is empty: no values are known.
func (heated) Reference() target.Reference { return target.Reference{} }

// Relabelling is that of the system.
func (t heated) Relabelling() particle.Relabelling { return target.RelabellingOf(t.Target) }

// Sampling is that of the system.
func (t heated) Sampling() target.Sampling { return target.SamplingOf(t.Target) }

// Concurrency is that of the system.
func (t heated) Concurrency() int { return target.Concurrency(t.Target) }

// EnergyForces returns u divided by the multiple, and writes its forces.
func (t heated) EnergyForces(x, forces []float64) float64 {
	u := t.Target.EnergyForces(x, forces)
	for k := range forces {
		forces[k] /= t.multiple
	}
	return u / t.multiple
}
