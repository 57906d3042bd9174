package figure

import (
	"bytes"
	"encoding/gob"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

const cellEnv = "EQFLOW_TEST_CELL"

// TestMain runs the test binary as the cell of a notebook if cellEnv is set, because gonbui checks
// only at start whether it runs in a notebook.
func TestMain(m *testing.M) {
	if os.Getenv(cellEnv) != "" {
		cell()
		return
	}
	os.Exit(m.Run())
}

// cell displays one value of each kind.
func cell() {
	p := NewProgress("training", 2)
	p.Update(1, "loss 3")
	p.Done("loss 2")
	MustShow(everyKind()["lines"], NewTable([]string{"a"}, []any{1}))
	live := NewLiveCurve("live")
	live.pause = 0
	live.Point(1, 3, 5, 0, 0)
	live.pause = 0 // drawing has changed it
	live.Point(2, 3, 4, 0, 0)
	if err := live.Done(); err != nil {
		panic(err)
	}
	MustShow([]particle.Batch{squares(1), squares(1)})
	var view View
	for range 2 {
		if err := view.Draw(everyKind()["bars"]); err != nil {
			panic(err)
		}
	}
	if err := view.Close(); err != nil {
		panic(err)
	}
}

// kernel answers a cell as GoNB does, and returns the data that the cell displayed.
func kernel(t *testing.T, in, out string) []protocol.DisplayData {
	t.Helper()
	r, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := os.OpenFile(out, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	answers := gob.NewEncoder(w)
	decoder := gob.NewDecoder(r)
	var shown []protocol.DisplayData
	for {
		var d protocol.DisplayData
		if decoder.Decode(&d) != nil {
			return shown
		}
		sync, ok := d.Data[protocol.MIMECommValue].(protocol.CommValue)
		if !ok {
			shown = append(shown, d)
			continue
		}
		answer := &protocol.CommValue{Address: protocol.GonbuiSyncAckAddress, Value: sync.Value}
		if err := answers.Encode(answer); err != nil {
			t.Fatal(err)
		}
	}
}

// runCell runs this test binary as a cell, and returns the data that it displayed. Figures are
// saved to a folder.
func runCell(t *testing.T, figures string) []protocol.DisplayData {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	for _, pipe := range []string{in, out} {
		if err := exec.Command("mkfifo", pipe).Run(); err != nil {
			t.Fatal("GoNB uses named pipes, and mkfifo fails: ", err)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), cellEnv+"=1", FiguresEnv+"="+figures,
		protocol.GONB_PIPE_ENV+"="+in, protocol.GONB_PIPE_BACK_ENV+"="+out)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shown := kernel(t, in, out)
	if err := cmd.Wait(); err != nil || text.Len() > 0 {
		t.Fatalf("the cell ended with %v and printed %q", err, text.String())
	}
	return shown
}

func TestShowInANotebook(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("GoNB uses named pipes, and Windows has no mkfifo")
	}
	figures := filepath.Join(t.TempDir(), "figures")
	shown := runCell(t, figures)
	if len(shown) != 11 {
		t.Fatalf("%d displays, want 11: %v", len(shown), shown)
	}
	first, last := shown[0], shown[1]
	if first.DisplayID == "" || first.DisplayID != last.DisplayID ||
		!strings.Contains(last.Data[protocol.MIMETextHTML].(string), "training done  loss 2") {
		t.Errorf("progress: %v, then %v", first, last)
	}
	if _, err := png.Decode(bytes.NewReader(shown[2].Data[protocol.MIMEImagePNG].([]byte))); err != nil {
		t.Errorf("the picture: %v", err)
	}
	size, _ := shown[2].Metadata["image/png"].(map[string]int)
	if w, h := everyKind()["lines"].Size(); size["width"] != w || size["height"] != h {
		t.Errorf("the picture of %d × %d is shown at %v", w, h, size)
	}
	if html := shown[3].Data[protocol.MIMETextHTML].(string); !strings.HasPrefix(html, "<table>") {
		t.Errorf("the table: %s", html)
	}
	checkLiveCurve(t, shown[4:7])
	film := shown[7].Data[protocol.MIMETextHTML].(string)
	if !strings.Contains(film, `<img alt="film" width="276"`) || !strings.Contains(film, "<script>") {
		t.Errorf("the film: %s", film)
	}
	for _, name := range []string{"t.png", "live.png"} {
		if _, err := os.Stat(filepath.Join(figures, name)); err != nil {
			t.Errorf("no copy of the figure: %v", err)
		}
	}
	checkView(t, shown[8:])
}

// checkLiveCurve expects two intermediate curves and the finished curve in one output.
func checkLiveCurve(t *testing.T, drawn []protocol.DisplayData) {
	t.Helper()
	finished := drawn[2]
	for _, d := range drawn[:2] {
		html := d.Data[protocol.MIMETextHTML].(string)
		if d.DisplayID != finished.DisplayID || !strings.Contains(html, "of 3") {
			t.Errorf("a live curve: %s", html)
		}
	}
	if _, err := png.Decode(bytes.NewReader(finished.Data[protocol.MIMEImagePNG].([]byte))); err != nil {
		t.Errorf("the finished curve: %v", err)
	}
}

// checkView expects pictures in one output. The last picture is smaller, since the others are
// compressed for speed.
func checkView(t *testing.T, drawn []protocol.DisplayData) {
	t.Helper()
	var sizes []int
	for _, d := range drawn {
		data := d.Data[protocol.MIMEImagePNG].([]byte)
		_, err := png.Decode(bytes.NewReader(data))
		if err != nil || d.DisplayID == "" || d.DisplayID != drawn[0].DisplayID {
			t.Errorf("a view at %q: %v", d.DisplayID, err)
		}
		sizes = append(sizes, len(data))
	}
	if sizes[2] >= sizes[1] {
		t.Errorf("the view's pictures have %d bytes", sizes)
	}
}
