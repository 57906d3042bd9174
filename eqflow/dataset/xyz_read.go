package dataset

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// xyzReader accumulates the frames of one file.
type xyzReader struct {
	lines    *bufio.Reader
	line     int // of the last line read, from 1
	frames   int
	n        int                  // particles per frame; 0 if unknown before the first frame
	column   int                  // of the first coordinate
	dim      string               // the value of dimKey
	x        []float64            // [frames, n, 3]
	keys     []string             // keys with a number in the first comment line, in order
	values   map[string][]float64 // by key, [frames]
	manifest string               // JSON text
}

func readXYZFile(path string, n, d int) (Set, error) {
	f, _, err := openFile(path)
	if err != nil {
		return Set{}, err
	}
	defer f.Close()
	r := &xyzReader{lines: bufio.NewReader(f), n: n, values: map[string][]float64{}}
	for {
		more, err := r.readFrame()
		if err != nil {
			return Set{}, inputErrorf(path, "line %d: %w", r.line, err)
		}
		if !more {
			break
		}
	}
	set, err := r.set(d)
	if err != nil {
		return Set{}, inputErrorf(path, "%w", err)
	}
	return set, nil
}

// nextLine returns the next line without its line end, and io.EOF after the last line.
func (r *xyzReader) nextLine() (string, error) {
	text, err := r.lines.ReadString('\n')
	if text == "" && err != nil {
		return "", err
	}
	r.line++
	return strings.TrimRight(text, "\r\n"), nil
}

// readFrame reads one configuration. It returns false at the end of the file.
func (r *xyzReader) readFrame() (bool, error) {
	head, err := r.nextLine()
	for err == nil && strings.TrimSpace(head) == "" { // blank lines between frames or at the end
		head, err = r.nextLine()
	}
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot be read: %w; copy the file again", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(head))
	if err != nil || n < 1 {
		return false, fmt.Errorf("%.40q is not a number of particles; is this an XYZ file?", head)
	}
	if r.n != 0 && n != r.n {
		return false, fmt.Errorf("a frame has %d particles, not %d; is it data of another system?", n, r.n)
	}
	r.n = n
	comment, err := r.nextLine()
	if err != nil {
		return false, errTruncated
	}
	if err := r.readComment(parseComment(comment)); err != nil {
		return false, err
	}
	for range n {
		if err := r.readParticle(); err != nil {
			return false, err
		}
	}
	r.frames++
	return true, nil
}

// readComment reads the position of the coordinates, the manifest and the numbers of the frame.
func (r *xyzReader) readComment(pairs []pair) error {
	r.column = 1 // plain XYZ: symbol x y z
	for _, p := range pairs {
		switch p.key {
		case "Properties":
			column, err := positionColumn(p.value)
			if err != nil {
				return err
			}
			r.column = column
		case dimKey:
			if r.dim != "" && p.value != r.dim {
				return fmt.Errorf("a frame has %s dimensions, an earlier frame %s; keep them in separate files",
					p.value, r.dim)
			}
			r.dim = p.value
		case manifestKey:
			r.manifest = p.value
		default:
			r.readNumber(p)
		}
	}
	return nil
}

// readNumber stores one value of the frame. A key is an array only if every frame has it exactly
// once.
func (r *xyzReader) readNumber(p pair) {
	v, err := strconv.ParseFloat(p.value, 64)
	if err != nil || len(r.values[p.key]) != r.frames {
		return
	}
	if r.frames == 0 {
		r.keys = append(r.keys, p.key)
	}
	r.values[p.key] = append(r.values[p.key], v)
}

// readParticle reads the coordinates of one line.
func (r *xyzReader) readParticle() error {
	text, err := r.nextLine()
	if err != nil {
		return errTruncated
	}
	fields := strings.Fields(text)
	if len(fields) < r.column+3 {
		return fmt.Errorf("%.60q does not have three coordinates; the file is cut or damaged, so write it again", text)
	}
	for _, field := range fields[r.column : r.column+3] {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return fmt.Errorf("%.40q is not a coordinate; correct it or write the file again", field)
		}
		r.x = append(r.x, v)
	}
	return nil
}

// positionColumn returns the column of pos:R:3 among "name:type:columns" triples.
func positionColumn(properties string) (int, error) {
	fields := strings.Split(properties, ":")
	column := 0
	for k := 0; k+2 < len(fields); k += 3 {
		if fields[k] == "pos" && fields[k+2] == "3" {
			return column, nil
		}
		width, err := strconv.Atoi(fields[k+2])
		if err != nil || width < 1 || width > 1000 {
			break
		}
		column += width
	}
	return 0, fmt.Errorf("Properties=%.60s has no pos:R:3; write the file with positions", properties)
}

// set returns the result, in d dimensions. If d is 0, the file decides.
func (r *xyzReader) set(d int) (Set, error) {
	var set Set
	if r.manifest != "" {
		if err := json.Unmarshal([]byte(r.manifest), &set.Manifest); err != nil {
			return set, fmt.Errorf("its %s cannot be parsed as JSON (%w); remove that key or write the file again",
				manifestKey, err)
		}
	}
	n, d, err := set.Manifest.resolve(r.n, d)
	if err != nil {
		return set, err
	}
	if r.dim != "" {
		dim, err := strconv.Atoi(r.dim)
		if err != nil || dim < 1 || dim > 3 || (d != 0 && d != dim) {
			return set, fmt.Errorf("has %s=%.20s, not %s; is it data of another system?",
				dimKey, r.dim, allowedShapes(n, d))
		}
		d = dim
	}
	if d == 0 {
		d = 3
	}
	if set.Batch, err = r.batch(d); err != nil {
		return set, err
	}
	if set.Manifest.SHA256 != Hash(set.Batch) {
		set.Manifest.SHA256 = "" // another program rounded the coordinates; the rest of the manifest is still true
	}
	for _, key := range r.keys {
		if values := r.values[key]; len(values) == r.frames {
			set.Arrays = append(set.Arrays, Float64(arrayName(key), values))
		}
	}
	return set, nil
}

func arrayName(key string) string {
	if key == energyKey {
		return energyArray
	}
	return key
}

// batch removes the padding coordinates, which must be zero.
func (r *xyzReader) batch(d int) (particle.Batch, error) {
	b := particle.Batch{N: r.n, D: d, X: make([]float64, 0, len(r.x)/3*max(d, 0))}
	if d > 3 {
		return b, fmt.Errorf("has three dimensions, not %d; is it data of another system?", d)
	}
	for i := 0; i < len(r.x); i += 3 {
		b.X = append(b.X, r.x[i:i+d]...)
		for _, v := range r.x[i+d : i+3] {
			if v != 0 {
				return b, fmt.Errorf("has particles outside the first %d dimensions (%g); "+
					"is it data of another system?", d, v)
			}
		}
	}
	return b, nil
}
