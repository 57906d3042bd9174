package dataset

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// xyzReader accumulates the frames of one file.
type xyzReader struct {
	lines    *bufio.Reader
	line     int // of the last line read, from 1
	frames   int
	numbered bool // the lines of the frame so far may have a number of the particle before x, y, z
	n        int  // particles per frame; 0 if unknown before the first frame
	columns  columns
	comment  string               // of the frame
	dim      string               // the value of dimKey
	x        []float64            // [frames, n, 3]
	keys     []string             // keys with a number in the first comment line, in order
	values   map[string][]float64 // by key, [frames]
	partial  map[string]bool      // keys that some frames do not have once, as a number
	manifest string               // JSON text
	sum      hash.Hash            // of the text without the manifest
	own      bool                 // the first comment line is as encodeXYZ writes it
}

func decodeXYZ(file readerAt, _ int64, n, d int) (Set, error) {
	r := &xyzReader{
		lines: bufio.NewReader(file), n: n, sum: newHash(),
		values: map[string][]float64{}, partial: map[string]bool{},
	}
	for {
		more, err := r.readFrame()
		if err != nil {
			return Set{}, fmt.Errorf("line %d: %w", r.line, err)
		}
		if !more {
			return r.set(d)
		}
	}
}

// nextLine returns the next line without its line end, and io.EOF after the last line.
func (r *xyzReader) nextLine() (string, error) {
	text, err := r.lines.ReadString('\n')
	if text == "" && err != nil {
		return "", err
	}
	r.line++
	r.addText(text)
	if r.line == 1 {
		text = strings.TrimPrefix(text, "\ufeff") // the mark that Windows' editors put first
	}
	return strings.TrimRight(text, "\r\n"), nil
}

// addText adds a line to the checksum, without the manifest at the end of the first comment line.
func (r *xyzReader) addText(line string) {
	if r.line == 2 && strings.HasPrefix(line, "Properties="+posProperty+" "+dimKey+"=") {
		rest, manifest, found := strings.Cut(line, manifestSuffix+`"`)
		last := strings.Count(manifest, `"`) == strings.Count(manifest, `\"`)+1 // nothing follows its value
		if found && last && strings.HasSuffix(manifest, "\"\n") {
			line, r.own = rest+"\n", true
		}
	}
	io.WriteString(r.sum, line)
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
	if r.comment, err = r.nextLine(); err != nil {
		return false, errTruncated
	}
	if cellOfIPI.MatchString(r.comment) {
		return false, fmt.Errorf("its comment line %.40q has a box, and %w", r.comment, errOtherBox)
	}
	box, err := r.readComment(parseComment(r.comment))
	if err != nil {
		return false, err
	}
	r.numbered = !r.columns.named
	for range n {
		if err := r.readParticle(); err != nil {
			return false, err
		}
	}
	if r.numbered && n > 1 {
		return false, errNumbered
	}
	if box != nil {
		if err := box.check(r.x[len(r.x)-3*n:]); err != nil {
			return false, err
		}
	}
	r.frames++
	return true, nil
}

// readComment reads the columns of the coordinates, the manifest and the numbers of the frame, and
// returns its periodic box. Other programs write Properties, Lattice and pbc in any case.
func (r *xyzReader) readComment(pairs []pair) (*box, error) {
	var properties, lattice, pbc string
	for _, p := range pairs {
		switch key := strings.ToLower(p.key); {
		case key == "properties":
			properties = p.value
		case key == "lattice":
			lattice = p.value
		case key == "pbc":
			pbc = p.value
		case otherBox.MatchString(p.key):
			return nil, fmt.Errorf("its comment line has %.40q, and %w", p.key+"="+p.value, errOtherBox)
		case p.key == dimKey:
			if r.dim != "" && p.value != r.dim {
				return nil, fmt.Errorf("a frame has %s dimensions, an earlier frame %s; keep them in separate files",
					p.value, r.dim)
			}
			r.dim = p.value
		case p.key == manifestKey:
			r.manifest = p.value
		default:
			r.readNumber(p)
		}
	}
	if err := r.readProperties(properties); err != nil {
		return nil, err
	}
	return newBox(lattice, pbc)
}

// readProperties finds the columns of the frame, which are those of the first frame. Without
// Properties, the first line with a particle decides.
func (r *xyzReader) readProperties(properties string) error {
	var own columns
	if lower := strings.ToLower(r.comment); properties != "" {
		var err error
		if own, err = propertyColumns(properties); err != nil {
			return err
		}
	} else if strings.Contains(lower, "pos:r:") {
		return fmt.Errorf("its comment line %.40q names columns, but not as Properties=…; %s",
			r.comment, adviceProperties)
	}
	if r.frames == 0 {
		r.columns = own
		return nil
	}
	if own.named != r.columns.named || own.named && own.count != r.columns.count {
		return errors.New("a frame has other Properties than the first frame; keep them in separate files")
	}
	if own.named {
		r.columns = own
	}
	return nil
}

// readNumber stores one value of the frame. A key is an array only if it is a name and every frame
// has it exactly once.
func (r *xyzReader) readNumber(p pair) {
	if p.key == "" || !utf8.ValidString(p.key) {
		return
	}
	v, err := strconv.ParseFloat(p.value, 64)
	if err != nil && p.key != logWeightArray {
		return
	}
	if err != nil || len(r.values[p.key]) != r.frames {
		r.partial[p.key] = true
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
	if r.columns.count == 0 {
		if r.columns, err = plainColumns(fields, r.comment); err != nil {
			return err
		}
	}
	if err := r.columns.check(fields, r.comment); err != nil {
		return err
	}
	r.numbered = r.numbered && r.columns.mayBeNumbered(fields)
	r.comment = "" // is compared with the first line of its frame
	for _, field := range fields[r.columns.first : r.columns.first+r.columns.count] {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return fmt.Errorf("%.40q is not a coordinate; correct it or write the file again", field)
		}
		r.x = append(r.x, v)
	}
	if r.columns.count == 2 {
		r.x = append(r.x, 0)
	}
	return nil
}

// set returns the result, in d dimensions. If d is 0, the file decides.
func (r *xyzReader) set(d int) (Set, error) {
	var set Set
	if r.frames == 0 {
		return set, nil
	}
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
	if d, err = r.dimensions(n, d); err != nil {
		return set, err
	}
	if set.Batch, err = r.batch(d); err != nil {
		return set, err
	}
	if err := r.compare(&set); err != nil {
		return set, err
	}
	for _, key := range r.keys {
		if values := r.values[key]; len(values) == r.frames && !r.partial[key] {
			set.Arrays = append(set.Arrays, Float64(arrayName(key), values))
		} else {
			r.partial[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.partial)) {
		set.Skipped = append(set.Skipped, Skipped{arrayName(key), "is not one number in every comment line"})
	}
	set.Source = r.columns.describe()
	return set, nil
}

// compare compares the text and the coordinates with the checksums of the manifest. Another program
// that rewrites the file changes its first comment line, and may round. The rest of the manifest is
// still true then. Any other change is an error.
func (r *xyzReader) compare(set *Set) error {
	m := &set.Manifest
	if want := m.TextSHA256; r.own && want != "" && want != hexSum(r.sum) {
		return fmt.Errorf("does not hold the text that was written (its checksum differs); copy the file again or, "+
			"if the change was intended, remove %s from its comment line", manifestKey)
	}
	if m.SHA256 != "" && m.SHA256 != Hash(set.Batch) {
		set.Remark = fmt.Sprintf("its %d configurations are not exactly the %d that eqflow wrote: "+
			"another program rounded or changed them", set.Batch.Len(), m.Count)
		m.SHA256 = ""
	}
	m.TextSHA256 = ""
	return nil
}

// dimensions returns d. If d is 0, the file decides.
//
// The key dim is that of Write. In files of other programs it means other things: dim=3 stands
// there beside positions in the plane, which are padded with zeros.
func (r *xyzReader) dimensions(n, d int) (int, error) {
	dim, err := strconv.Atoi(r.dim)
	known := err == nil && dim >= 1 && dim <= 3
	other := d != 0 && (dim < d || dim != d && r.manifest != "")
	switch {
	case r.dim != "" && r.manifest != "" && !known, known && other:
		return 0, fmt.Errorf("has %s=%.20s, not %s; is it data of another system?", dimKey, r.dim, allowedShapes(n, d))
	case d > r.columns.count:
		return 0, fmt.Errorf("has %d coordinates for each particle, not %d; is it data of another system?",
			r.columns.count, d)
	case d != 0:
		return d, nil
	case known:
		return min(dim, r.columns.count), nil
	}
	return cmp.Or(r.columns.count, 3), nil
}

func arrayName(key string) string {
	if key == energyKey {
		return energyArray
	}
	return key
}

// batch removes the padding coordinates, which must be zero.
func (r *xyzReader) batch(d int) (particle.Batch, error) {
	b := particle.Batch{N: r.n, D: d, X: make([]float64, 0, len(r.x)/3*d)}
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
