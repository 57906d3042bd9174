package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
)

// drawing is what samples depend on, besides the seed.
type drawing struct {
	Model   string      `json:"model_sha256"` // of the parameters
	N       int         `json:"n"`
	Engine  engine.Kind `json:"engine"`
	Backend string      `json:"backend"` // as asked for
}

// Sample draws n configurations from a model. The same question is answered once: the session keeps
// the samples, and draws them again only after a change of the model, its system, n, seed, the
// backend or the engine.
func (s *Session) Sample(name string, n int, seed uint64) density.Samples {
	folder := s.modelFolder(name)
	if !train.IsModel(folder) {
		s.Model(name) // panics with the names of the models that there are
	}
	file := must(train.ReadFolder(folder))
	system := must(eqflow.GeneratorOf(folder)).Target // fails for another energy of the same name
	asked := drawing{file.Checksum, n, engine.Default(), os.Getenv(xla.EnvBackend)}
	key := fmt.Sprintf("%s-%d-%d", checked(name), n, seed)
	path := filepath.Join(s.folder, samplesPart, key+".npz")
	if kept, ok := readSamples(path, system, asked, seed); ok {
		s.noteSampling(name, kept) // which is quick unless the card has lost its estimates
		return kept
	}
	defer Hold(filepath.Join(s.folder, samplesPart), key)()
	if kept, ok := readSamples(path, system, asked, seed); ok { // drawn by another process, meanwhile
		return kept
	}
	m := s.Model(name)
	samples := must(m.Sample(n, seed))
	set := must(m.Set(samples, seed))
	set.Manifest.Settings = must(json.Marshal(asked))
	if err := dataset.Write(path, set, true); err != nil {
		warn(unwritable(err).Error())
	}
	return samples
}

// noteSampling keeps the estimates from samples on the model's card.
func (s *Session) noteSampling(name string, samples density.Samples) {
	if err := eqflow.KeepSampling(s.modelFolder(name), samples); err != nil {
		warn(err.Error())
	}
}

// readSamples reads kept samples. ok is false if there are none, or if they were drawn otherwise.
func readSamples(path string, system target.Target, asked drawing, seed uint64) (s density.Samples, ok bool) {
	set, err := dataset.Read(path, system.Particles(), system.Dim())
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			warn(fmt.Sprintf("%v; the samples are drawn anew", err))
		}
		return s, false
	}
	var kept drawing
	spec := must(json.Marshal(must(target.SpecOf(system))))
	if json.Unmarshal(set.Manifest.Settings, &kept) != nil || kept != asked || asked.Model == "" ||
		set.Manifest.Seed != seed || !sameJSON(set.Manifest.Spec, spec) {
		return s, false
	}
	s = density.Samples{X: set.Batch}
	for name, to := range map[string]*[]float64{
		"log_q": &s.LogQ, "u": &s.Energy, "log_w": &s.LogWeight, "log_q_error": &s.LogQError,
	} {
		for _, a := range set.Arrays {
			if a.Name == name {
				*to = a.Float64s()
			}
		}
	}
	return s, len(s.LogQ) == asked.N && len(s.Energy) == asked.N && len(s.LogWeight) == asked.N
}
