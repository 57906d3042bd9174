package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// checkOutput refuses a file that cannot be written, before the work for it begins.
func checkOutput(path string, force bool) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npz", ".npy", ".xyz", ".extxyz":
	default:
		return inputErrorf("%s: eqflow cannot write this kind of file; name it .npz, .npy or .xyz", path)
	}
	return checkPlace(path, force)
}

// checkPlace refuses a file that exists or cannot be made.
func checkPlace(path string, force bool) error {
	folder := filepath.Dir(path)
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return inputErrorf("%s is a folder; give the name of a file", path)
	case err == nil && !force:
		return inputErrorf("%s exists; give another name, or --force to replace the file", path)
	case err == nil && !info.Mode().IsRegular():
		return inputErrorf("%s is not a regular file; give another name", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return inputErrorf("cannot write there: %w; give another name", err)
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return inputErrorf("%s: its folder does not exist; make it with mkdir -p %s", path, folder)
	}
	err = atomic.Probe(folder)
	refused := func(kind error) bool { return errors.Is(err, kind) }
	if slices.ContainsFunc([]error{fs.ErrPermission, syscall.EROFS, fs.ErrNotExist}, refused) { // /proc says ENOENT
		return inputErrorf("%s: its folder cannot be written (%w); give another one", path, err)
	} else if err != nil {
		return fmt.Errorf("%s: its folder cannot be written (%w); check space and the disk", path, err)
	}
	return nil
}

// checkNpz refuses a file that is not an .npz. A shard and a whole campaign have several arrays.
func checkNpz(path string) error {
	if strings.ToLower(filepath.Ext(path)) != ".npz" {
		return inputErrorf("--out %s: name it .npz; no other kind of file holds all arrays", path)
	}
	return nil
}

// keptShard reports whether a file holds a job's work already, and tells the user if it does.
func keptShard(cmd *cobra.Command, j campaign.Job, path string, force bool) (bool, error) {
	if force {
		return false, nil
	}
	done, err := j.Done(path)
	if done {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: %s exists and is kept; --force replaces it\n", path)
	}
	return done, err
}

// readFor reads configurations of a target. It refuses those of another system, constants included.
// A file without a manifest is read if its shape fits.
func readFor(t target.Target, path string) (dataset.Set, error) {
	set, err := readSet(t, path)
	if err != nil {
		return dataset.Set{}, err
	}
	if other := set.Manifest.System; other != "" && other != t.Name() {
		if _, ok := t.(*ensemble.Canonical); ok {
			return dataset.Set{}, inputErrorf("%s holds configurations of %s, not of %s; give the molecule "+
				"(%s), the solvent and the temperature of the file", path, other, t.Name(), fileFlags())
		}
		return dataset.Set{}, fmt.Errorf("%s holds configurations of %s, not of %s; "+
			"choose --system %s or another file", path, other, t.Name(), other)
	}
	if c, ok := t.(interface{ CheckConfigurations(particle.Batch) error }); ok {
		if err := c.CheckConfigurations(set.Batch); err != nil {
			return dataset.Set{}, inFile(path, err)
		}
	}
	var theirs target.Spec
	if len(set.Manifest.Spec) == 0 {
		return set, nil
	}
	if err := json.Unmarshal(set.Manifest.Spec, &theirs); err != nil {
		return dataset.Set{}, fmt.Errorf("%s has a damaged manifest (%w); write it again", path, err)
	}
	if difference := target.Difference(theirs, t); difference != "" {
		return dataset.Set{}, fmt.Errorf("%s is of another %s: %s; choose other constants or another file",
			path, t.Name(), difference)
	}
	return set, nil
}

// readSet reads configurations of a target. Those of a molecule may lie in a .pdb or .dcd, or in an
// Amber coordinate file.
func readSet(t target.Target, path string) (dataset.Set, error) {
	if c, ok := t.(*ensemble.Canonical); ok && isTrajectory(path) {
		x, err := trajectory(c.System(), path)
		return dataset.Set{Batch: x, Source: "the models of " + path}, err
	}
	return dataset.Read(path, t.Particles(), t.Dim())
}

// withoutNaN returns energies with +Inf in place of NaN: such a configuration has no weight.
func withoutNaN(u []float64) []float64 {
	u = slices.Clone(u)
	for i := range u {
		if math.IsNaN(u[i]) {
			u[i] = math.Inf(1)
		}
	}
	return u
}
