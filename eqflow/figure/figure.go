// Package figure draws what the notebooks claim: lines, histograms, bars, landscapes and particles as PNG, films as
// animated PNG, tables as HTML. Every function takes plain slices and returns a Figure or Table at once; an impossible
// request (nothing to draw, NaN) is kept in it and comes out as the error of PNG, Save or Show.
//
// Labels understand ^{…} and _{…}, and Unicode's raised and lowered digits. Colours are those of Okabe and Ito, which
// remain distinct to the colour-blind. Sizes are pixels at one-fold resolution; pictures have twice as many.
package figure

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// px is one pixel at one-fold resolution.
const px = vg.Inch / 96

const (
	defaultWidth  = 900 // the width of a notebook's output
	defaultHeight = 430
	// maxBytes keeps committed notebooks small: a picture that comes out larger is drawn at a lower resolution.
	maxBytes = 150_000
)

// resolutions in dots per inch, best first: 192 is two dots per pixel.
var resolutions = []int{192, 144, 96}

// Figure is one picture, ready to be drawn.
type Figure struct {
	Name string // of its file, without folder and ending

	width, height vg.Length
	paint         func(draw.Canvas)
	film          []byte // a finished animation instead of paint
	err           error
}

// failed is a figure that reports what is wrong with its data.
func failed(name, format string, args ...any) Figure {
	return Figure{Name: name, err: fmt.Errorf("figure: %q: "+format, append([]any{name}, args...)...)}
}

// Err tells why the figure cannot be drawn; nil if it can.
func (f Figure) Err() error {
	if f.err == nil && f.paint == nil && f.film == nil {
		return errors.New("figure: nothing to draw; make the figure with one of this package's functions")
	}
	return f.err
}

// PNG returns the picture's bytes, two dots per pixel, fewer if it would exceed 150 kB. They are an eighth more than the best
// compression leaves, in a third of its time, which a cell is waiting for.
func (f Figure) PNG() ([]byte, error) { return f.png(png.DefaultCompression) }

func (f Figure) png(compression png.CompressionLevel) ([]byte, error) {
	if err := f.Err(); err != nil {
		return nil, err
	}
	if f.film != nil {
		return f.film, nil
	}
	var buf bytes.Buffer
	for _, dpi := range resolutions {
		buf.Reset()
		encoder := png.Encoder{CompressionLevel: compression}
		if err := encoder.Encode(&buf, quantize(256, f.image(dpi))[0]); err != nil {
			return nil, fmt.Errorf("figure: %q cannot be encoded: %w; is memory short?", f.Name, err)
		}
		if buf.Len() <= maxBytes || compression == png.BestSpeed {
			break
		}
	}
	return buf.Bytes(), nil
}

// image draws at a resolution.
func (f Figure) image(dpi int) *image.RGBA {
	canvas := vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(dpi))
	c := draw.New(canvas)
	fill(c, c.Rectangle, paper)
	f.paint(draw.Crop(c, 6*px, -10*px, 6*px, -6*px))
	return canvas.Image().(*image.RGBA) // what vgimg makes when it is given no image
}

// Save writes the picture to a file in an existing or new folder, replacing an older one, and returns its path.
func (f Figure) Save(dir string) (string, error) {
	data, err := f.PNG()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, slug(f.Name)+".png")
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", fmt.Errorf("figure: no folder for %s: %w; choose another", path, err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		return "", fmt.Errorf("figure: cannot write %s: %w; check space and permissions", path, err)
	}
	return path, nil
}

// slug makes a file name of a title: lower-case letters and digits with single dashes.
func slug(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	if len(words) == 0 {
		return "figure"
	}
	return strings.Join(words, "-")
}

// Grid tiles figures row by row into one, each labelled by its own title. Films cannot be tiled.
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
			return failed(name, "film %q cannot be tiled; show it by itself", f.Name)
		}
		h := max(cell*f.height/f.width, min(f.height, cell*3/4))
		total += max(0, h-heights[i/columns])
		heights[i/columns] = max(heights[i/columns], h)
	}
	paint := func(c draw.Canvas) {
		top := c.Max.Y
		for i, f := range figures {
			if i > 0 && i%columns == 0 {
				top -= heights[i/columns-1]
			}
			part := c
			part.Min.X = c.Min.X + vg.Length(i%columns)*(c.Max.X-c.Min.X)/vg.Length(columns)
			part.Max.X = part.Min.X + (c.Max.X-c.Min.X)/vg.Length(columns)
			part.Max.Y = top
			part.Min.Y = top - heights[i/columns]
			f.paint(draw.Crop(part, 5*px, -5*px, 8*px, -2*px))
		}
	}
	return Figure{Name: name, width: defaultWidth * px, height: total + 12*px, paint: paint}
}
