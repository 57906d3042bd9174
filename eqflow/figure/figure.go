package figure

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// px is one pixel of a screen without scaling.
const px = vg.Inch / 96

const (
	defaultWidth  = 900 // the width of a notebook's output
	defaultHeight = 430
	// maxBytes keeps committed notebooks small. A larger picture is drawn again at a lower
	// resolution.
	maxBytes = 150_000
)

// resolutions are in dots per inch, best first. 192 is two dots per pixel.
var resolutions = []int{192, 144, 96}

// Figure is one picture or film.
type Figure struct {
	Name string // of its file, without folder and extension

	width, height vg.Length
	paint         func(draw.Canvas)
	plot          *framedPlot // what paint draws, if it is one plot, whose frame a grid can place
	scene         *scene      // what paint draws, if it is a view of space
	film          []byte      // a finished animation, in place of paint
	err           error
}

// failed returns a figure whose error says what is wrong with its data.
func failed(name, format string, args ...any) Figure {
	return Figure{Name: name, err: fmt.Errorf("figure: %q: "+format, append([]any{name}, args...)...)}
}

// Err returns the reason why the figure cannot be drawn, or nil.
func (f Figure) Err() error {
	if f.err == nil && f.paint == nil && f.film == nil {
		return errors.New("figure: nothing to draw; make the figure with one of this package's functions")
	}
	return f.err
}

// Size returns the width and the height of the picture on a screen, in CSS pixels.
func (f Figure) Size() (width, height int) {
	return int(math.Round(float64(f.width / px))), int(math.Round(float64(f.height / px)))
}

// PNG returns the bytes of the picture. It has two dots per pixel, or fewer if it would exceed 150
// kB.
//
// The compression is the default one: the file is an eighth larger than with the best compression,
// in a third of the time.
func (f Figure) PNG() ([]byte, error) { return f.png(png.DefaultCompression) }

// png is PNG with a compression. At the best speed the size is not limited.
func (f Figure) png(compression png.CompressionLevel) ([]byte, error) {
	if err := f.Err(); err != nil {
		return nil, err
	}
	if f.film != nil {
		return f.film, nil
	}
	var buf bytes.Buffer
	var data []byte
	for _, dpi := range resolutions {
		buf.Reset()
		encoder := png.Encoder{CompressionLevel: compression}
		if err := encoder.Encode(&buf, quantize(256, f.image(dpi))[0]); err != nil {
			return nil, fmt.Errorf("figure: %q cannot be encoded: %w; is memory short?", f.Name, err)
		}
		data = withResolution(buf.Bytes(), dpi)
		if buf.Len() <= maxBytes || compression == png.BestSpeed {
			break
		}
	}
	return data, nil
}

// image draws the figure at a resolution in dots per inch.
func (f Figure) image(dpi int) *image.RGBA {
	canvas := vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(dpi),
		vgimg.UseBackgroundColor(color.Transparent))
	c := draw.New(canvas)
	f.paint(draw.Crop(c, 6*px, -10*px, 6*px, -6*px))
	return canvas.Image().(*image.RGBA) // the type that vgimg creates by default
}

// Save writes the picture to a file in a folder and returns its path. It creates the folder and
// replaces an older file.
func (f Figure) Save(dir string) (string, error) {
	data, err := f.PNG()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, fileName(f.Name)+".png")
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", fmt.Errorf("figure: cannot create the folder of %s: %w; choose another folder", path, err)
	}
	if err := atomic.WriteFile(path, data); err != nil {
		return "", fmt.Errorf("figure: cannot write %s: %w; check space and permissions", path, err)
	}
	return path, nil
}

// fileName returns the letters and digits of a title in lower case, with single dashes between
// words.
func fileName(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	if len(words) == 0 {
		return "figure"
	}
	return strings.Join(words, "-")
}

// Grid arranges figures row by row in one figure, each under its own title. Films cannot be
// arranged.
func Grid(name string, columns int, figures ...Figure) Figure {
	if columns < 1 || len(figures) == 0 {
		return failed(name, "%d figures in %d columns; give at least one of each", len(figures), columns)
	}
	cell := vg.Length(defaultWidth) * px / vg.Length(columns)
	rows := (len(figures) + columns - 1) / columns
	heights := make([]vg.Length, rows)
	total := vg.Length(0)
	for i, f := range figures {
		if err := f.Err(); err != nil {
			return Figure{Name: name, err: err}
		}
		if f.film != nil {
			return failed(name, "the film %q cannot be part of a grid; show it by itself", f.Name)
		}
		h := f.height
		if f.width > cell {
			h = max(cell*f.height/f.width, min(f.height, cell*3/4))
		}
		total += max(0, h-heights[i/columns])
		heights[i/columns] = max(heights[i/columns], h)
	}
	paint := func(c draw.Canvas) {
		parts := cut(c, columns, heights, len(figures))
		for i, frame := range alignedFrames(columns, figures, parts) {
			if figures[i].plot != nil {
				figures[i].plot.drawAt(parts[i], frame)
			} else {
				figures[i].paint(parts[i])
			}
		}
	}
	return Figure{Name: name, width: defaultWidth * px, height: total + 12*px, paint: paint}
}
