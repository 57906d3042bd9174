package dataset

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// Join writes the named arrays of several .npz, one behind the other along their first axis, as one .npz with the given
// manifest, whose counts and hash it fills in. It holds one array of one part at a time, so that the whole may be larger than
// memory, and writes as Write does. Errors match ErrInput where a part is at fault.
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
				return wrong(parts[0], "has x of shape %s, not [N, n, d]; write it again", shapeText(shape))
			}
			m.Count, m.Particles, m.Dim, m.SHA256 = shape[0], shape[1], shape[2], columns[k].hash
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("dataset: %s is not written: its manifest is not valid JSON: %w; correct Spec or Settings", path, err)
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
		err = c.bytes(func(data []byte) error {
			_, err := member.Write(data)
			return err
		})
		if err != nil {
			return err
		}
	}
	data := appendNpy(nil, Bytes("manifest", manifest))
	member, err := z.CreateRaw(memberHeader("manifest", len(data), crc32.ChecksumIEEE(data)))
	if err != nil {
		return err
	}
	if _, err := member.Write(data); err != nil {
		return err
	}
	return z.Close()
}

// column is one array over all parts.
type column struct {
	name  string
	parts []string
	shape []int  // of the whole
	descr string // of its elements: float32 where all parts are
	size  int    // of its file
	sum   uint32 // of its file
	hash  string // as Hash has it, of three-dimensional ones
}

// measure reads all parts once for the shape and type of the whole, and once for its checksums.
func (c *column) measure() error {
	err := c.each(func(path string, a Array) error {
		switch {
		case !a.isFloat() || len(a.Shape) == 0:
			return wrong(path, "has an array %q that is no list of numbers; write it again", c.name)
		case c.shape == nil:
			c.shape, c.descr = slices.Clone(a.Shape), a.descr()
			return nil
		case !slices.Equal(c.shape[1:], a.Shape[1:]):
			return wrong(path, "has %q of shape %s, unlike the others; leave it out", c.name, shapeText(a.Shape))
		case a.descr() != c.descr:
			c.descr = "<f8"
		}
		c.shape[0] += a.Shape[0]
		return nil
	})
	if err != nil {
		return err
	}
	hash := sha256.New()
	for _, n := range c.shape[1:] {
		hash.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
	}
	err = c.each(func(_ string, a Array) error {
		for _, v := range a.Float64s() {
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], math.Float64bits(v))
			hash.Write(word[:])
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.hash = hex.EncodeToString(hash.Sum(nil))
	return c.bytes(func(data []byte) error {
		c.size += len(data)
		c.sum = crc32.Update(c.sum, crc32.IEEETable, data)
		return nil
	})
}

// bytes hands over the array's file, piece by piece.
func (c *column) bytes(take func(data []byte) error) error {
	if err := take(appendHeader(nil, c.descr, c.shape)); err != nil {
		return err
	}
	return c.each(func(_ string, a Array) error {
		if a.descr() != c.descr {
			a = Float64(a.Name, a.Float64s(), a.Shape...)
		}
		return take(appendValues(nil, a))
	})
}

func (c *column) each(take func(path string, a Array) error) error {
	for _, path := range c.parts {
		a, err := ReadArray(path, c.name)
		if err != nil {
			return err
		}
		if err := take(path, a); err != nil {
			return err
		}
	}
	return nil
}
