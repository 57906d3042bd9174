package eqflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
	c.Report, err = readReport(folder)
	return c, err
}

// KeepReport writes an evaluation beside the model that it judges.
func KeepReport(folder string, r evaluate.Report) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("eqflow: the evaluation is not kept: %w", err)
	}
	if err := atomic.WriteFile(filepath.Join(folder, reportFile), append(text, '\n')); err != nil {
		return fmt.Errorf("eqflow: cannot keep the evaluation: %w", err)
	}
	return nil
}

func readReport(folder string) (*evaluate.Report, error) {
	text, err := os.ReadFile(filepath.Join(folder, reportFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var r evaluate.Report
	if err := errors.Join(err, json.Unmarshal(text, &r)); err != nil {
		return nil, fmt.Errorf("eqflow: %s is damaged (%w); evaluate the model again",
			filepath.Join(folder, reportFile), err)
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
	if c.Report == nil {
		return append(rows, []string{"judgement", "none yet: eqflow eval keeps one"})
	}
	return append(rows, c.Report.Rows()...)
}
