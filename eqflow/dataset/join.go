package dataset

import (
	"fmt"
	"io"
	"slices"
)

// Join concatenates the named arrays of several .npz files along their first axis and writes them
// as one .npz with the given manifest. It fills in the counts and the hash of the manifest.
//
// Join holds one array of one part at a time, so that the result may be larger than memory. It
// writes as Write does. Errors match ErrInput if a part is at fault.
func Join(path string, parts, names []string, m Manifest, overwrite bool) error {
	if err := checkTarget(path, overwrite); err != nil {
		return err
	}
	if _, err := m.encode(); err != nil {
		return fmt.Errorf("dataset: %s is not written: %w", path, err)
	}
	columns := make([]*column, len(names))
	for k, name := range names {
		columns[k] = &column{name: name, parts: parts}
		if err := columns[k].measure(); err != nil {
			return err
		}
		if shape := columns[k].shape; name == "x" {
			if len(shape) != 3 {
				return inputErrorf(parts[0], "has x of shape %s, not [N, n, d]; write it again", shapeText(shape))
			}
			m.Count, m.Particles, m.Dim = shape[0], shape[1], shape[2]
		}
	}
	return writeAtomicBy(path, overwrite, func(w io.Writer) error { return writeColumns(w, columns, m) })
}

func writeColumns(w io.Writer, columns []*column, m Manifest) error {
	out := newArchiveWriter(w)
	for _, c := range columns {
		pass, h := 0, newHash(c.shape[1:]...)
		err := out.add(c.name, c.descr, c.shape, func(do func(data []byte) error) error {
			pass++
			return c.eachPart(func(a Array) error {
				if c.name == "x" && pass == 1 {
					addValues(h, a.Float64s())
				}
				if a.descr() != c.descr {
					a = Float64(a.Name, a.Float64s(), a.Shape...)
				}
				return a.eachPiece(do)
			})
		})
		if err != nil {
			return err
		}
		if c.name == "x" {
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

// column is one array, concatenated over all parts.
type column struct {
	name  string
	parts []string // paths
	shape []int    // of the concatenated array
	descr string   // NumPy's element type: float32 if all parts have at most 32 bits, else float64
}

// measure finds shape and type from the headers of the parts.
func (c *column) measure() error {
	for _, path := range c.parts {
		a, err := openArchive(path)
		if err != nil {
			return err
		}
		m, err := a.member(c.name)
		a.Close()
		if err == nil && m.unread != nil {
			err = fmt.Errorf("array %q %w", m.name, m.unread)
		}
		if err != nil {
			return inputErrorf(path, "%w", err)
		}
		if err := c.addShape(path, m.header); err != nil {
			return err
		}
	}
	return nil
}

// addShape extends shape and type of the column by one part.
func (c *column) addShape(path string, h header) error {
	descr := "<f8"
	if h.size <= 4 {
		descr = "<f4"
	}
	switch {
	case h.kind != 'f' || len(h.shape) == 0:
		return inputErrorf(path, "its array %q is not a list of floating-point numbers; write it again", c.name)
	case c.shape == nil:
		c.shape, c.descr = slices.Clone(h.shape), descr
		return nil
	case !slices.Equal(c.shape[1:], h.shape[1:]):
		return inputErrorf(path, "has %q of shape %s, unlike the other files; leave it out", c.name, shapeText(h.shape))
	case descr != c.descr:
		c.descr = "<f8"
	}
	c.shape[0] += h.shape[0]
	return nil
}

// eachPart reads the array of every part in order and calls do with it.
func (c *column) eachPart(do func(a Array) error) error {
	for _, path := range c.parts {
		a, err := ReadArray(path, c.name)
		if err != nil {
			return err
		}
		if err := do(a); err != nil {
			return err
		}
	}
	return nil
}
