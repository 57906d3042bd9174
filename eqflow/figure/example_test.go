package figure_test

import (
	"bytes"
	"fmt"
	"image/png"
	"log"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// A curve with a band of errors. In a notebook figure.Show(f) displays it; f.Save saves it as a
// file.
func ExampleLines() {
	t := stats.Linspace(0, 1, 50)
	decay, errors := make([]float64, len(t)), make([]float64, len(t))
	for i := range t {
		decay[i], errors[i] = math.Exp(-3*t[i]), 0.05
	}
	f := figure.Lines(figure.Axes{Title: "Decay", X: "time t", Y: "e^{−3t}", Width: 600, Height: 300},
		figure.Series{Name: "decay", X: t, Y: decay, YErr: errors})

	data, err := f.PNG()
	if err != nil {
		log.Fatal(err)
	}
	picture, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(picture.Width, "×", picture.Height, "dots, two for each pixel")
	// Output: 1200 × 600 dots, two for each pixel
}

// A fault in the data is the error of the figure, so that figures can be built without checks
// between the steps.
func ExampleFigure_Err() {
	losses := figure.Series{Name: "train", X: []float64{1}, Y: []float64{math.NaN()}}
	f := figure.Lines(figure.Axes{Title: "Loss"}, losses)
	fmt.Println(f.Err())
	// Output:
	// figure: "Loss": series 1 "train": point 0 is (1, NaN), which is not finite; leave it out
}

// Estimates are rounded to two digits of their errors.
func ExampleNewTable() {
	fmt.Print(figure.NewTable([]string{"model", "NLL"},
		[]any{"eqBG", stats.Estimate{Value: 8.0444, Error: 0.0123}},
		[]any{"nBG", stats.Estimate{Value: 9.3, Error: 0.21}}))
	// Output:
	// model            NLL
	// ─────  ─────────────
	// eqBG   8.044 ± 0.012
	// nBG      9.30 ± 0.21
}
