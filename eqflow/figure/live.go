package figure

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image/png"
	"sync"
	"time"
)

// LiveCurve is the learning curve of a running training. In a notebook it is a picture that is
// redrawn as points arrive, with step, loss and remaining time below it. Elsewhere it is a line on
// stderr. Done replaces it by the finished curve, or saves the curve to a file. It is safe for
// concurrent use.
type LiveCurve struct {
	mu       sync.Mutex
	title    string
	id       string    // of the notebook's display
	line     *Progress // outside notebooks; otherwise nil
	loss     averagedSeries
	steps    []float64 // of validations
	nll      []float64
	drawn    time.Time     // of the last picture
	pause    time.Duration // until the next picture
	finished bool
}

// livePause is the least time between two pictures. It is longer if drawing would take more than
// the fraction 1/drawFactor of the time, since the training uses the same cores.
const (
	livePause  = time.Second
	drawFactor = 20
)

// NewLiveCurve returns an empty learning curve.
func NewLiveCurve(title string) *LiveCurve {
	l := &LiveCurve{title: title, pause: livePause, drawn: time.Now()}
	if inNotebook() {
		l.id = newDisplayID()
	} else {
		l.line = NewProgress(title, 0)
	}
	return l
}

// Point adds a step of a training of the given number of steps: its loss, and the last NLL of
// validation data, or 0 for none. left is the remaining time, or 0 if it is unknown.
func (l *LiveCurve) Point(step, steps int, loss, validation float64, left time.Duration) {
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
		l.line.Of(step, steps, "%s", l.status(validation))
		return
	}
	if now := time.Now(); now.Sub(l.drawn) >= l.pause {
		l.redraw(l.text(step, steps, validation, left))
		l.drawn = time.Now()
		l.pause = max(livePause, drawFactor*l.drawn.Sub(now))
	}
}

// text returns a line such as "step 1200 of 4000, 30 %  loss 8.104  validation 8.12  54s left".
func (l *LiveCurve) text(step, steps int, validation float64, left time.Duration) string {
	text := fmt.Sprintf("step %d of %d, %d %%  %s", step, steps, 100*step/max(1, steps), l.status(validation))
	if left > 0 {
		text += "  " + left.Round(time.Second).String() + " left"
	}
	return text
}

// status returns the losses of that line.
func (l *LiveCurve) status(validation float64) string {
	text := fmt.Sprintf("loss %.3f", l.loss.last())
	if validation != 0 {
		text += fmt.Sprintf("  validation %.3f", validation)
	}
	return text
}

// redraw replaces the picture. It ignores a lost connection to the notebook, so that the training
// continues. Done reports it.
func (l *LiveCurve) redraw(text string) {
	pre := func(text string) string { return `<pre style="margin:0">` + html.EscapeString(text) + "</pre>" }
	body := pre(l.title + "  " + text)
	if f := l.figure(); f.Err() == nil {
		var buf bytes.Buffer
		const dpi = 96 // coarse, and so quick
		if png.Encode(&buf, quantize(64, f.image(dpi))[0]) == nil {
			data := base64.StdEncoding.EncodeToString(buf.Bytes())
			// The picture has the title.
			body = `<img alt="learning curve" style="max-width:100%" src="data:image/png;base64,` + data + `">` +
				pre(text)
		}
	}
	if updateDisplay(l.id, body) != nil {
		l.pause = time.Hour
	}
}

// figure returns the curve so far.
func (l *LiveCurve) figure() Figure {
	curve := LearningCurve{Steps: l.loss.at, Train: l.loss.mean, ValidationSteps: l.steps, Validation: l.nll}
	return LearningCurves(Axes{Name: l.title, Title: l.title, X: "step", Y: "loss / nats"}, curve)
}

// Done replaces the live picture by the finished curve. Outside notebooks it saves the curve and
// prints the name of the file. Later points are ignored.
func (l *LiveCurve) Done() error {
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

// averagedSeries stores a series of any length as the means of at most maxPoints intervals of equal
// length.
type averagedSeries struct {
	at, mean []float64 // end and mean of complete intervals
	width    int       // values in an interval
	sum      float64   // of the incomplete interval
	count    int       // values in the incomplete interval
}

const maxPoints = 300

// add appends a value. If there are too many intervals, it joins them in pairs.
func (s *averagedSeries) add(at, v float64) {
	s.width = max(1, s.width)
	s.sum, s.count = s.sum+v, s.count+1
	if s.count < s.width {
		return
	}
	s.at, s.mean = append(s.at, at), append(s.mean, s.sum/float64(s.count))
	s.sum, s.count = 0, 0
	if len(s.at) < maxPoints {
		return
	}
	for k := range maxPoints / 2 {
		s.at[k], s.mean[k] = s.at[2*k+1], (s.mean[2*k]+s.mean[2*k+1])/2
	}
	s.at, s.mean, s.width = s.at[:maxPoints/2], s.mean[:maxPoints/2], 2*s.width
}

// last returns the mean of the last complete interval, or of the first incomplete one.
func (s *averagedSeries) last() float64 {
	if s.count > 0 && len(s.mean) == 0 {
		return s.sum / float64(s.count)
	}
	if len(s.mean) == 0 {
		return 0
	}
	return s.mean[len(s.mean)-1]
}
