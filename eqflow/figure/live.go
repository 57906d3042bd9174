package figure

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image/png"
	"slices"
	"sync"
	"time"
)

// Live is the learning curve of a training that goes on: in a notebook one picture that is drawn anew as points arrive, with
// step, loss and time left under it, elsewhere a line on stderr. Done leaves the finished curve in its place, or in a file.
// It is safe for use by several goroutines.
type Live struct {
	mu       sync.Mutex
	title    string
	id       string // of the notebook's display
	line     *Progress
	loss     thinned
	steps    []float64 // of validations
	nll      []float64
	drawn    time.Time
	pause    time.Duration
	finished bool
}

// livePause is the time between two pictures, and drawShare the part of it that drawing may take: the training has the
// same cores.
const (
	livePause = time.Second
	drawShare = 20
)

// NewLive begins a learning curve.
func NewLive(title string) *Live {
	l := &Live{title: title, pause: livePause, drawn: time.Now()}
	if inNotebook() {
		l.id = newLine()
	} else {
		l.line = NewProgress(title, 0)
	}
	return l
}

// Point adds a step of a training of so many steps: its loss, and the last known NLL of validation data, 0 for none. left is
// the time that the rest will take, 0 while it is not known.
func (l *Live) Point(step, steps int, loss, validation float64, left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loss.add(float64(step), loss)
	if n := len(l.nll); validation != 0 && (n == 0 || l.nll[n-1] != validation) {
		l.steps, l.nll = append(l.steps, float64(step)), append(l.nll, validation)
	}
	if l.finished {
		return
	}
	if l.line != nil {
		l.line.total = steps
		l.line.Update(step, "%s", l.news(validation))
		return
	}
	if now := time.Now(); now.Sub(l.drawn) >= l.pause {
		l.redraw(l.text(step, steps, validation, left))
		l.drawn = time.Now()
		l.pause = max(livePause, drawShare*l.drawn.Sub(now))
	}
}

// text is "step 1200 of 4000, 30 %  loss 8.104  validation 8.12  54s left".
func (l *Live) text(step, steps int, validation float64, left time.Duration) string {
	text := fmt.Sprintf("step %d of %d, %d %%  %s", step, steps, 100*step/max(1, steps), l.news(validation))
	if left > 0 {
		text += "  " + left.Round(time.Second).String() + " left"
	}
	return text
}

func (l *Live) news(validation float64) string {
	text := fmt.Sprintf("loss %.3f", l.loss.last())
	if validation != 0 {
		text += fmt.Sprintf("  validation %.3f", validation)
	}
	return text
}

// redraw replaces the picture. A lost notebook is no reason to end a training: the final Show reports it.
func (l *Live) redraw(text string) {
	body := "<pre style=\"margin:0\">" + html.EscapeString(l.title+"  "+text) + "</pre>"
	if f := l.figure(); f.Err() == nil {
		var buf bytes.Buffer
		const coarse = 96
		if png.Encode(&buf, quantize(64, f.image(coarse))[0]) == nil {
			body = `<img alt="learning curve" src="data:image/png;base64,` + base64.StdEncoding.EncodeToString(buf.Bytes()) + `">` + body
		}
	}
	if updateLine(l.id, body) != nil {
		l.pause = time.Hour
	}
}

// figure is the curve so far. Its vertical range leaves the first tenth out, which falls from far above.
func (l *Live) figure() Figure {
	run := Run{Steps: l.loss.at, Train: l.loss.mean, ValidationSteps: l.steps, Validation: l.nll}
	a := Axes{Name: l.title, Title: l.title, X: "step", Y: "loss / nats"}
	if n := len(run.Train); n > 0 {
		rest := span{slices.Min(run.Train[n/10:]), slices.Max(run.Train[n/10:])}
		rest.add(run.Validation...)
		if rest.max > rest.min {
			rest = rest.padded(0.06, false)
			a.YRange = [2]float64{rest.min, rest.max}
		}
	}
	return LearningCurves(a, run)
}

// Done replaces the moving picture by the finished curve, the line's last words by a file's name. Later points do nothing.
func (l *Live) Done() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.finished {
		return nil
	}
	l.finished = true
	f := l.figure()
	if l.line != nil {
		l.line.Done("loss %.3f", l.loss.last())
	}
	return f.display(l.line == nil, l.id)
}

// thinned keeps a series of any length as the means over at most mostPoints equal stretches.
type thinned struct {
	at, mean []float64 // of complete stretches
	width    int       // points in a stretch
	sum      float64   // of the stretch in progress
	count    int
}

const mostPoints = 300

func (t *thinned) add(at, v float64) {
	t.width = max(1, t.width)
	t.sum, t.count = t.sum+v, t.count+1
	if t.count < t.width {
		return
	}
	t.at, t.mean = append(t.at, at), append(t.mean, t.sum/float64(t.count))
	t.sum, t.count = 0, 0
	if len(t.at) < mostPoints {
		return
	}
	for k := range mostPoints / 2 {
		t.at[k], t.mean[k] = t.at[2*k+1], (t.mean[2*k]+t.mean[2*k+1])/2
	}
	t.at, t.mean, t.width = t.at[:mostPoints/2], t.mean[:mostPoints/2], 2*t.width
}

// last is the newest mean.
func (t *thinned) last() float64 {
	if t.count > 0 && len(t.mean) == 0 {
		return t.sum / float64(t.count)
	}
	if len(t.mean) == 0 {
		return 0
	}
	return t.mean[len(t.mean)-1]
}
