package campaign

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Whole is a campaign with the numbers of all its shards. Memory holds a few numbers of each
// configuration, and not the configurations.
type Whole struct {
	Campaign
	Target target.Target
	// Unchecked are the files without checksums, of an earlier version. Nothing shows whether their
	// numbers are those that were written.
	Unchecked []string
	manifest  dataset.Manifest
	files     []string             // by index of the shard
	numbers   map[string][]float64 // by name of the array
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
	w := &Whole{
		Campaign: first.Campaign, manifest: manifest,
		files: make([]string, first.Of), numbers: map[string][]float64{},
	}
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
	return w, w.read()
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

// read reads the numbers of all shards, in order.
func (w *Whole) read() error {
	for i, file := range w.files {
		from, to := Shard{i, w.Of}.Range(w.Total)
		for _, name := range w.columns() {
			if name == "x" {
				continue
			}
			a, err := dataset.ReadArray(file, name)
			if err != nil {
				return err
			}
			if a.Len() != to-from {
				return fmt.Errorf("%w: %s holds %d configurations, and its shard has %d; make it again",
					ErrShards, file, a.Len(), to-from)
			}
			w.numbers[name] = append(w.numbers[name], a.Float64s()...)
		}
	}
	return nil
}

// Write writes the whole as one .npz, as one machine would. Memory holds one array of one shard at
// a time.
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

// Summary returns estimates from the samples.
func (w *Whole) Summary() Summary {
	u, logW, boot := w.numbers["u"], w.numbers["log_w"], stats.Bootstrap{}
	ess := stats.ESS(logW)
	z, mean, edges := stats.LogZ(logW, boot), stats.Mean(u, logW, boot), histogramEdges(u, logW)
	return Summary{
		System: w.Target.Name(), Shards: w.Of, N: w.Total, Seed: w.Seed,
		ESS: ess.Value, ESSError: ess.Error,
		LogZ: z.Value, LogZError: z.Error, Energy: mean.Value, EnergyError: mean.Error,
		Energies: Histogram{edges, stats.Histogram(u, logW, edges, boot)},
		Method:   w.Method, Noise: density.NoiseOf(w.numbers["log_q_error"], logW),
	}
}

// The histogram of the energies.
const (
	bins = 40
	tail = 1e-3 // share of the weight that is left out at either end
)

// histogramEdges spaces the bins evenly between the energies where the tails of the weight begin.
func histogramEdges(u, logW []float64) []float64 {
	order := make([]int, len(u))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(u[a], u[b]) })
	weights, below := stats.Weights(logW), 0.0
	low, high := u[order[0]], u[order[len(order)-1]]
	for _, i := range order {
		if below < tail {
			low = u[i]
		}
		if below += weights[i]; below >= 1-tail {
			high = u[i]
			break
		}
	}
	return stats.Linspace(low, max(high, low+1e-9), bins+1)
}

// Check is the verdict on the scores of all shards. It equals the verdict on the whole file.
func (w *Whole) Check(equilibrium bool) evaluate.Check {
	return evaluate.CheckScores(w.Target, equilibrium,
		w.numbers["log_q"], w.numbers["log_q_2n"], w.numbers["log_q_4n"])
}
