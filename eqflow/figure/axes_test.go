package figure

import "testing"

// The label of a reference line hides no data as long as there is another place: the data that end
// at the line on the right keep their colour there.
func TestMarkLabelsCoverLeast(t *testing.T) {
	x, y := ramp(50), make([]float64, 50)
	for i := range y {
		y[i] = 1 / (1 + x[i]) // falls to the line
	}
	series := Series{X: x, Y: y}
	with := Lines(Axes{YMarks: []Mark{{0.05, "known"}}, XMarks: []Mark{{0.5, "start"}}}, series)
	without := Lines(Axes{YMarks: []Mark{{At: 0.05}}, XMarks: []Mark{{At: 0.5}}}, series)
	a, b := with.image(192), without.image(192)
	if got, want := dotsOfColor(a, Color(0)), dotsOfColor(b, Color(0)); got < want*99/100 {
		t.Errorf("with labels %d dots of the curve are left of %d", got, want)
	}
	if got, want := dotsOfColor(a, ink), dotsOfColor(b, ink); got < want+200 {
		t.Errorf("the labels add %d dots of ink", got-want)
	}
}
