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

// This file contains all code that displays results in a notebook. GoNB passes a pipe to the
// process of the cell, and gonbui writes to it.

// FiguresEnv is the environment variable with the folder to which every displayed figure is saved,
// also in a notebook.
const FiguresEnv = "EQFLOW_FIGURES"

// displayable is a value that can be displayed.
type displayable interface {
	// show displays the value in a notebook. Outside a notebook it prints the value or saves it to
	// a file.
	show(notebook bool) error
}

// Show displays figures and tables; configurations (particle.Batch, dataset.Set); the samples of a
// generator; Energies or other numbers, as a histogram; FreeEnergies and other estimates with their
// errors; the history of a training; the card of a model; and a trajectory of a flow
// ([]particle.Batch), as a film.
//
// In a notebook they appear in the output of the cell. Elsewhere Show prints tables, saves pictures
// as PNG files in the current folder or the folder EQFLOW_FIGURES, and prints their paths. An error
// says which value could not be drawn and why.
func Show(values ...any) error {
	for _, v := range values {
		d, err := displayableOf(v)
		if err != nil {
			return err
		}
		if err := d.show(gonbui.IsNotebook); err != nil {
			return err
		}
	}
	return nil
}

// MustShow is Show for notebook cells. It panics on an error, which ends the cell.
func MustShow(values ...any) {
	if err := Show(values...); err != nil {
		panic(err)
	}
}

// shown counts, by file name, the figures that this process has displayed, so that no figure
// overwrites another.
var shown = struct {
	sync.Mutex
	count map[string]int
}{count: map[string]int{}}

// withUniqueName returns the figure with a number in its name if an earlier figure had the same
// name.
func (f Figure) withUniqueName(dir string) Figure {
	shown.Lock()
	defer shown.Unlock()
	name := filepath.Join(dir, fileName(f.Name))
	shown.count[name]++
	if k := shown.count[name]; k > 1 {
		f.Name = fmt.Sprintf("%s %d", f.Name, k)
	}
	return f
}

func (f Figure) show(notebook bool) error { return f.display(notebook, "") }

// display shows the figure. It replaces the output with the same id; an empty id creates a new
// output.
func (f Figure) display(notebook bool, id string) error {
	dir := os.Getenv(FiguresEnv)
	f = f.withUniqueName(dir)
	if !notebook {
		path, err := f.Save(dir)
		if err != nil {
			return err
		}
		fmt.Println("figure:", path)
		return nil
	}
	forms, err := f.forms()
	if err != nil {
		return err
	}
	if dir != "" {
		if _, err := f.Save(dir); err != nil {
			return err
		}
	}
	return sendBundle(forms, f, id)
}

func (t Table) show(notebook bool) error {
	if notebook {
		return send(protocol.MIMETextHTML, t.HTML(), "")
	}
	_, err := fmt.Print(t)
	return err
}

// syncTimeout limits the time in which the kernel must confirm an output. gonbui's Sync would wait
// forever on a broken pipe.
const syncTimeout = 10 * time.Second

// send displays data and waits until the kernel has received it, so that text printed afterwards
// does not appear before it. Later data with the same display id replace it.
func send(mime protocol.MIMEType, data any, id string) error {
	return sendData(protocol.DisplayData{Data: map[protocol.MIMEType]any{mime: data}, DisplayID: id})
}

// sendBundle displays the forms of a figure. Front ends show one of them, and a picture at the
// figure's size: without a size they would show one dot per pixel, and a picture of two dots per
// pixel at twice its size.
func sendBundle(forms map[string]any, f Figure, id string) error {
	d := protocol.DisplayData{Data: map[protocol.MIMEType]any{}, DisplayID: id}
	for kind, data := range forms {
		d.Data[protocol.MIMEType(kind)] = data
	}
	if forms[string(protocol.MIMEImagePNG)] != nil {
		width, height := f.Size()
		size := map[string]int{"width": width, "height": height} // a type that GoNB's pipe knows
		d.Metadata = map[string]any{string(protocol.MIMEImagePNG): size}
	}
	return sendData(d)
}

func sendData(d protocol.DisplayData) error {
	if err := gonbui.Open(); err != nil {
		return fmt.Errorf("figure: no connection to the notebook: %w; restart its kernel", err)
	}
	gonbui.SendData(&d)
	if err := gonbui.Error(); err != nil {
		return fmt.Errorf("figure: the notebook does not accept the output: %w; restart its kernel", err)
	}
	done := make(chan struct{})
	go func() {
		gonbui.Sync()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(syncTimeout):
		return errors.New("figure: the notebook does not answer; restart its kernel")
	}
}

// updateDisplay replaces the content of an output.
func updateDisplay(id, html string) error { return send(protocol.MIMETextHTML, html, id) }

// inNotebook reports whether a notebook kernel runs this process.
func inNotebook() bool { return gonbui.IsNotebook }

// newDisplayID returns a new identifier of an output.
func newDisplayID() string { return "eqflow_" + gonbui.UniqueId() }
