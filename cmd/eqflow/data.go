package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// readData reads configurations that count alike, for training and scoring. Configurations that
// cannot be of the system are refused, or left out. The user learns which configurations were left
// out, of log-weights that are not used, and of energies that are unlikely for the system. doubt
// says why the data cannot be a fair sample of the system; it is empty if they can.
func readData(
	cmd *cobra.Command, t target.Target, path string, leaveOut bool,
) (data particle.Batch, doubt string, err error) {
	set, err := readFor(t, path)
	if err != nil {
		return data, "", err
	}
	if w, err := set.LogWeights(); err != nil || w != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: %s: its weights are not used; all configurations count alike\n", path)
	}
	showRemark(cmd, path, set)
	check := checkEnergies(t, set.Batch)
	possible := check.possible()
	switch {
	case len(possible) == 0:
		return data, "", fmt.Errorf("%s: %s; give data of %s", path, check.impossibleText(), t.Name())
	case len(possible) < set.Batch.Len() && !leaveOut:
		return data, "", fmt.Errorf("%s: holds %s; remove it", path, check.impossibleText())
	}
	if len(possible) < set.Batch.Len() {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: warning: %s: left out %s\n", path, check.impossibleText())
		set.Batch = set.Batch.Select(possible)
	}
	return set.Batch, check.warn(cmd, path), nil
}

// showRemark prints that a file does not hold exactly what was written, if so.
func showRemark(cmd *cobra.Command, path string, set dataset.Set) {
	if set.Remark != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: %s: %s\n", path, set.Remark)
	}
}

// readMeasured reads configurations with their energies, and with log-weights if the file has them.
// It prints what it took from the file and what it passed over.
func readMeasured(
	cmd *cobra.Command, t target.Target, path, weights string,
) (measure.Sample, energyCheck, error) {
	set, err := readFor(t, path)
	if err != nil {
		return measure.Sample{}, energyCheck{}, err
	}
	w, err := set.LogWeights()
	if err != nil {
		return measure.Sample{}, energyCheck{}, fmt.Errorf("%s: %w", path, err)
	}
	if w == nil {
		weights = "without weights"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: %s: %d configurations from %s, %s%s\n",
		path, set.Batch.Len(), set.Source, weights, notUsed(set))
	showRemark(cmd, path, set)
	check := checkEnergies(t, set.Batch)
	return measure.Sample{X: set.Batch, Energy: withoutNaN(check.u), LogWeight: w}, check, nil
}

// readSample reads the sample of a comparison. All its configurations count: a generator that draws
// impossible ones is measured with them.
func readSample(cmd *cobra.Command, t target.Target, path string) (measure.Sample, error) {
	s, check, err := readMeasured(cmd, t, path, "weighted by log_w")
	if err != nil {
		return s, err
	}
	switch {
	case len(check.possible()) == 0:
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: warning: %s: %s\n", path, check.impossibleText())
	case len(check.impossible) > 0:
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: warning: %s: holds %s\n", path, check.impossibleText())
	}
	check.warn(cmd, path)
	return s, nil
}

// readReference reads the reference of a comparison, without configurations that cannot be of the
// system.
func readReference(cmd *cobra.Command, t target.Target, path string) (measure.Sample, error) {
	s, check, err := readMeasured(cmd, t, path, "weighted by log_w in free energies alone")
	if err != nil {
		return s, err
	}
	possible := check.possible()
	switch {
	case len(possible) == 0:
		return s, fmt.Errorf("%s: %s; give data of %s", path, check.impossibleText(), t.Name())
	case len(possible) < s.X.Len():
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: warning: %s: left out %s\n", path, check.impossibleText())
		s.X, s.Energy, s.LogWeight = s.X.Select(possible), selected(s.Energy, possible), selected(s.LogWeight, possible)
	}
	check.warn(cmd, path)
	return s, nil
}

// selected returns the values at the indices, or nil for nil.
func selected(values []float64, indices []int) []float64 {
	if values == nil {
		return nil
	}
	out := make([]float64, len(indices))
	for k, i := range indices {
		out[k] = values[i]
	}
	return out
}

// notUsed names the arrays of a file that a comparison does not use, as the end of a line.
func notUsed(set dataset.Set) string {
	const most = 8
	var names []string
	for _, name := range set.Arrays.Names() {
		if name != "log_w" {
			names = append(names, name)
		}
	}
	for _, s := range set.Skipped {
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return ""
	}
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return "; not used: " + strings.Join(names, ", ")
}
