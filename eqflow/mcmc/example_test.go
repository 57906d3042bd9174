package mcmc_test

import (
	"context"
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// The mean energy of a harmonic trap is half its (n−1)·d = 4 degrees of freedom, and its virial all
// of them.
func ExampleEquilibrium() {
	trap := target.Harmonic{N: 3, D: 2}
	x, info, err := mcmc.Equilibrium(context.Background(), trap, 2000, mcmc.Auto, 1, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	u := stats.Mean(target.Energies(trap, x), nil, stats.Bootstrap{})
	virial := stats.Mean(target.Virials(trap, x), nil, stats.Bootstrap{})
	fmt.Println(x.Len(), "configurations of", info.Chains, "chains")
	fmt.Println("mean energy is 2:", math.Abs(u.Value-2) < 4*u.Error)
	fmt.Println("virial is 4:", math.Abs(virial.Value-4) < 4*virial.Error)
	// Output:
	// 2000 configurations of 2000 chains
	// mean energy is 2: true
	// virial is 4: true
}

// A plan is a recipe to be changed before it runs.
func ExampleDefaults() {
	plan, err := mcmc.Defaults(target.LJ13(), 100, mcmc.SamplerTempering, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	replicas := plan.Move.(mcmc.Tempering).Betas
	hottest := replicas[len(replicas)-1]
	fmt.Printf("%d chains of %d replicas, the hottest at beta %.1f\n", plan.Settings.Chains, len(replicas), hottest)
	plan.Move, plan.Settings.Chains, plan.Settings.Keep, plan.Settings.Burn = mcmc.MALA{H: 0.02}, 2, 3, 100
	x, info, err := mcmc.Run(context.Background(), target.LJ13(), plan.Move, plan.Start, plan.Settings)
	fmt.Println(x.Len(), "configurations of", info.Chains, "chains,", err)
	// Output:
	// 100 chains of 6 replicas, the hottest at beta 0.5
	// 6 configurations of 2 chains, <nil>
}

// A chain that is confined to its metastable state keeps the pairs that are long at the start.
func ExampleTrajectory() {
	dw4 := target.DW4()
	start := []float64{0, 5.4, -2.65, 0.5, 2.65, 0.5, 0, 0}
	chain := mcmc.Chain{
		Start: start, Sigma: 0.35, Steps: 2000, Thin: 100, Seed: 2, Allowed: mcmc.StayInState(dw4, start),
	}
	x, _, err := mcmc.Trajectory(context.Background(), dw4, chain)
	if err != nil {
		fmt.Println(err)
		return
	}
	shares := target.LongPairShares(x, dw4.Cutoff())
	fmt.Printf("%d configurations, share with 4 long pairs %.2f\n", x.Len(), shares[4])
	// Output:
	// 20 configurations, share with 4 long pairs 1.00
}

// log Z of a trap of strength k is (n−1)·d/2 · ln(2π/k).
func ExampleAnnealing() {
	trap := target.Harmonic{N: 4, D: 2, K: 2}
	annealed, err := mcmc.Annealing{Chains: 200, Rungs: 100, Spread: 1.5}.LogZ(context.Background(), trap)
	if err != nil {
		fmt.Println(err)
		return
	}
	exact := trap.Reference().LogZ
	agrees := math.Abs(annealed.LogZ.Value-exact) < 4*annealed.LogZ.Error
	fmt.Printf("exact %.3f, within four errors: %t\n", exact, agrees)
	// Output:
	// exact 3.434, within four errors: true
}
