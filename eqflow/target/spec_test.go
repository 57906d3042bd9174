package target

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSpecRoundTrip(t *testing.T) {
	for _, want := range testTargets() {
		spec, err := SpecOf(want)
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
		got, err := FromSpec(read)
		if err != nil {
			t.Fatal(err)
		}
		x := spread(want, 9)
		if got.Name() != want.Name() || got.EnergyForces(x, nil) != want.EnergyForces(x, nil) {
			t.Errorf("%s came back from %s as %+v", want.Name(), text, got)
		}
	}
}

func TestSpecErrorsSayWhatToGive(t *testing.T) {
	for want, spec := range map[string]Spec{
		"chain, double-well, harmonic, lennard-jones": {Kind: "morse", N: 4, D: 2},
		"a, b, c, d0, kt":      {Kind: KindDoubleWell, N: 4, D: 2, Constants: map[string]float64{"e": 1}},
		"c > 0":                {Kind: KindDoubleWell, N: 4, D: 2, Constants: map[string]float64{"c": -1}},
		"n >= 2":               {Kind: KindHarmonic, D: 2},
		"positive constants":   {Kind: KindLennardJones, N: 13, D: 3, Constants: map[string]float64{"k": 0}},
		`"ordered"`:            {Kind: KindLennardJones, N: 13, D: 3, Convention: "twice"},
		"kt > 0":               {Kind: KindDoubleWell, N: 4, D: 2, Constants: map[string]float64{"kt": 0}},
		"types [2 2]":          {Kind: KindMixture, N: 5, D: 3, Types: []int{2, 2}},
		"2 types of particles": {Kind: KindMixture, N: 5, D: 3},
		"1 types of particles": {Kind: KindHarmonic, N: 4, D: 2, Types: []int{4}},
		"remove it":            {Kind: KindHarmonic, N: 4, D: 2, Convention: Ordered},
	} {
		if _, err := FromSpec(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", spec, err, want)
		}
	}
}

func TestReadSpec(t *testing.T) {
	path := filepath.Join(t.TempDir(), "system.json")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"kind":"double-well","n":5,"d":2,"constants":{"kt":2}}`)
	spec, err := ReadSpec(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := FromSpec(spec)
	want := DW4()
	want.N, want.KT = 5, 2
	if err != nil || got != want {
		t.Errorf("read %+v, %v; want %+v", got, err, want)
	}
	write(`{"kind":"double-well","particles":5}`)
	if _, err := ReadSpec(path); err == nil {
		t.Error("an unknown field is no error")
	}
	if _, err := ReadSpec(path + ".missing"); err == nil {
		t.Error("a missing file is no error")
	}
}

func TestParse(t *testing.T) {
	pairs := LJ13()
	pairs.Convention = PairsOnce
	for name, want := range map[string]Target{
		"dw4": DW4(), "DW4": DW4(), "lj13": LJ13(), "lj55": LJ55(), "lj13-pairs": pairs, "lj13-ordered": LJ13(),
		"harmonic4x2": Harmonic{N: 4, D: 2, K: 1}, "lj8+5": mixture(8, 5), "chain5": chain(5),
	} {
		got, err := Parse(name)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	for _, name := range []string{
		"", "dw", "dw4x2", "harmonic4", "dw1", "lj13-both", "water", "lj8+", "lj0+3", "chain", "chain1",
	} {
		if _, err := Parse(name); err == nil {
			t.Errorf("%q is no error", name)
		}
	}
	if _, err := Parse("lj31x"); err == nil || !strings.Contains(err.Error(), `"lj13"`) {
		t.Errorf("no known names in %v", err)
	}
	if _, err := Parse("dw-4"); err == nil || !strings.Contains(err.Error(), `did you mean "dw4"`) {
		t.Errorf("no suggestion in %v", err)
	}
}
