package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
)

// ErrOtherModel marks a folder that holds a model of another system, flow, seed, data or settings.
var ErrOtherModel = errors.New("eqflow: the folder holds another model")

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

// resume continues from the checkpoint in the folder, or takes the finished model that the folder
// holds. It returns an error that wraps ErrOtherModel if the file is of another run.
func (t *trainer) resume() error {
	if t.Folder == "" {
		return nil
	}
	if err := ensureWritable(t.Folder); err != nil {
		return err
	}
	for _, name := range []string{modelFile, checkpointFile} {
		path := filepath.Join(t.Folder, name)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		file, err := ReadFile(path)
		if err != nil {
			return err
		}
		if err := t.sameRun(path, file.Manifest); err != nil {
			return err
		}
		t.history, t.sum, t.count, t.finished = file.History, file.Sum, file.Count, file.Finished()
		if err := file.restore(t.Subject); err != nil || t.finished || t.ladder == nil {
			return err
		}
		return t.ladder.restore(file.Arrays)
	}
	return nil
}

// ensureWritable creates the folder and checks that files can be written there. A run that cannot
// write fails here, before the first step, and not at the first checkpoint.
func ensureWritable(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("eqflow: cannot make the model's folder: %w; give another one", err)
	}
	probe, err := os.CreateTemp(folder, ".probe-*")
	if err != nil {
		return fmt.Errorf("eqflow: cannot write into the model's folder: %w; give another one", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// sameRun returns an error if a file is of another run. The error names each difference.
func (t *trainer) sameRun(path string, doc Manifest) error {
	mine, err := t.manifest()
	if err != nil {
		return err
	}
	compare := func(name string, theirs, mine any) error {
		a, _ := json.Marshal(theirs)
		b, _ := json.Marshal(mine)
		if string(a) == string(b) {
			return nil
		}
		return fmt.Errorf("%w: %s was trained with %s %s, not %s; give another folder, or remove this one",
			ErrOtherModel, path, name, a, b)
	}
	return errors.Join(
		compare("the system", doc.Target, mine.Target), compare("the flow", doc.Flow, mine.Flow),
		compare("seed", doc.Seed, mine.Seed), compare("settings", doc.Settings, mine.Settings),
		compare("a start of hash", doc.StartHash, mine.StartHash),
		compare("data of hash", doc.DataHash, mine.DataHash),
		compare("validation data of hash", doc.ValidationHash, mine.ValidationHash))
}
