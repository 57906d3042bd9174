package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// A model's folder holds model.npz once the model is trained, and checkpoint.npz before. Both are
// NumPy archives: every parameter under its path, and the manifest as JSON text. Each is one file
// that is replaced atomically, so that a killed process leaves the last complete state.
// history.json is the learning curve for other programs.
const (
	modelFile      = "model.npz"
	checkpointFile = "checkpoint.npz"
	historyFile    = "history.json"
	manifestArray  = "manifest"
)

// Manifest describes the parameters in a file.
type Manifest struct {
	Target   target.Spec `json:"target"`
	Flow     flow.Spec   `json:"flow"`
	Seed     uint64      `json:"seed"`
	Steps    int         `json:"steps"`
	Settings *Settings   `json:"settings,omitempty"`
	DataHash string      `json:"data_sha256,omitempty"`
	// ValidationHash is the hash of the data that the learning curve was measured on, and that
	// decided early stopping.
	ValidationHash string `json:"validation_sha256,omitempty"`
	// StartHash is the hash of the model's file whose parameters the training began with.
	StartHash string  `json:"start_sha256,omitempty"`
	History   History `json:"history"`
	// Checksum is of all arrays of the file but the manifest.
	Checksum string  `json:"sha256,omitempty"`
	Sum      float64 `json:"sum"`   // of the losses since the last record
	Count    int     `json:"count"` // of the losses since the last record
}

// manifest describes the subject as it is.
func (m Subject) manifest() (Manifest, error) {
	spec, err := target.SpecOf(m.Target)
	if err != nil {
		return Manifest{}, err
	}
	flowSpec, err := flow.SpecOf(m.Flow)
	return Manifest{Target: spec, Flow: flowSpec, Seed: m.Seed, Steps: m.State.Steps, StartHash: m.Start}, err
}

// Save writes the model as it is into a folder.
func (m Subject) Save(folder string) error {
	doc, err := m.manifest()
	if err != nil {
		return err
	}
	return m.write(filepath.Join(folder, modelFile), doc, engine.ScopeFlow)
}

// write writes the variables below a scope ("" for all), the manifest and further arrays into one
// file.
func (m Subject) write(path string, doc Manifest, scope string, more ...dataset.Array) error {
	parameters, err := m.Parameters().Arrays(scope)
	if err != nil {
		return err
	}
	arrays := append(parameters, more...)
	doc.Checksum = checksum(arrays)
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("eqflow: cannot make the model's folder: %w", err)
	}
	return dataset.WriteArrays(path, append(dataset.Arrays{dataset.Bytes(manifestArray, text)}, arrays...), true)
}

// File is the content of a model's file.
type File struct {
	Arrays dataset.Arrays
	Manifest
	Path string
}

// ReadFile reads the parameters and the manifest of a model's file.
func ReadFile(path string) (File, error) {
	f := File{Path: path}
	var err error
	switch f.Arrays, err = dataset.ReadArrays(path); {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return f, err
	case err != nil:
		return f, f.damaged("%s", dataset.Reason(err))
	}
	text, ok := f.Arrays.Get(manifestArray)
	if !ok || text.U8 == nil {
		return f, dataset.Inputf("eqflow: %s holds no manifest, so that it is no model of eqflow; name another", path)
	}
	if err := json.Unmarshal(text.U8, &f.Manifest); err != nil {
		return f, f.damaged("has a manifest that cannot be read (%v)", err)
	}
	return f, nil
}

// FileOf returns the path of the file that ReadFolder reads: the folder's model, or its checkpoint
// while the training is unfinished.
func FileOf(folder string) string {
	path := filepath.Join(folder, modelFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		path = filepath.Join(folder, checkpointFile)
	}
	return path
}

// ReadFolder reads the folder's model, or its checkpoint while the training is unfinished.
func ReadFolder(folder string) (File, error) {
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return File{}, noModel(folder)
	}
	f, err := ReadFile(FileOf(folder))
	if errors.Is(err, os.ErrNotExist) {
		err = noModel(folder)
	}
	return f, err
}

// noModel is the error of a folder without a model.
func noModel(folder string) error {
	switch info, err := os.Stat(folder); {
	case err == nil && info.IsDir():
		return dataset.Inputf(
			"eqflow: %s holds no model; train one with eqflow train, or name another folder", folder)
	case err == nil:
		return dataset.Inputf("eqflow: %s is a file; name the folder of a model", folder)
	}
	return dataset.Inputf(
		"eqflow: %s holds no model: there is no such folder; train one with eqflow train, or name another", folder)
}

// Finished reports whether the training of the model is finished.
func (f File) Finished() bool { return filepath.Base(f.Path) == modelFile }

// Restore sets the subject's variables and state to those of the file. If the training is
// unfinished and keeps a moving average, the parameters are the averages of the checkpoint.
func (f File) Restore(m Subject) error {
	if err := f.restore(m); err != nil {
		return err
	}
	m.History, m.Start, m.Unchecked = f.History, f.StartHash, !f.Checked()
	if !f.Finished() && f.Settings != nil && valueOf(f.Settings.Average) > 0 {
		return m.Parameters().Copy(engine.ScopeFlow, engine.ScopeAverage)
	}
	return nil
}

// restore sets the subject's variables and steps to those of the file. It returns an error for a
// file whose arrays are not the model's.
func (f File) restore(m Subject) error {
	if err := f.check(m); err != nil {
		return err
	}
	for _, a := range f.Arrays {
		if !isVariable(a.Name) {
			continue
		}
		if err := m.Parameters().Restore(a); err != nil {
			return err
		}
	}
	m.State.Steps = f.Steps
	return nil
}

// IsModel reports whether a folder holds a model or a checkpoint.
func IsModel(folder string) bool {
	for _, name := range []string{modelFile, checkpointFile} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			return true
		}
	}
	return false
}
