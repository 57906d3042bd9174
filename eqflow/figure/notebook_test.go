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

// TestMain lets this test binary play the cell of a notebook: gonbui decides at start whether it is in one.
func TestMain(m *testing.M) {
	if os.Getenv(cellEnv) != "" {
		cell()
		return
	}
	os.Exit(m.Run())
}

func cell() {
	p := NewProgress("training", 2)
	p.Update(1, "loss 3")
	p.Done("loss 2")
	MustShow(everyKind()["lines"], NewTable([]string{"a"}, []any{1}))
	live := NewLive("live")
	live.pause = 0
	live.Point(1, 3, 5, 0, 0)
	live.pause = 0 // which drawing has set
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

// kernel answers a cell as GoNB does, and returns what it was sent to show.
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
		if err := answers.Encode(&protocol.CommValue{Address: protocol.GonbuiSyncAckAddress, Value: sync.Value}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestShowInANotebook(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("GoNB speaks through named pipes, which Windows has no mkfifo for")
	}
	dir := t.TempDir()
	in, out, figures := filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "figures")
	for _, pipe := range []string{in, out} {
		if err := exec.Command("mkfifo", pipe).Run(); err != nil {
			t.Skip("GoNB speaks through named pipes, and mkfifo fails here: ", err)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), cellEnv+"=1", FiguresEnv+"="+figures, protocol.GONB_PIPE_ENV+"="+in, protocol.GONB_PIPE_BACK_ENV+"="+out)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shown := kernel(t, in, out)
	if err := cmd.Wait(); err != nil || text.Len() > 0 {
		t.Fatalf("the cell ended with %v and printed %q", err, text.String())
	}
	if len(shown) != 11 {
		t.Fatalf("%d displays, want 11: %v", len(shown), shown)
	}
	first, last := shown[0], shown[1]
	if first.DisplayID == "" || first.DisplayID != last.DisplayID || !strings.Contains(last.Data[protocol.MIMETextHTML].(string), "training done  loss 2") {
		t.Errorf("progress: %v, then %v", first, last)
	}
	if _, err := png.Decode(bytes.NewReader(shown[2].Data[protocol.MIMEImagePNG].([]byte))); err != nil {
		t.Errorf("the picture: %v", err)
	}
	if html := shown[3].Data[protocol.MIMETextHTML].(string); !strings.HasPrefix(html, "<table>") {
		t.Errorf("the table: %s", html)
	}
	curve, film := shown[4:7], shown[7].Data[protocol.MIMETextHTML].(string)
	for _, d := range curve[:2] {
		if html := d.Data[protocol.MIMETextHTML].(string); d.DisplayID != curve[2].DisplayID || !strings.Contains(html, "of 3") {
			t.Errorf("a live curve: %s", html)
		}
	}
	if _, err := png.Decode(bytes.NewReader(curve[2].Data[protocol.MIMEImagePNG].([]byte))); err != nil {
		t.Errorf("the finished curve: %v", err)
	}
	if !strings.Contains(film, `<img alt="film"`) || !strings.Contains(film, "<script>") {
		t.Errorf("the film: %s", film)
	}
	for _, name := range []string{"t.png", "live.png"} {
		if _, err := os.Stat(filepath.Join(figures, name)); err != nil {
			t.Errorf("no copy of the figure: %v", err)
		}
	}
	checkView(t, shown[8:])
}

// checkView wants pictures in one place, the last smaller than those that were drawn in a hurry.
func checkView(t *testing.T, drawn []protocol.DisplayData) {
	t.Helper()
	var sizes []int
	for _, d := range drawn {
		data := d.Data[protocol.MIMEImagePNG].([]byte)
		if _, err := png.Decode(bytes.NewReader(data)); err != nil || d.DisplayID == "" || d.DisplayID != drawn[0].DisplayID {
			t.Errorf("a view at %q: %v", d.DisplayID, err)
		}
		sizes = append(sizes, len(data))
	}
	if sizes[2] >= sizes[1] {
		t.Errorf("the view's pictures have %d bytes", sizes)
	}
}
