package eqflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// reportFile holds the last evaluation of a folder's model.
const reportFile = "evaluation.json"

// Card describes the model in a folder. Reading it needs no backend.
type Card struct {
	System     string
	Target     target.Spec
	Flow       string // "kernel", "realnvp", …
	FlowSpec   flow.Spec
	Steps      int  // training steps taken
	Finished   bool // false for the checkpoint of an unfinished run
	Parameters int
	Settings   *train.Settings // settings of the training; nil for a model that was saved untrained
	History    train.History
	Report     *evaluate.Report // the last evaluation in the folder; nil if there is none
	Sampling   *Sampling        // the largest sampling that was kept in the folder; nil if there is none
}

// Describe reads a model's card from its folder.
func Describe(folder string) (Card, error) {
	file, err := train.ReadFolder(folder)
	if err != nil {
		return Card{}, err
	}
	system, err := file.Target.Title()
	if err != nil {
		return Card{}, fmt.Errorf("%s: %w", file.Path, err)
	}
	c := Card{
		System: system, Target: file.Target, Flow: file.Flow.Name, FlowSpec: file.Flow, Steps: file.Steps,
		Finished: file.Finished(), Settings: file.Settings, History: file.History,
	}
	for _, a := range file.Arrays {
		if strings.HasPrefix(a.Name, engine.ScopeFlow+"/") {
			size := 1
			for _, n := range a.Shape {
				size *= n
			}
			c.Parameters += size
		}
	}
	c.Report, err = readReport(folder, file)
	c.Sampling = readSampling(folder, file)
	return c, err
}

// modelKey is the field of a kept evaluation that has the checksum of the model's parameters.
const modelKey = "model_sha256"

// KeepReport writes an evaluation beside the model that it judges.
func KeepReport(folder string, r evaluate.Report) error {
	file, err := train.ReadFolder(folder)
	if err != nil {
		return fmt.Errorf("eqflow: the evaluation is not kept: %w", err)
	}
	text, err := json.Marshal(r)
	fields := map[string]any{}
	if err := errors.Join(err, json.Unmarshal(text, &fields)); err != nil {
		return fmt.Errorf("eqflow: the evaluation is not kept: %w", err)
	}
	fields[modelKey] = file.Checksum
	if err := atomic.WriteJSON(filepath.Join(folder, reportFile), fields); err != nil {
		return fmt.Errorf("eqflow: cannot keep the evaluation: %w", err)
	}
	return nil
}

// readReport reads the evaluation of a model, nil if there is none. An evaluation of other
// parameters, from before the model was trained further or again, counts as none.
func readReport(folder string, model train.File) (*evaluate.Report, error) {
	path := filepath.Join(folder, reportFile)
	var text json.RawMessage
	err := atomic.ReadJSON(path, &text)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var r evaluate.Report
	var of struct {
		Model string `json:"model_sha256"`
	}
	if err == nil {
		err = errors.Join(json.Unmarshal(text, &r), json.Unmarshal(text, &of))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s is damaged (%w); evaluate the model again", dataset.ErrInput, path, err)
	}
	if of.Model != "" && model.Checked() && of.Model != model.Checksum {
		return nil, nil
	}
	return &r, nil
}

// Rows returns the card as a table of names and values.
func (c Card) Rows() [][]string {
	rows := [][]string{{"system", c.System}, {"flow", fmt.Sprintf("%s, %d parameters", c.Flow, c.Parameters)}}
	if c.FlowSpec.Solver != "" {
		rows = append(rows, []string{"solver", fmt.Sprintf("%s, %d steps", c.FlowSpec.Solver, c.FlowSpec.Steps)})
	}
	for _, b := range c.History.Before {
		text := fmt.Sprintf("by %s, %d steps of %d, %.0f seconds", b.Objective, b.Taken, b.Batch, b.Seconds)
		rows = append(rows, []string{"trained before", text})
	}
	if s := c.Settings; s != nil {
		state := "finished"
		if !c.Finished {
			state = "unfinished"
		}
		rows = append(rows,
			[]string{"training", fmt.Sprintf("by %s, step %d of %d, %s", s.Objective, c.Steps, s.Steps, state)},
			[]string{"settings", fmt.Sprintf("batch %d, learning rate %g, seed %d%s",
				s.Batch, s.LearningRate, s.Seed, s.ObjectiveSettings())},
			[]string{"seconds", fmt.Sprintf("%.0f", c.History.Seconds)})
	}
	if c.History.Energies > 0 {
		rows = append(rows, []string{"energies evaluated", fmt.Sprint(c.History.Energies)})
	}
	if n := len(c.History.Rungs); n > 0 {
		last := c.History.Rungs[n-1]
		text := fmt.Sprintf("%d rungs, to λ = %.3g with an ESS of %.0f %%", n, last.Lambda, 100*last.ESS)
		rows = append(rows, []string{"ladder", text})
	}
	if s := c.Sampling; s != nil && (c.Report == nil || c.Report.Samples == 0) {
		rows = append(rows, []string{"ESS", fmt.Sprintf("%s of %d samples", s.ESS.Percent(), s.Samples)},
			[]string{"log Z", s.LogZ.String()})
	}
	if c.Report == nil {
		return append(rows, []string{"judgement", "none yet: eqflow eval keeps one"})
	}
	return append(rows, c.Report.Rows()...)
}
