package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// manifest describes the run as it is.
func (t *trainer) manifest() (Manifest, error) {
	doc, err := t.Subject.manifest()
	doc.Settings, doc.History, doc.Sum, doc.Count = &t.Settings, t.history, t.sum, t.count
	if !t.Objective.DataFree() {
		doc.DataHash = dataset.Hash(t.data.Train)
	}
	if t.data.Validation.Len() > 0 {
		doc.ValidationHash = dataset.Hash(t.data.Validation)
	}
	return doc, err
}

// checkpoint writes every variable of the store, the manifest and the ladder's draws.
func (t *trainer) checkpoint() error {
	doc, err := t.manifest()
	if err != nil {
		return err
	}
	t.keptAt, t.keptStep = time.Now(), t.State.Steps
	return t.write(filepath.Join(t.Folder, checkpointFile), doc, "", t.ladder.arrays()...)
}

// saveFinished writes the trained model and the learning curve, and removes the checkpoint.
func (t *trainer) saveFinished() error {
	doc, err := t.manifest()
	if err != nil {
		return err
	}
	if err := t.write(filepath.Join(t.Folder, modelFile), doc, engine.ScopeFlow); err != nil {
		return err
	}
	_, err = t.complete()
	return err
}

// complete makes the rest of the folder follow from the finished model: it writes the learning
// curve for other programs, and removes the checkpoint. It reports whether there was something to
// do. A process that was killed in between leaves that to the same command.
func (t *trainer) complete() (repaired bool, err error) {
	curve, err := json.MarshalIndent(t.history, "", " ")
	if err != nil {
		return false, err
	}
	path, curve := filepath.Join(t.Folder, historyFile), append(curve, '\n')
	if text, err := os.ReadFile(path); err != nil || !bytes.Equal(text, curve) {
		if err := atomic.WriteFile(path, curve); err != nil {
			return false, fmt.Errorf("eqflow: cannot write the learning curve: %w", err)
		}
		repaired = true
	}
	err = os.Remove(filepath.Join(t.Folder, checkpointFile))
	if errors.Is(err, os.ErrNotExist) {
		return repaired, nil
	}
	return true, err
}

// resume continues from the checkpoint in the folder, or takes the finished model that the folder
// holds. It returns an error that wraps ErrOtherModel if the file is of another run.
func (t *trainer) resume() error {
	for _, name := range []string{modelFile, checkpointFile} {
		found, err := t.take(name)
		switch {
		case err != nil:
			return err
		case found && t.finished:
			return t.repair()
		case found:
			return nil
		}
	}
	return nil
}

// take sets the run to the state in a file of its folder. It reports whether the file exists.
func (t *trainer) take(name string) (found bool, err error) {
	path := filepath.Join(t.Folder, name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	file, err := ReadFile(path)
	if err != nil {
		return true, err
	}
	if err := t.sameRun(path, file.Manifest); err != nil {
		return true, err
	}
	t.keptStep = file.Steps
	t.history, t.sum, t.count, t.finished = file.History, file.Sum, file.Count, file.Finished()
	if err := file.restore(t.Subject); err != nil || t.finished || t.ladder == nil {
		return true, err
	}
	return true, t.ladder.restore(file.Arrays)
}

// repair completes the folder of a finished model whose writer was killed, and says so.
func (t *trainer) repair() error {
	repaired, err := t.complete()
	if repaired && err == nil {
		t.warn(t.Folder + " holds the finished model; what its writer left undone beside it is done now")
	}
	return err
}

// warn passes a message to Run.Warn.
func (t *trainer) warn(message string) {
	if t.Warn != nil {
		t.Warn(message)
	}
}

// ensureWritable creates the folder and checks that files can be written there. A run that cannot
// write fails here, before the first step, and not at the first checkpoint.
func ensureWritable(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return dataset.Inputf("eqflow: cannot make the model's folder: %w; give another one", err)
	}
	if err := atomic.Probe(folder); err != nil {
		return dataset.Inputf("eqflow: cannot write into the model's folder: %w; give another one", err)
	}
	return nil
}
