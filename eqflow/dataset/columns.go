package dataset

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// ReadColumns reads the named arrays of an .npz side by side, along their first axis, which has the
// same length in all. It calls do with the values of neighbouring entries, row-major and as
// float64. Memory does not grow with the arrays. do must not keep the slices.
//
// The values are compared with their checksums at the end, so that do sees them before. Errors
// match ErrInput and name the path.
func ReadColumns(path string, names []string, do func(columns [][]float64) error) error {
	a, err := openArchive(path)
	if err != nil {
		return err
	}
	defer a.Close()
	readers := make([]*memberReader, len(names))
	for k, name := range names {
		m, err := a.member(name)
		if err == nil {
			readers[k], err = m.reader()
		}
		if err != nil {
			return inputErrorf(path, "%w", err)
		}
		defer readers[k].Close()
		if rows := readers[k].rows; rows != readers[0].rows {
			return inputErrorf(path, "has %d entries in %q and %d in %q; write it again",
				rows, name, readers[0].rows, names[0])
		}
	}
	return readSideBySide(path, readers, do)
}

// readSideBySide reads the members of the file at a path in pieces of equally many rows.
func readSideBySide(path string, readers []*memberReader, do func(columns [][]float64) error) error {
	widest := 1
	for _, r := range readers {
		widest = max(widest, r.width)
	}
	piece, columns := max(1, pieceSize/widest), make([][]float64, len(readers))
	for left := readers[0].rows; left > 0; left -= piece {
		for k, r := range readers {
			var err error
			if columns[k], err = r.next(min(piece, left)); err != nil {
				return inputErrorf(path, "%w", err)
			}
		}
		if err := do(columns); err != nil {
			return err
		}
	}
	for _, r := range readers {
		if err := r.finish(); err != nil {
			return inputErrorf(path, "%w", err)
		}
	}
	return nil
}

// memberReader reads an array of an .npz along its first axis.
type memberReader struct {
	member
	io.Closer
	values      *npyValues
	rows, width int       // entries along the first axis, and values in an entry
	piece       Array     // reused
	whole       []float64 // the values to come of an array that cannot be read in order
}

func (m member) reader() (*memberReader, error) {
	if m.unread != nil {
		return nil, fmt.Errorf("array %q %w", m.name, m.unread)
	}
	if len(m.shape) == 0 {
		return nil, fmt.Errorf("array %q is a single number, not a list; write it again", m.name)
	}
	r := &memberReader{member: m, rows: m.shape[0], width: 1}
	for _, n := range m.shape[1:] {
		r.width *= n
	}
	rc, err := openMember(m.file)
	if err != nil {
		return nil, err
	}
	r.Closer = rc
	if m.fortran && len(m.shape) > 1 {
		a, err := m.read()
		r.whole = a.Float64s()
		return r, err
	}
	if r.values, err = newNpyValues(rc, m.stored(), newHash()); err != nil {
		rc.Close()
		return nil, fmt.Errorf("array %q %w", m.name, err)
	}
	return r, nil
}

// next returns the values of the next rows.
func (r *memberReader) next(rows int) ([]float64, error) {
	n := rows * r.width
	if r.values == nil {
		out := r.whole[:n]
		r.whole = r.whole[n:]
		return out, nil
	}
	a := &r.piece
	a.F32, a.F64, a.I64, a.U8 = a.F32[:0], a.F64[:0], a.I64[:0], a.U8[:0]
	if err := r.values.next(a, n); err != nil {
		return nil, fmt.Errorf("array %q %w", r.name, err)
	}
	return a.Float64s(), nil
}

// finish compares the values that were read with their checksums.
func (r *memberReader) finish() error {
	if r.values == nil {
		return nil // compared already
	}
	err := r.values.end()
	if err == nil {
		err = finishMember(r.Closer.(io.Reader))
	}
	if err == nil {
		err = r.check(hexSum(r.values.sum))
	}
	if err != nil {
		return fmt.Errorf("array %q %w", r.name, err)
	}
	return nil
}

// Column is one array of a file that need not be in memory.
type Column struct {
	Name  string
	Shape []int
	// Single means float32, which must hold every value exactly. The default is float64.
	Single bool
	// Values calls do with all values in order, row-major. It is called twice, and must give the
	// same values.
	Values func(do func(values []float64) error) error
}

// WriteColumns writes the arrays as one .npz with the given manifest, as Write does. One column is
// the configurations, "x" [N, n, d]. It fills in the counts and the hash of the manifest. Memory
// does not grow with the columns. Equal values give the bytes of Write.
func WriteColumns(path string, columns []Column, m Manifest, overwrite bool) error {
	if err := checkTarget(path, overwrite); err != nil {
		return err
	}
	if _, err := m.encode(); err != nil {
		return fmt.Errorf("dataset: %s is not written: %w", path, err)
	}
	for _, c := range columns {
		if c.Name == "x" && len(c.Shape) == 3 {
			m.Count, m.Particles, m.Dim = c.Shape[0], c.Shape[1], c.Shape[2]
		}
	}
	var wrong notFinite
	err := writeAtomicBy(path, overwrite, func(w io.Writer) error { return writeColumns(w, columns, m) })
	if errors.As(err, &wrong) {
		return fmt.Errorf("dataset: %s is not written: %w", path, wrong)
	}
	return err
}

// notFinite says which coordinate is not finite.
type notFinite string

func (e notFinite) Error() string { return string(e) }

func writeColumns(w io.Writer, columns []Column, m Manifest) error {
	out := newArchiveWriter(w)
	for _, c := range columns {
		pass, at, h := 0, 0, newHash(c.Shape[1:]...)
		err := out.add(c.Name, c.descr(), c.Shape, func(do func(data []byte) error) error {
			pass++
			return c.Values(func(values []float64) error {
				if c.Name == "x" && pass == 1 {
					if err := checkFinite(values, at, m); err != nil {
						return err
					}
					addValues(h, values)
				}
				at += len(values)
				return c.array(values).eachPiece(do)
			})
		})
		if err != nil {
			return err
		}
		if c.Name == "x" {
			m.SHA256 = hexSum(h)
		}
	}
	text, err := m.encode()
	if err != nil {
		return err
	}
	manifest := Bytes("manifest", text)
	if err := out.add(manifest.Name, manifest.descr(), manifest.Shape, manifest.eachPiece); err != nil {
		return err
	}
	return out.close()
}

// checkFinite returns an error that names the first coordinate that is not finite. The values begin
// with number at of all coordinates.
func checkFinite(values []float64, at int, m Manifest) error {
	width := m.Particles * m.Dim
	k := slices.IndexFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if k < 0 || width < 1 {
		return nil
	}
	at += k
	return notFinite(fmt.Sprintf("configuration %d holds %g (particle %d, coordinate %d); "+
		"remove the configuration and try again", at/width, values[k], at%width/m.Dim, at%m.Dim))
}

// array returns values of the column as an array of the column's type.
func (c Column) array(values []float64) Array {
	if !c.Single {
		return Float64(c.Name, values)
	}
	single := make([]float32, len(values))
	for i, v := range values {
		single[i] = float32(v)
	}
	return Float32(c.Name, single)
}

// descr is NumPy's name of the column's type.
func (c Column) descr() string {
	if c.Single {
		return "<f4"
	}
	return "<f8"
}
