// Package magics holds what lines "%eqflow …" do in a notebook of the eqflow kernel.
package magics

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
	"github.com/eqflow/gonb-eqflow/xla"
)

// All are the kernel's magics. binary is the eqflow program, which looks at backends in a process of its own; cache is the
// user's folder of eqflow.
func All(binary, cache string) []serve.Magic {
	return []serve.Magic{
		{Name: "backend", Usage: "[auto|cpu|cuda|go]", Help: "what computes, and why; or choose for the cells to come", Run: backend(binary),
			Complete: func([]string) []string { return []string{xla.Auto, xla.CPU, xla.CUDA, xla.Go} }},
		{Name: "gpu", Help: "NVIDIA devices and their memory", Run: gpu},
		{Name: "models", Help: "the trained models below this folder", Run: models},
		{Name: "show", Usage: "MODEL", Help: "a model's card: settings, judgement, learning curve, samples", Run: show, Complete: modelNames},
		{Name: "clean", Usage: "[SESSION] [--yes]", Help: "what eqflow keeps in the user's cache and in sessions, and remove it", Run: clean(cache),
			Complete: func([]string) []string { return append(sessions(), "--yes") }},
	}
}

// backend shows the candidates, as `eqflow xla` does, or sets the variable by which cells choose.
func backend(binary string) func(context.Context, []string, *serve.Output) error {
	chosen := os.Getenv(xla.EnvBackend)
	look := func(ctx context.Context, wanted string, args ...string) ([]byte, error) {
		command := exec.CommandContext(ctx, binary, append([]string{"xla"}, args...)...)
		command.Env = append(os.Environ(), xla.EnvBackend+"="+wanted)
		text, err := command.Output()
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			return nil, errors.New(strings.TrimSpace(string(failed.Stderr)))
		}
		return text, err
	}
	return func(ctx context.Context, args []string, out *serve.Output) error {
		switch len(args) {
		case 0:
			text, err := look(ctx, chosen)
			out.Print(string(text))
			return err
		case 1:
		default:
			return fmt.Errorf("%d backends named; give one", len(args))
		}
		text, err := look(ctx, args[0], "--json")
		if err != nil {
			return err
		}
		var found struct {
			Auto struct{ Kind, Why string }
		}
		if err := json.Unmarshal(text, &found); err != nil {
			return err
		}
		if found.Auto.Kind == "" {
			return errors.New(found.Auto.Why)
		}
		chosen = args[0]
		out.Print(fmt.Sprintf("the cells to come compute with %s: %s\n", found.Auto.Kind, found.Auto.Why))
		out.Replace("%env " + xla.EnvBackend + "=" + chosen)
		return nil
	}
}

func gpu(ctx context.Context, _ []string, out *serve.Output) error {
	text, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=index,name,memory.used,memory.total,utilization.gpu,driver_version", "--format=csv").CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		out.Print("no NVIDIA device: nvidia-smi is not on this machine\n")
	case err != nil:
		out.Print("no NVIDIA device answers: " + strings.TrimSpace(string(text)) + "\n")
	default:
		out.Print(string(text))
	}
	return nil
}

func modelNames([]string) []string { return resident.Models() }

func models(_ context.Context, _ []string, out *serve.Output) error {
	table := figure.Table{Headers: []string{"model", "system", "flow", "steps", "NLL / nats", "ESS / %"}}
	for _, folder := range resident.Models() {
		card, err := eqflow.Describe(folder)
		if err != nil {
			table.Rows = append(table.Rows, []string{folder, "damaged: " + err.Error()})
			continue
		}
		row := []string{folder, card.System, card.Flow, fmt.Sprint(card.Steps), "–", "–"}
		if !card.Finished {
			row[3] += " (unfinished)"
		}
		if card.Report != nil {
			row[4] = fmt.Sprintf("%.3f", card.Report.NLL4)
			if card.Report.Samples > 0 {
				row[5] = fmt.Sprintf("%.1f", 100*card.Report.ESS)
			}
		}
		table.Rows = append(table.Rows, row)
	}
	if len(table.Rows) == 0 {
		out.Print("no trained models below this folder; Train with a Run{Folder: …} keeps them\n")
		return nil
	}
	out.Show(map[string]any{"text/html": table.HTML(), "text/plain": table.String()})
	return nil
}

// show draws a model's card.
func show(_ context.Context, args []string, out *serve.Output) error {
	if len(args) != 1 {
		return fmt.Errorf("name one model; %%eqflow models lists them")
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
	if run := figure.RunOf("training", card.History); len(run.Steps) > 1 {
		err = showFigure(out, "learning curve of "+args[0], figure.LearningCurves(figure.Axes{Title: args[0], X: "step", Y: "loss / nats"}, run))
	}
	if err != nil {
		return err
	}
	return showSamples(folder, out)
}

// shownSamples is two rows of a gallery.
const shownSamples = 10

// showSamples draws a few, or says why there are none: the card stands without them.
func showSamples(folder string, out *serve.Output) error {
	samples, err := draw(folder)
	if err != nil {
		out.Print("no samples: " + err.Error() + "\n")
		return nil
	}
	return showFigure(out, "samples", figure.Particles(figure.Gallery{Title: "samples"}, samples.X))
}

func draw(folder string) (s eqflow.Samples, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return resident.Open(folder).Sample(shownSamples, 1), nil
}

func showFigure(out *serve.Output, name string, f figure.Figure) error {
	png, err := f.PNG()
	if err != nil {
		return err
	}
	out.Show(map[string]any{"image/png": base64.StdEncoding.EncodeToString(png), "text/plain": name})
	return nil
}

// sessions lists those of this folder.
func sessions() []string {
	var names []string
	entries, _ := os.ReadDir(session.Root())
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// clean says what the cache holds and what sessions do. It removes the cache if told to, which is made again when it is
// needed, or the one session that is named, which is not.
func clean(cache string) func(context.Context, []string, *serve.Output) error {
	return func(_ context.Context, args []string, out *serve.Output) error {
		yes := slices.Contains(args, "--yes")
		names := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--yes" })
		switch {
		case len(names) == 0:
			return cleanCache(cache, yes, out)
		case len(names) > 1 || !slices.Contains(sessions(), names[0]):
			return fmt.Errorf("%v is no session of this folder; there are %v. Give one of them, or nothing for the cache, and --yes to remove it", names, sessions())
		}
		folder := filepath.Join(session.Root(), names[0])
		out.Print(fmt.Sprintf("%8.1f MB  %s\n", float64(size(folder))/1e6, folder))
		if !yes {
			out.Print("%eqflow clean " + names[0] + " --yes removes its models, data and results\n")
			return nil
		}
		out.Print("removed\n")
		return os.RemoveAll(folder)
	}
}

func cleanCache(cache string, yes bool, out *serve.Output) error {
	entries, err := os.ReadDir(cache)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept := 0
	for _, entry := range entries {
		if inUse(entry.Name()) {
			continue
		}
		kept++
		whole := filepath.Join(cache, entry.Name())
		out.Print(fmt.Sprintf("%8.1f MB  %s\n", float64(size(whole))/1e6, entry.Name()))
		if yes {
			if err := os.RemoveAll(whole); err != nil {
				return err
			}
		}
	}
	switch {
	case kept == 0:
		out.Print("nothing is kept in the user's cache\n")
	case yes:
		out.Print("removed; `eqflow xla install` brings XLA again\n")
	default:
		out.Print("%eqflow clean --yes removes these; what this kernel runs on stays\n")
	}
	for _, name := range sessions() {
		out.Print(fmt.Sprintf("%8.1f MB  session %s: %%eqflow clean %s\n", float64(size(filepath.Join(session.Root(), name)))/1e6, name, name))
	}
	return nil
}

// inUse tells whether a kernel runs on an entry of the cache: its program, GoNB, and JupyterLab.
func inUse(name string) bool {
	return name == "bin" || strings.HasPrefix(name, "lab") || strings.HasPrefix(name, "gonb-")
}

func size(path string) (bytes int64) {
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil {
			if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
				bytes += info.Size()
			}
		}
		return nil
	})
	return bytes
}
