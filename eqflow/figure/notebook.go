package figure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// This file alone knows how to show things in a notebook: GoNB passes a pipe to the cell's process, gonbui writes to it.

// FiguresEnv names the environment variable with the folder that collects every figure shown, also inside a notebook.
const FiguresEnv = "EQFLOW_FIGURES"

// item is what can be displayed.
type item interface {
	// show displays the item in a notebook, or else leaves it where a terminal's user finds it.
	show(notebook bool) error
}

// Show displays what a user has at hand: figures and tables, configurations (particle.Batch, dataset.Set), a generator's
// samples, Energies or other numbers (as a histogram), FreeEnergies and other estimates with their errors, a training's
// history, a model's card, and a flow's path ([]particle.Batch) as a film. It shows them in the notebook's output; elsewhere
// pictures become PNG files in the current folder (or the one that EQFLOW_FIGURES names), whose paths it prints, and
// tables are printed. Errors say what could not be drawn and why.
func Show(values ...any) error {
	for _, v := range values {
		it, err := itemOf(v)
		if err != nil {
			return err
		}
		if err := it.show(gonbui.IsNotebook); err != nil {
			return err
		}
	}
	return nil
}

// MustShow is Show for notebook cells: an error ends the cell, red.
func MustShow(values ...any) {
	if err := Show(values...); err != nil {
		panic(err)
	}
}

// shown counts the figures of a file's name that this process has shown, so that none takes another's file.
var shown = struct {
	sync.Mutex
	count map[string]int
}{count: map[string]int{}}

// numbered is the figure under a name that no other shown one has.
func (f Figure) numbered(dir string) Figure {
	shown.Lock()
	defer shown.Unlock()
	name := filepath.Join(dir, slug(f.Name))
	shown.count[name]++
	if k := shown.count[name]; k > 1 {
		f.Name = fmt.Sprintf("%s %d", f.Name, k)
	}
	return f
}

func (f Figure) show(notebook bool) error { return f.display(notebook, "") }

// display shows the figure, in the place of what has the same id; "" is a place of its own.
func (f Figure) display(notebook bool, id string) error {
	dir := os.Getenv(FiguresEnv)
	f = f.numbered(dir)
	if !notebook {
		path, err := f.Save(dir)
		if err != nil {
			return err
		}
		fmt.Println("figure:", path)
		return nil
	}
	data, err := f.PNG()
	if err != nil {
		return err
	}
	if dir != "" {
		if _, err := f.Save(dir); err != nil {
			return err
		}
	}
	if f.film != nil {
		return send(protocol.MIMETextHTML, playerHTML(data), id)
	}
	return send(protocol.MIMEImagePNG, data, id)
}

func (t Table) show(notebook bool) error {
	if notebook {
		return send(protocol.MIMETextHTML, t.HTML(), "")
	}
	_, err := fmt.Print(t)
	return err
}

// syncTime is how long a display may take to reach the kernel. gonbui's own Sync waits for ever on a broken pipe.
const syncTime = 10 * time.Second

// send displays one item and waits until the kernel has it, so that text printed next does not overtake it. A display id
// makes later items with the same one replace it.
func send(mime protocol.MIMEType, data any, id string) error {
	if err := gonbui.Open(); err != nil {
		return fmt.Errorf("figure: no connection to the notebook: %w; restart its kernel", err)
	}
	gonbui.SendData(&protocol.DisplayData{Data: map[protocol.MIMEType]any{mime: data}, DisplayID: id})
	if err := gonbui.Error(); err != nil {
		return fmt.Errorf("figure: the notebook does not take the output: %w; restart its kernel", err)
	}
	done := make(chan struct{})
	go func() {
		gonbui.Sync()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(syncTime):
		return errors.New("figure: the notebook does not answer; restart its kernel")
	}
}

// updateLine replaces the text of a display in place.
func updateLine(id, html string) error { return send(protocol.MIMETextHTML, html, id) }

// inNotebook tells whether a kernel runs this process.
func inNotebook() bool { return gonbui.IsNotebook }

// newLine makes an identifier for updateLine.
func newLine() string { return "eqflow_" + gonbui.UniqueId() }
