package figure

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// ramp returns 0, 1, … n−1.
func ramp(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(i)
	}
	return out
}

// squares returns count squares, the first of side 2 and each a little larger than the previous
// square.
func squares(count int) particle.Batch {
	b := particle.NewBatch(count, 4, 2)
	for i := range count {
		s := 1 + 0.05*float64(i)
		copy(b.At(i), []float64{-s, -s, s, -s, s, s, -s, s})
	}
	return b
}

// everyKind returns one valid figure of each kind.
func everyKind() map[string]Figure {
	x := ramp(50)
	unit := Axes{XRange: [2]float64{0, 1}, YRange: [2]float64{0, 1}}
	empty := particle.Batch{N: 2, D: 2}
	return map[string]Figure{
		"lines": Lines(Axes{Title: "t", X: "x_{i}", Y: "y²"},
			Series{Name: "a", X: x, Y: x, YErr: x}, Series{X: x, Y: x, Style: Joined, YErr: x}),
		"log": Lines(Axes{LogX: true, LogY: true, YMarks: []Mark{{10, "m"}}},
			Series{X: x[1:], Y: x[1:], YErr: x[1:]}),
		"one point": Lines(Axes{Diagonal: true, XMarks: []Mark{{3, "m"}}}, Series{X: []float64{3}, Y: []float64{3}}),
		"scatter":   Scatter(Axes{}, Series{Name: "a", X: x, Y: x}),
		"histogram": Histogram(Axes{LogY: true}, 0,
			Sample{Name: "a", Values: append(x, math.Inf(1))}, Sample{Values: x, Weights: x, Filled: true}),
		"constant": Histogram(Axes{}, 5, Sample{Values: []float64{2, 2}}),
		"bars": Bars(Axes{LogY: true}, []string{"a", "b"},
			BarSeries{Name: "s", Values: []float64{0, 100}, ShowValues: true}),
		"negative": Bars(Axes{}, []string{"a", "b"},
			BarSeries{Values: []float64{-1, math.NaN()}, Err: []float64{2, 0}}),
		"seeds": Bars(Axes{}, []string{"a", "b"},
			BarSeries{Name: "s", Seeds: [][]float64{{1, 2, 3}, nil}, ShowValues: true, Missing: "none"}),
		"seeds on a log axis": Bars(Axes{LogY: true}, []string{"a", "b"},
			BarSeries{Name: "s", Seeds: [][]float64{{1, 0, 300}, {0, 0}}},
			BarSeries{Name: "t", Values: []float64{4, 5}}),
		"zeros":   Bars(Axes{LogY: true}, []string{"a"}, BarSeries{Values: []float64{0}}),
		"heat":    HeatMap(unit, [][]float64{{1, math.NaN()}, {1, 2}}, "z"),
		"density": FreeEnergyLandscape(Axes{}, 10, x, x, nil),
		"curves": LearningCurves(Axes{},
			LearningCurve{Name: "r", Steps: x, Train: x, ValidationSteps: x, Validation: x, Stopped: 20},
			LearningCurve{Steps: x, Train: x}),
		"particles": Particles(Gallery{Bond: 2.5, Captions: []string{"a", "b\nc"}, Numbered: true}, squares(2)),
		"cloud":     Particles(Gallery{Overlay: true, Groups: []int{0, 1}}, squares(2)),
		"solid":     Particles(Gallery{Bond: 2}, particle.Batch{X: []float64{0, 0, 0, 1, 1, 1}, N: 2, D: 3}),
		"vacant": Particles(
			Gallery{Columns: 3, Panels: []int{3, 1}, Vacant: "none", Captions: []string{"a", "b"}}, squares(2)),
		"nothing": Particles(Gallery{Columns: 2, Panels: []int{}, Vacant: "none", Extent: 1, Radius: 1}, empty),
		"single":  Particles(Gallery{}, particle.Batch{X: []float64{1}, N: 1, D: 1}),
	}
}

func decode(t *testing.T, f Figure) image.Image {
	t.Helper()
	data, err := f.PNG()
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > maxBytes {
		t.Errorf("%s: %d bytes", f.Name, len(data))
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestEveryKindDraws(t *testing.T) {
	var all []Figure
	for name, f := range everyKind() {
		t.Run(name, func(t *testing.T) {
			dots := func(length vg.Length) int { return int(math.Round(float64(length/px) * 2)) }
			want := image.Pt(dots(f.width), dots(f.height))
			if got := decode(t, f).Bounds().Size(); got != want {
				t.Errorf("%v pixels, want two per pixel: %v", got, want)
			}
		})
		all = append(all, f)
	}
	decode(t, Grid("all", 4, all...))
}

// A picture that is narrower than its place in a grid keeps its size.
func TestSinglePanelKeepsItsSize(t *testing.T) {
	single := Particles(Gallery{}, squares(1))
	if w, _ := single.Size(); w != 276 { // a panel and its margins
		t.Errorf("a single panel is %d pixels wide", w)
	}
	wide := Particles(Gallery{Title: "a title that is wider than the one panel under it"}, squares(1))
	if w, _ := wide.Size(); w < 350 || w > 450 {
		t.Errorf("below its title a single panel is %d pixels wide", w)
	}
	_, want := single.Size()
	if _, got := Grid("g", 1, single).Size(); got != want+12 {
		t.Errorf("alone in a grid, a picture of %d pixels is %d high", want, got)
	}
}

// dotsOfColor counts the dots of a colour.
func dotsOfColor(img image.Image, want color.NRGBA) int {
	count := 0
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			if uint8(r>>8) == want.R && uint8(g>>8) == want.G && uint8(b>>8) == want.B {
				count++
			}
		}
	}
	return count
}

func TestSeriesColoursAppear(t *testing.T) {
	x := ramp(10)
	var series []Series
	for i := range palette {
		y := make([]float64, len(x))
		for k := range y {
			y[k] = float64(i)
		}
		series = append(series, Series{Name: "s", X: x, Y: y})
	}
	img := decode(t, Lines(Axes{}, series...))
	for i, want := range palette {
		// A line is 4 dots wide and nearly 1800 dots long. Two dots of its width are antialiased.
		if count := dotsOfColor(img, want); count < 1600*2 {
			t.Errorf("colour %d covers %d dots", i, count)
		}
	}
}

func TestInvalidFiguresGiveAnError(t *testing.T) {
	nan, x := math.NaN(), ramp(3)
	unit := Axes{XRange: [2]float64{0, 1}, YRange: [2]float64{0, 1}}
	invalid := particle.Batch{X: []float64{nan, 0}, N: 1, D: 2}
	for message, f := range map[string]Figure{
		"no series":          Lines(Axes{}),
		"has no points":      Lines(Axes{}, Series{}),
		"3 x, 2 y":           Lines(Axes{}, Series{X: x, Y: x[:2]}),
		"point 1 is (1, NaN": Lines(Axes{}, Series{X: x, Y: []float64{0, nan, 0}}),
		"logarithmic axis":   Lines(Axes{LogY: true}, Series{X: x, Y: x}),
		"begins at or below": Lines(Axes{LogY: true, YRange: [2]float64{0, 1}}, Series{X: x[1:], Y: x[1:]}),
		"is empty":           Histogram(Axes{}, 0, Sample{}),
		"value 0 is NaN":     Histogram(Axes{}, 0, Sample{Values: []float64{nan}}),
		"weight 0 is -1":     Histogram(Axes{}, 0, Sample{Values: x[:1], Weights: []float64{-1}}),
		"only zero weights":  Histogram(Axes{}, 0, Sample{Values: x[:1], Weights: []float64{0}}),
		"0 labels":           Bars(Axes{}, nil),
		"a seed of label 0":  Bars(Axes{LogY: true}, []string{"a"}, BarSeries{Seeds: [][]float64{{1, -1}}}),
		"seeds for 2 of 1":   Bars(Axes{}, []string{"a"}, BarSeries{Seeds: [][]float64{{1}, {2}}}),
		"value 0 is -1":      Bars(Axes{LogY: true}, []string{"a"}, BarSeries{Values: []float64{-1}}),
		"no cell is finite":  HeatMap(unit, [][]float64{{nan}}, ""),
		"no configurations":  Particles(Gallery{}, particle.Batch{}),
		"used twice":         Particles(Gallery{Panels: []int{1, 1}}, squares(2)),
		"holds NaN":          Particles(Gallery{}, invalid),
		"no frames":          Film(Gallery{}, 0, nil),
		"0 figures":          Grid("g", 2),
		"nothing to draw":    {},
	} {
		_, err := f.PNG()
		if err == nil || !strings.Contains(err.Error(), message) || !strings.HasPrefix(err.Error(), "figure: ") {
			t.Errorf("%q: %v", message, err)
		}
		if err := Show(f); err == nil {
			t.Errorf("%q was shown", message)
		}
	}
}

func TestShowSavesAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	t.Setenv(FiguresEnv, dir)
	f := everyKind()["lines"]
	f.Name = "Fig. 1: u / kT!"
	if err := Show(f); err != nil {
		t.Fatal(err)
	}
	checkPicture(t, filepath.Join(dir, "fig-1-u-kt.png"))
}

// checkPicture expects a PNG file.
func checkPicture(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
}

func TestHistogramDensityIntegratesToFractionInside(t *testing.T) {
	s := Sample{Values: []float64{0, 0.5, 1, 1.5, 2, 9, math.Inf(-1)}, Weights: []float64{1, 1, 1, 1, 1, 3, 2}}
	density, errors, outside := s.density([]float64{0, 1, 2})
	// the error of a weighted count is the root of the sum of the squares of its weights
	if errors[1] <= 0 || errors[1] > density[1] {
		t.Errorf("the errors are %v", errors)
	}
	if want := []float64{0.2, 0.3}; density[0] != want[0] || density[1] != want[1] || outside != 0.5 {
		t.Errorf("density %v, outside %g; want %v, 0.5", density, outside, want)
	}
}

func TestTicksAreRound(t *testing.T) {
	for _, c := range []struct {
		min, max float64
		log      bool
		want     string
	}{
		{-0.1, 1.05, false, "0 0.2 0.4 0.6 0.8 1.0"},
		{-26, -20, false, "−26 −25 −24 −23 −22 −21 −20"},
		{0, 1e6, false, "0 2×10^{5} 4×10^{5} 6×10^{5} 8×10^{5} 1×10^{6}"},
		{-3, 4, true, "10^{−3} 0.01 0.1 1 10 100 1000 10^{4}"},
		{0, 1.2, true, "1 2 5 10"},
	} {
		ticks := linearTicks{}.Ticks(c.min, c.max)
		if c.log {
			ticks = logTicks{}.Ticks(c.min, c.max)
		}
		var got []string
		for _, tick := range ticks {
			if tick.Label != "" {
				got = append(got, tick.Label)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%g to %g: %v, want %s", c.min, c.max, got, c.want)
		}
	}
}

func TestMarkupRuns(t *testing.T) {
	got := textRuns("u_{ij} = a^b + 10⁻⁴")
	want := []textRun{{"u", 0}, {"ij", -1}, {" = a^b + 10", 0}, {"−", 1}, {"4", 1}}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("run %d: %v, want %v", i, got[i], want[i])
		}
	}
}

func TestEstimatesAreRoundedToTheirErrors(t *testing.T) {
	for want, e := range map[string]stats.Estimate{
		"−22.540 ± 0.030": {Value: -22.54013, Error: 0.0301}, "12 ± 34": {Value: 12.3, Error: 34.2},
		"0.0012 ± 0.0004": {Value: 0.0012, Error: 0.0004}, "1.5 ± 0": {Value: 1.5},
		"2 ± +Inf": {Value: 2, Error: math.Inf(1)},
	} {
		if got := NewTable(nil, []any{e}).Rows[0][0]; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTable(t *testing.T) {
	table := NewTable([]string{"model", "NLL"}, []any{"<eqBG>", 8.0444}, []any{"nBG", -2.0})
	want := "model     NLL\n──────  ─────\n<eqBG>  8.044\nnBG        −2\n"
	if got := table.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if h := table.HTML(); !strings.Contains(h, "&lt;eqBG&gt;") || !strings.Contains(h, `right">8.044`) {
		t.Error(h)
	}
}
