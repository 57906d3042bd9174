package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// checkMoleculeOutput is checkOutput, with the formats that molecules have beside the others.
func checkMoleculeOutput(path string, force bool) error {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".pdb", ".dcd":
		return checkPlace(path, force)
	}
	return checkOutput(path, force)
}

// write writes the configurations in the format of the file's name.
func (r *moleculeRun) write(run *mcmc.ReplicaRun, summary moleculeSummary) error {
	x := run.LadderSamples()
	if x.Len() > r.n {
		x = x.Slice(0, r.n)
	}
	switch strings.ToLower(filepath.Ext(r.out)) {
	case ".pdb":
		data, err := r.target.System().EncodePDB(x)
		if err != nil {
			return err
		}
		return atomic.WriteFile(r.out, data)
	case ".dcd":
		return atomic.WriteFile(r.out, molecule.EncodeDCD(x))
	}
	spec, err := json.Marshal(summary.Spec)
	if err != nil {
		return err
	}
	settings, err := json.Marshal(summary.settings())
	if err != nil {
		return err
	}
	set := dataset.Set{Batch: x, Symbols: r.target.System().Elements(), Manifest: dataset.Manifest{
		System: r.target.Name(), Spec: spec, Seed: r.seed, Settings: settings, CreatedBy: "eqflow mcmc",
	}}
	if strings.ToLower(filepath.Ext(r.out)) != ".npy" {
		set.Arrays = r.arrays(run, x.Len())
	}
	return dataset.Write(r.out, set, true)
}

// arrays are the energies, the ladders and the variables of the configurations.
func (r *moleculeRun) arrays(run *mcmc.ReplicaRun, n int) dataset.Arrays {
	flat := func(series [][]float64) []float64 { return slices.Concat(series...)[:n] }
	ladders := flat(run.Series(func(_, l int) float64 { return float64(l) }))
	energies := flat(run.Series(func(k, l int) float64 { return run.Energies[(k*run.Ladders+l)*run.Rungs] }))
	arrays := dataset.Arrays{dataset.Float64("u", energies), dataset.Float64("ladder", ladders)}
	for v, name := range r.names {
		values := flat(run.Series(func(k, l int) float64 { return r.value(run, k, l, 0, v) }))
		arrays = append(arrays, dataset.Float64("cv_"+strconv.Itoa(v)+"_"+arrayName(name), values))
	}
	return arrays
}

// arrayName keeps the letters, digits and dashes of a variable's name.
func arrayName(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			return c
		}
		return '_'
	}, name)
}

// value returns variable v of the configuration k of a ladder and rung.
func (r *moleculeRun) value(run *mcmc.ReplicaRun, k, ladder, rung, v int) float64 {
	return run.Values[((k*run.Ladders+ladder)*run.Rungs+rung)*r.replicas.Variables+v]
}
