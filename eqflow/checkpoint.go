package eqflow

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// A model's folder holds model.npz, once it is trained, and checkpoint.npz while it is not. Both are NumPy archives: every
// parameter by its path, and the manifest as JSON text. One file each, replaced at once, so that a killed process leaves
// the last whole state. history.json is the learning curve for other programs.
const (
	modelFile      = "model.npz"
	checkpointFile = "checkpoint.npz"
	historyFile    = "history.json"
	manifestArray  = "manifest"
)

// manifest says what a file's parameters are.
type manifest struct {
	Target   target.Spec `json:"target"`
	Flow     FlowSpec    `json:"flow"`
	Seed     uint64      `json:"seed"`
	Steps    int         `json:"steps"`
	Settings *Settings   `json:"settings,omitempty"`
	DataHash string      `json:"data_sha256,omitempty"`
	// ValidationHash is of the data that the learning curve was measured on, and early stopping was decided by.
	ValidationHash string `json:"validation_sha256,omitempty"`
	// StartHash is of the model's file whose parameters the training began with.
	StartHash string  `json:"start_sha256,omitempty"`
	History   History `json:"history"`
	Sum       float64 `json:"sum"`   // of losses since the last record
	Count     int     `json:"count"` // of them
}

// ErrOtherModel marks a folder that holds a model of another system, flow, seed, data or settings.
var ErrOtherModel = errors.New("eqflow: the folder holds another model")

func (m *Model) manifest() (manifest, error) {
	spec, err := target.SpecOf(m.Target)
	if err != nil {
		return manifest{}, err
	}
	flowSpec, err := SpecOfFlow(m.Flow)
	return manifest{Target: spec, Flow: flowSpec, Seed: m.Seed, Steps: m.steps, StartHash: m.start}, err
}

func (t *trainer) manifest() (manifest, error) {
	doc, err := t.Model.manifest()
	doc.Settings, doc.History, doc.Sum, doc.Count = &t.Settings, t.history, t.sum, t.count
	if t.needsData() {
		doc.DataHash = dataset.Hash(t.data.Train)
	}
	if t.data.Validation.Len() > 0 {
		doc.ValidationHash = dataset.Hash(t.data.Validation)
	}
	return doc, err
}

// save writes a checkpoint: every variable of the store.
func (t *trainer) save() error {
	doc, err := t.manifest()
	if err != nil {
		return err
	}
	return t.write(filepath.Join(t.Folder, checkpointFile), doc, "", t.ladder.arrays()...)
}

// saveFinished writes the trained model and drops the checkpoint.
func (t *trainer) saveFinished() error {
	doc, err := t.manifest()
	if err != nil {
		return err
	}
	if err := t.write(filepath.Join(t.Folder, modelFile), doc, scopeFlow); err != nil {
		return err
	}
	curve, err := json.MarshalIndent(t.history, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.Folder, historyFile), append(curve, '\n'), 0o644); err != nil {
		return fmt.Errorf("eqflow: cannot write the learning curve: %w", err)
	}
	return removeIfThere(filepath.Join(t.Folder, checkpointFile))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Save writes the model as it is into a folder.
func (m *Model) Save(folder string) error {
	doc, err := m.manifest()
	if err != nil {
		return err
	}
	return m.write(filepath.Join(folder, modelFile), doc, scopeFlow)
}

// write puts the variables below a scope ("" for all), the manifest and what else there is into one file.
func (m *Model) write(path string, doc manifest, scope string, more ...dataset.Array) error {
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	arrays := dataset.Arrays{dataset.Bytes(manifestArray, text)}
	for v := range m.store.IterVariables() {
		if scope != "" && !strings.HasPrefix(v.Path(), "/"+scope+"/") {
			continue
		}
		a, err := toArray(strings.TrimPrefix(v.Path(), "/"), v.MustValue())
		if err != nil {
			return err
		}
		arrays = append(arrays, a)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("eqflow: cannot make the model's folder: %w", err)
	}
	return dataset.WriteArrays(path, append(arrays, more...), true)
}

func toArray(name string, t *tensors.Tensor) (dataset.Array, error) {
	shape := t.Shape().Dimensions
	a := dataset.Array{Name: name, Shape: append([]int{}, shape...)}
	var err error
	switch t.DType().GoType().Kind() {
	case reflect.Float32:
		a.F32, err = tensors.CopyFlatData[float32](t)
	case reflect.Float64:
		a.F64, err = tensors.CopyFlatData[float64](t)
	case reflect.Int64:
		a.I64, err = tensors.CopyFlatData[int64](t)
	default:
		return a, fmt.Errorf("eqflow: variable %s has type %s, which has no place in a checkpoint", name, t.DType())
	}
	return a, err
}

func fromArray(a dataset.Array) *tensors.Tensor {
	switch {
	case a.F32 != nil:
		return tensors.FromFlatDataAndDimensions(a.F32, a.Shape...)
	case a.F64 != nil:
		return tensors.FromFlatDataAndDimensions(a.F64, a.Shape...)
	default:
		return tensors.FromFlatDataAndDimensions(a.I64, a.Shape...)
	}
}

// readFile reads a model's file: parameters and manifest.
func readFile(path string) (dataset.Arrays, manifest, error) {
	var doc manifest
	arrays, err := dataset.ReadArrays(path)
	if err != nil {
		return nil, doc, err
	}
	text, ok := arrays.Get(manifestArray)
	if !ok || text.U8 == nil {
		return nil, doc, fmt.Errorf("%w: %s holds no manifest; it is no model of eqflow", dataset.ErrInput, path)
	}
	if err := json.Unmarshal(text.U8, &doc); err != nil {
		return nil, doc, fmt.Errorf("%w: %s has a damaged manifest (%v); train the model again", dataset.ErrInput, path, err)
	}
	return arrays, doc, nil
}

// restore sets the store's variables to a file's arrays.
func (m *Model) restore(arrays dataset.Arrays, doc manifest) error {
	for _, a := range arrays {
		if !isModels(a.Name) {
			continue
		}
		if err := m.set("/"+a.Name, fromArray(a), strings.HasPrefix(a.Name, scopeFlow+"/")); err != nil {
			return err
		}
	}
	m.steps = doc.Steps
	return nil
}

// FileOf is the file that Load reads: a folder's model, or its checkpoint if the training is not over.
func FileOf(folder string) string {
	path := filepath.Join(folder, modelFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		path = filepath.Join(folder, checkpointFile)
	}
	return path
}

// readFolder reads a folder's model and says which file it read.
func readFolder(folder string) (arrays dataset.Arrays, doc manifest, path string, err error) {
	path = FileOf(folder)
	arrays, doc, err = readFile(path)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: %s holds no model; train one with eqflow train --out %s", dataset.ErrInput, folder, folder)
	}
	return arrays, doc, path, err
}

// Load reads a trained model from its folder, or, from the folder of an unfinished run, what its last checkpoint has.
func Load(backend compute.Backend, folder string) (*Model, History, error) {
	arrays, doc, path, err := readFolder(folder)
	if err != nil {
		return nil, History{}, err
	}
	m, err := doc.model(backend)
	if err != nil {
		return nil, History{}, err
	}
	if err := m.restore(arrays, doc); err != nil {
		return nil, History{}, err
	}
	m.past, m.start = doc.History, doc.StartHash
	if unfinished := filepath.Base(path) == checkpointFile; unfinished && doc.Settings != nil && doc.Settings.Average > 0 {
		err = m.copyParameters(scopeFlow, scopeAverage)
	}
	return m, doc.History, err
}

// GeneratorOf is the generator that a folder's model is one of, without its parameters.
func GeneratorOf(folder string) (Generator, error) {
	_, doc, _, err := readFolder(folder)
	if err != nil {
		return Generator{}, err
	}
	return doc.generator()
}

// StartFrom gives the model the parameters of a folder's, of the same flow, for a training that goes on where that one's ended: by
// likelihood after flow matching, say, at another temperature, or with more particles, if no parameter is a particle's own. The training's own steps count from 0.
func (m *Model) StartFrom(folder string) error {
	_, doc, _, err := readFolder(folder)
	if err != nil {
		return err
	}
	other, history, err := Load(m.backend, folder)
	if err != nil {
		return err
	}
	arrays, err := other.Export()
	if err != nil {
		return err
	}
	if err := m.Import(arrays); err != nil {
		return fmt.Errorf("eqflow: cannot start from %s: %w", folder, err)
	}
	content, err := os.ReadFile(FileOf(folder))
	if err != nil {
		return fmt.Errorf("eqflow: cannot start from %s: %w", folder, err)
	}
	m.start, m.past = fmt.Sprintf("%x", sha256.Sum256(content)), History{Before: history.Before}
	if doc.Settings != nil {
		m.past.Before = append(history.Before[:len(history.Before):len(history.Before)], Stage{*doc.Settings, history.Steps, history.Seconds, history.Energies})
	}
	return nil
}

// model makes the model that a manifest describes, with fresh parameters.
func (d manifest) model(backend compute.Backend) (*Model, error) {
	g, err := d.generator()
	if err != nil {
		return nil, err
	}
	return New(backend, g)
}

func (d manifest) generator() (Generator, error) {
	t, err := target.FromSpec(d.Target)
	if err != nil {
		return Generator{}, err
	}
	f, err := d.Flow.Config()
	return Generator{Target: t, Flow: f, Seed: d.Seed}, err
}

// resume goes on from the folder's checkpoint, or takes over its finished model, if it holds one of this very run.
func (t *trainer) resume() error {
	if t.Folder == "" {
		return nil
	}
	if err := writable(t.Folder); err != nil {
		return err
	}
	for _, name := range []string{modelFile, checkpointFile} {
		path := filepath.Join(t.Folder, name)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		arrays, doc, err := readFile(path)
		if err != nil {
			return err
		}
		if err := t.sameRun(path, doc); err != nil {
			return err
		}
		t.history, t.sum, t.count, t.done = doc.History, doc.Sum, doc.Count, name == modelFile
		if err := t.restore(arrays, doc); err != nil || t.done || t.ladder == nil {
			return err
		}
		return t.ladder.takeUp(arrays)
	}
	return nil
}

// writable makes the folder and finds out whether files can be written there: better now than at the first checkpoint.
func writable(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("eqflow: cannot make the model's folder: %w; give another one", err)
	}
	probe, err := os.CreateTemp(folder, ".probe-*")
	if err != nil {
		return fmt.Errorf("eqflow: cannot write into the model's folder: %w; give another one", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// sameRun refuses a file of another run and says in what it differs.
func (t *trainer) sameRun(path string, doc manifest) error {
	mine, err := t.manifest()
	if err != nil {
		return err
	}
	differs := func(what string, theirs, mine any) error {
		a, _ := json.Marshal(theirs)
		b, _ := json.Marshal(mine)
		if string(a) == string(b) {
			return nil
		}
		return fmt.Errorf("%w: %s was trained with %s %s, not %s; give another folder, or remove this one", ErrOtherModel, path, what, a, b)
	}
	return errors.Join(
		differs("the system", doc.Target, mine.Target), differs("the flow", doc.Flow, mine.Flow),
		differs("seed", doc.Seed, mine.Seed), differs("settings", doc.Settings, mine.Settings),
		differs("a start of hash", doc.StartHash, mine.StartHash),
		differs("data of hash", doc.DataHash, mine.DataHash),
		differs("validation data of hash", doc.ValidationHash, mine.ValidationHash))
}
