package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// checkOutput refuses a file that could not be written in the end, before work is put into it.
func checkOutput(path string, force bool) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npz", ".npy", ".xyz", ".extxyz":
	default:
		return inputErrorf("%s: not a kind of file that can be written; name it .npz, .npy or .xyz", path)
	}
	if info, err := os.Stat(path); err == nil && (info.IsDir() || !force) {
		return inputErrorf("%s exists; give another name, or --force to replace the file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return inputErrorf("%s: its folder does not exist; make it with mkdir -p %s", path, filepath.Dir(path))
	}
	return nil
}

// checkNpz refuses a name under which a shard, or a whole, could not be kept with all that belongs to it.
func checkNpz(path string) error {
	if strings.ToLower(filepath.Ext(path)) != ".npz" {
		return inputErrorf("--out %s: name it .npz, which alone has room for all of it", path)
	}
	return nil
}

// keptShard tells whether a job is done already, and says so.
func keptShard(cmd *cobra.Command, j campaign.Job, path string, force bool) (bool, error) {
	if force {
		return false, nil
	}
	done, err := j.Done(path)
	if done {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: %s is there already and is kept; --force draws it anew\n", path)
	}
	return done, err
}

// readSample reads configurations with their energies, and log-weights where the file has them.
func readSample(t target.Target, path string) (measure.Sample, error) {
	batch, err := readFor(t, path)
	if err != nil {
		return measure.Sample{}, err
	}
	set, err := dataset.Read(path, t.Particles(), t.Dim())
	if err != nil {
		return measure.Sample{}, err
	}
	s := measure.Sample{X: batch, Energy: energiesOf(t, batch)}
	if w, ok := set.Arrays.Get("log_w"); ok && len(w.F64) == batch.Len() {
		s.LogWeight = w.F64
	}
	return s, nil
}

func energiesOf(t target.Target, batch particle.Batch) []float64 {
	u := make([]float64, batch.Len())
	for i := range u {
		if u[i] = t.EnergyForces(batch.At(i), nil); math.IsNaN(u[i]) {
			u[i] = math.Inf(1)
		}
	}
	return u
}
