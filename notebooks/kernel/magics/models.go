package magics

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
)

// models lists the trained models below the working folder.
func models(_ context.Context, _ []string, out *serve.Output) error {
	table := figure.Table{Headers: []string{"model", "system", "flow", "steps", "NLL / nats", "ESS / %"}}
	for _, folder := range resident.Models() {
		table.Rows = append(table.Rows, modelRow(folder))
	}
	if len(table.Rows) == 0 {
		out.Print("no trained models below this folder; Train with a Run{Folder: …} keeps them\n")
		return nil
	}
	out.Show(map[string]any{"text/html": table.HTML(), "text/plain": table.String()})
	return nil
}

func modelRow(folder string) []string {
	card, err := eqflow.Describe(folder)
	if err != nil {
		return []string{folder, "damaged: " + err.Error()}
	}
	row := []string{folder, card.System, card.Flow, fmt.Sprint(card.Steps), "–", "–"}
	if !card.Finished {
		row[3] += " (unfinished)"
	}
	if card.Report != nil {
		row[4] = fmt.Sprintf("%.3f", card.Report.NLL4)
	}
	switch r, s := card.Report, card.Sampling; {
	case r != nil && r.Samples > 0 && (s == nil || r.Samples >= s.Samples):
		row[5] = stats.Estimate{Value: 100 * r.ESS, Error: 100 * r.ESSError}.String()
	case s != nil:
		row[5] = stats.Estimate{Value: 100 * s.ESS.Value, Error: 100 * s.ESS.Error}.String()
	}
	return row
}

// show shows a model's card, its learning curve and samples of it.
func show(_ context.Context, args []string, out *serve.Output) error {
	if len(args) != 1 {
		return errors.New("name one model; %eqflow models lists them")
	}
	folder, err := resident.Find(args[0])
	if err != nil {
		return err
	}
	card, err := eqflow.Describe(folder)
	if err != nil {
		return err
	}
	table := figure.Table{Headers: []string{"", args[0]}, Rows: card.Rows()}
	out.Show(map[string]any{"text/html": table.HTML(), "text/plain": table.String()})
	if run := figure.LearningCurveOf("training", card.History); len(run.Steps) > 1 {
		axes := figure.Axes{Title: figure.Words(filepath.Base(folder)), X: "step", Y: "loss / nats"}
		err = showFigure(out, "learning curve of "+args[0], figure.LearningCurves(axes, run))
	}
	if err != nil {
		return err
	}
	return showSamples(folder, out)
}

// shownSamples fills two rows of a gallery.
const shownSamples = 10

// showSamples shows a few samples. If there are none it prints the reason, since the card is useful
// without them.
func showSamples(folder string, out *serve.Output) error {
	samples, err := draw(folder)
	if err != nil {
		out.Print("no samples: " + err.Error() + "\n")
		return nil
	}
	return showFigure(out, "samples", figure.Particles(figure.Gallery{Title: "samples"}, samples))
}

// draw draws configurations and returns a panic as an error. It needs no energies, which only the
// cells know of a system that the notebook declares.
func draw(folder string) (x particle.Batch, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return resident.Open(folder).Configurations(shownSamples, 1), nil
}

func showFigure(out *serve.Output, name string, f figure.Figure) error {
	forms, err := figure.Bundle(f)
	if err != nil {
		return err
	}
	for kind, data := range forms {
		if raw, ok := data.([]byte); ok {
			forms[kind] = base64.StdEncoding.EncodeToString(raw)
		}
	}
	forms["text/plain"] = name
	out.Show(forms)
	return nil
}
