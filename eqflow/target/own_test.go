package target

import (
	"encoding/json"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// ownDW4 is DW4 as a user would write it.
func ownDW4(x *graph.Node) *graph.Node {
	r := graph.AddScalar(particle.PairDistances(x, 1e-12), -4)
	square := graph.Square(r)
	return graph.ReduceSum(graph.Mul(square, graph.AddScalar(graph.MulScalar(square, 0.9), -4)), -1)
}

func TestOwnEnergyHasForcesAndPlainEvaluation(t *testing.T) {
	own, err := FromGraph("own dw4", 4, 2, ownDW4)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(5) {
		x := spread(DW4(), seed)
		got, want := make([]float64, 8), make([]float64, 8)
		u, v := own.EnergyForces(x, got), DW4().EnergyForces(x, want)
		if math.Abs(u-v) > 1e-10*max(1, math.Abs(v)) {
			t.Errorf("u = %.15g, want %.15g", u, v)
		}
		for k := range got {
			if math.Abs(got[k]-want[k]) > 1e-9*max(1, math.Abs(want[k])) {
				t.Errorf("force %d is %.15g, want %.15g", k, got[k], want[k])
			}
		}
		if alone := own.EnergyForces(x, nil); alone != u {
			t.Errorf("u is %.17g with forces and %.17g without", u, alone)
		}
	}
}

// Calls from many goroutines make batches of all sizes. All batches must give the same bytes,
// because a Markov chain must not depend on the chains beside it.
func TestOwnEnergyIsTheSameInEveryBatch(t *testing.T) {
	own := MustFromGraph("own dw4", 4, 2, ownDW4)
	const askers, rounds = 300, 20
	x := make([][]float64, askers)
	alone := make([]float64, askers)
	for i := range x {
		x[i] = spread(DW4(), uint64(i))
		alone[i] = own.EnergyForces(x[i], nil)
	}
	var group sync.WaitGroup
	for i := range askers {
		group.Go(func() {
			for range rounds {
				if u := own.EnergyForces(x[i], nil); u != alone[i] {
					t.Errorf("configuration %d: %.17g, alone %.17g", i, u, alone[i])
					return
				}
			}
		})
	}
	group.Wait()
}

func TestWrongOwnEnergiesSayWhatToDo(t *testing.T) {
	for want, energy := range map[string]func(x *graph.Node) *graph.Node{
		"translation": func(x *graph.Node) *graph.Node { return graph.ReduceSum(graph.Square(x), -2, -1) },
		"rotation": func(x *graph.Node) *graph.Node {
			return graph.ReduceSum(graph.Abs(particle.PairDifferences(x)), -2, -1)
		},
		"relabelling": func(x *graph.Node) *graph.Node {
			first := graph.Slice(particle.PairDistances(x, 0), graph.AxisRange(), graph.AxisRange(0, 1))
			return graph.Squeeze(first, -1)
		},
		"sum over pairs": func(x *graph.Node) *graph.Node { return particle.PairDistances(x, 0) },
		"not finite": func(x *graph.Node) *graph.Node {
			return graph.ReduceSum(graph.Log(graph.AddScalar(particle.PairDistances(x, 0), -100)), -1)
		},
		"original size": func(x *graph.Node) *graph.Node { return graph.Reshape(x, 3) }, // GoMLX's own words
	} {
		_, err := FromGraph("wrong", 4, 2, energy)
		if err == nil || !strings.HasPrefix(err.Error(), "target: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if _, err := FromGraph("", 4, 2, ownDW4); err == nil {
		t.Error("no name is no error")
	}
	if _, err := FromGraph("one", 1, 2, ownDW4); err == nil {
		t.Error("one particle is no error")
	}
}

func TestOwnSystemsAreFoundByTheirName(t *testing.T) {
	own := MustFromGraph("found again", 4, 2, ownDW4)
	spec, err := SpecOf(own)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	var read Spec
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if got, err := FromSpec(read); err != nil || got != Target(own) {
		t.Errorf("%s gave %v, %v", text, got, err)
	}
	if d := Difference(read, own); d != "" {
		t.Errorf("it differs from itself: %s", d)
	}
	MustFromGraph("found again", 4, 2, func(x *graph.Node) *graph.Node { return graph.MulScalar(ownDW4(x), 2) })
	if _, err := FromSpec(read); err == nil || !strings.Contains(err.Error(), "another energy") {
		t.Errorf("another energy of the name: %v", err)
	}
	read.Own = "never made"
	if _, err := FromSpec(read); err == nil || !strings.Contains(err.Error(), "target.FromGraph") {
		t.Errorf("an unknown system: %v", err)
	}
	if title, err := read.Title(); err != nil || title != "never made" {
		t.Errorf("its title is %q, %v", title, err)
	}
}

func TestOwnMinimaAreThoseOfDW4(t *testing.T) {
	own := MustFromGraph("own dw4", 4, 2, ownDW4)
	got, err := Minima(own, Search{Starts: 60})
	if err != nil {
		t.Fatal(err)
	}
	if want := -25.792; len(got) < 3 || math.Abs(got[0].Energy-want) > 1e-3 {
		t.Errorf("%d minima, the lowest %.3f instead of %g", len(got), got[0].Energy, want)
	}
}

// An energy of two types is refused for particles that are alike, and accepted for two types.
func TestOwnSystemsOfTwoTypes(t *testing.T) {
	energy := mixture(2, 3).Energy
	if _, err := FromGraph("mixed", 5, 3, energy); err == nil || !strings.Contains(err.Error(), "relabelling") {
		t.Errorf("as like particles: %v", err)
	}
	own, err := FromGraphWith("mixed", mixture(2, 3).Relabelling(), 5, 3, energy)
	if err != nil {
		t.Fatal(err)
	}
	x := spread(mixture(2, 3), 1)
	near(t, "energy", own.EnergyForces(x, nil), mixture(2, 3).EnergyForces(x, nil), 1e-9)
	if RelabellingOf(own).All() {
		t.Error("all relabellings are allowed")
	}
	if _, err := FromGraphWith("mixed", particle.Relabelling{Types: []int{1}}, 5, 3, energy); err == nil {
		t.Error("one type for five particles is no error")
	}
}
