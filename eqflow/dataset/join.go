package dataset

import (
	"archive/zip"
	"fmt"
	"hash/crc32"
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
	columns := make([]*column, len(names))
	for k, name := range names {
		columns[k] = &column{name: name, parts: parts}
		if err := columns[k].measure(); err != nil {
			return err
		}
		if name == "x" {
			shape := columns[k].shape
			if len(shape) != 3 {
				return inputErrorf(parts[0], "has x of shape %s, not [N, n, d]; write it again", shapeText(shape))
			}
			m.Count, m.Particles, m.Dim, m.SHA256 = shape[0], shape[1], shape[2], columns[k].hash
		}
	}
	text, err := m.encode()
	if err != nil {
		return fmt.Errorf("dataset: %s is not written: %w", path, err)
	}
	return writeAtomicBy(path, overwrite, func(w io.Writer) error { return writeColumns(w, columns, text) })
}

func writeColumns(w io.Writer, columns []*column, manifest []byte) error {
	z := zip.NewWriter(w)
	for _, c := range columns {
		member, err := z.CreateRaw(memberHeader(c.name, c.size, c.sum))
		if err != nil {
			return err
		}
		err = c.eachPiece(func(data []byte) error {
			_, err := member.Write(data)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := writeMember(z, Bytes("manifest", manifest)); err != nil {
		return err
	}
	return z.Close()
}

// column is one array, concatenated over all parts.
type column struct {
	name  string
	parts []string // paths
	shape []int    // of the concatenated array
	descr string   // NumPy's element type: float32 if all parts are float32, else float64
	size  int      // bytes of the .npy member
	sum   uint32   // CRC-32 of the .npy member
	hash  string   // the Hash of the configurations, if the array is [N, n, d]
}

// measure computes shape and type in a first pass over the parts, and the checksums in further
// passes.
func (c *column) measure() error {
	if err := c.eachPart(c.addShape); err != nil {
		return err
	}
	h := newHash(c.shape[1:]...)
	err := c.eachPart(func(_ string, a Array) error {
		addValues(h, a.Float64s())
		return nil
	})
	if err != nil {
		return err
	}
	c.hash = hexSum(h)
	return c.eachPiece(func(data []byte) error {
		c.size += len(data)
		c.sum = crc32.Update(c.sum, crc32.IEEETable, data)
		return nil
	})
}

// addShape extends shape and type of the column by one part.
func (c *column) addShape(path string, a Array) error {
	switch {
	case !a.isFloat() || len(a.Shape) == 0:
		return inputErrorf(path, "its array %q is not a list of floating-point numbers; write it again", c.name)
	case c.shape == nil:
		c.shape, c.descr = slices.Clone(a.Shape), a.descr()
		return nil
	case !slices.Equal(c.shape[1:], a.Shape[1:]):
		return inputErrorf(path, "has %q of shape %s, unlike the other files; leave it out", c.name, shapeText(a.Shape))
	case a.descr() != c.descr:
		c.descr = "<f8"
	}
	c.shape[0] += a.Shape[0]
	return nil
}

// eachPiece calls do with the bytes of the .npy member, piece by piece.
func (c *column) eachPiece(do func(data []byte) error) error {
	if err := do(appendHeader(nil, c.descr, c.shape)); err != nil {
		return err
	}
	return c.eachPart(func(_ string, a Array) error {
		if a.descr() != c.descr {
			a = Float64(a.Name, a.Float64s(), a.Shape...)
		}
		return do(appendValues(nil, a))
	})
}

// eachPart reads the array of every part in order and calls do with it.
func (c *column) eachPart(do func(path string, a Array) error) error {
	for _, path := range c.parts {
		a, err := ReadArray(path, c.name)
		if err != nil {
			return err
		}
		if err := do(path, a); err != nil {
			return err
		}
	}
	return nil
}
