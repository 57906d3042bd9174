package eqflow

import (
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// samplingFile holds the estimates from the largest sampling of a folder's model.
const samplingFile = "sampling.json"

// fewSamples is the number of samples below which a sampling is not kept.
const fewSamples = 100

// Sampling holds estimates from samples of a model.
type Sampling struct {
	Model   string         `json:"model_sha256"` // of the parameters
	Samples int            `json:"samples"`
	ESS     stats.Estimate `json:"ess"` // as a share of the samples
	LogZ    stats.Estimate `json:"log_z"`
}

// KeepSampling writes the estimates from samples beside the model that drew them, unless those of
// more samples are there. Fewer than 100 samples are not kept.
func KeepSampling(folder string, s density.Samples) error {
	if s.X.Len() < fewSamples {
		return nil
	}
	file, err := train.ReadFolder(folder)
	if err != nil {
		return err
	}
	if !file.Checked() {
		return nil // nothing would tell when the estimates are of other parameters
	}
	if kept := readSampling(folder, file); kept != nil && kept.Samples >= s.X.Len() {
		return nil
	}
	return atomic.WriteJSON(filepath.Join(folder, samplingFile), Sampling{
		Model: file.Checksum, Samples: s.X.Len(),
		ESS: stats.ESS(s.LogWeight), LogZ: stats.LogZ(s.LogWeight, stats.Bootstrap{}),
	})
}

// readSampling reads the kept estimates. Estimates of other parameters, or a file that cannot be
// read, count as none, since the next sampling replaces them.
func readSampling(folder string, model train.File) *Sampling {
	var s Sampling
	err := atomic.ReadJSON(filepath.Join(folder, samplingFile), &s)
	if err != nil || s.Samples == 0 || !model.Checked() || s.Model != model.Checksum {
		return nil
	}
	return &s
}
