package campaign

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Whole is a campaign with the files of all its shards. Memory does not grow with them.
type Whole struct {
	Table
	Target target.Target
	// Unchecked are the files without checksums, of an earlier version. Nothing shows whether their
	// numbers are those that were written.
	Unchecked []string
	manifest  dataset.Manifest
	files     []string // by index of the shard
}

// Merge reads all shards of one campaign, in any order. A missing shard, a shard that is given
// twice and a shard of another campaign are errors that match ErrShards.
func Merge(paths ...string) (*Whole, error) {
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w: none are given; name the files of all shards", ErrShards)
	}
	first, manifest, err := readJob(paths[0])
	if err != nil {
		return nil, err
	}
	w := &Whole{manifest: manifest, files: make([]string, first.Of)}
	w.Table = tableOf(first.Campaign, first.Total, w.files...)
	for _, path := range paths {
		j, _, err := readJob(path)
		switch {
		case err != nil:
			return nil, err
		case j.Campaign != first.Campaign:
			j.Index = first.Index
			return nil, fmt.Errorf("%w: %s does not belong to %s: it is %s; merge shards of one campaign",
				ErrShards, path, paths[0], j.difference(first))
		case w.files[j.Index] != "":
			return nil, fmt.Errorf("%w: shard %s is given twice, in %s and %s; leave one out",
				ErrShards, j.shard(), w.files[j.Index], path)
		}
		w.files[j.Index] = path
		checked, err := dataset.Checked(path)
		if err != nil {
			return nil, err
		}
		if !checked {
			w.Unchecked = append(w.Unchecked, path)
		}
	}
	if err := w.checkComplete(); err != nil {
		return nil, err
	}
	if err := w.describe(); err != nil {
		return nil, err
	}
	return w, w.checkLengths()
}

// checkComplete returns an error that names the missing shards, if there are any.
func (w *Whole) checkComplete() error {
	var missing []string
	for i, file := range w.files {
		if file == "" {
			missing = append(missing, fmt.Sprint(i))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	count := len(missing)
	if most := 12; count > most {
		missing = append(missing[:most], "…")
	}
	return fmt.Errorf("%w: %d of %d are missing: %s; make each with --shard i/%d and the other flags as before; "+
		"those that exist stay", ErrShards, count, w.Of, strings.Join(missing, ", "), w.Of)
}

// describe sets the system, and turns the manifest of a shard into the manifest of the whole.
func (w *Whole) describe() (err error) {
	var spec target.Spec
	if err := json.Unmarshal(w.manifest.Spec, &spec); err != nil {
		return fmt.Errorf("%w: %s has a damaged manifest (%v); make it again", ErrShards, w.files[0], err)
	}
	if w.Target, err = target.FromSpec(spec); err != nil {
		return err
	}
	w.manifest.CreatedBy, w.manifest.Count = "eqflow merge", w.Total
	w.manifest.Settings, err = json.Marshal(w.Campaign)
	return err
}

// checkLengths returns an error for a shard that has another number of configurations than its
// part.
func (w *Whole) checkLengths() error {
	for i, file := range w.files {
		from, to := Shard{i, w.Of}.Range(w.Total)
		shapes, err := dataset.Shapes(file)
		if err != nil {
			return err
		}
		for _, name := range w.columns() {
			shape, found := shapes[name]
			if !found {
				return fmt.Errorf("%w: %s holds no array %q; make it again", ErrShards, file, name)
			}
			if len(shape) == 0 || shape[0] != to-from {
				return fmt.Errorf("%w: %s holds %v numbers %s, and its shard has %d configurations; make it again",
					ErrShards, file, shape, name, to-from)
			}
		}
	}
	return nil
}

// Write writes the whole as one .npz, as one machine would.
func (w *Whole) Write(path string, overwrite bool) error {
	return dataset.Join(path, w.files, w.columns(), w.manifest, overwrite)
}

// Histogram is a reweighted density in bins. There is one more edge than there are bins.
type Histogram struct {
	Edges   []float64        `json:"edges"`
	Density []stats.Estimate `json:"density"`
}

// Summary holds estimates from the samples of all shards, by the estimators for one file of
// samples.
type Summary struct {
	System      string  `json:"system"`
	Shards      int     `json:"shards"`
	N           int     `json:"n"`
	Seed        uint64  `json:"seed"`
	ESS         float64 `json:"ess"` // as a share of n
	ESSError    float64 `json:"ess_error"`
	LogZ        float64 `json:"log_z"`
	LogZError   float64 `json:"log_z_error"`
	Energy      float64 `json:"energy"` // reweighted mean, kT
	EnergyError float64 `json:"energy_error"`
	// Energies is the reweighted histogram, without the outermost thousandths of the weight.
	Energies Histogram `json:"energy_histogram"`
	engine.Method
	density.Noise
}

// Summary returns estimates from the samples. It reads the files several times.
func (w *Whole) Summary() (s Summary, err error) {
	samples, err := w.Weighted("u").Normalise()
	if err != nil {
		return s, err
	}
	e, err := samples.Estimates(stats.Bootstrap{})
	if err != nil {
		return s, err
	}
	s = Summary{
		System: w.Target.Name(), Shards: w.Of, N: w.Total, Seed: w.Seed,
		ESS: e.ESS.Value, ESSError: e.ESS.Error,
		LogZ: e.LogZ.Value, LogZError: e.LogZ.Error, Energy: e.Mean.Value, EnergyError: e.Mean.Error,
		Method: w.Method,
	}
	if s.Noise, err = w.Table.Noise(); err != nil {
		return s, err
	}
	s.Energies, err = energies(samples)
	return s, err
}

// The histogram of the energies.
const (
	bins = 40
	tail = 1e-3 // share of the weight that is left out at either end
)

// energies spaces the bins evenly between the energies where the tails of the weight begin.
func energies(samples stats.Normalised) (h Histogram, err error) {
	tails, err := samples.Quantiles(tail, 1-tail)
	if err != nil {
		return h, err
	}
	low, high := tails[0], tails[1]
	h.Edges = stats.Linspace(low, max(high, low+1e-9), bins+1)
	h.Density, err = samples.Histogram(h.Edges, stats.Bootstrap{})
	return h, err
}

// Check is the verdict on the scores of all shards. It equals the verdict on the whole file.
func (w *Whole) Check(equilibrium bool) (evaluate.Check, error) {
	scores := func(do func(logQ, logQ2, logQ4 []float64) error) error {
		return w.read(func(c [][]float64) error { return do(c[0], c[1], c[2]) }, columns[Scores]...)
	}
	return evaluate.CheckManyScores(w.Target, equilibrium, w.N, scores)
}
