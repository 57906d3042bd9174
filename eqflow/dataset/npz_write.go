package dataset

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// WriteArrays writes the arrays atomically as an .npz that numpy.load reads, with their checksums.
// Equal arrays give equal bytes. Memory does not grow with the arrays. An existing file is an error
// that matches ErrInput, unless overwrite is set.
func WriteArrays(path string, arrays Arrays, overwrite bool) error {
	if err := arrays.Validate(); err != nil {
		return err
	}
	if _, found := arrays.Get(checksumArray); found {
		return fmt.Errorf("dataset: the array name %q is reserved; rename the array", checksumArray)
	}
	return writeAtomicBy(path, overwrite, func(w io.Writer) error { return writeNpz(w, arrays) })
}

// EncodeArrays returns the bytes of an .npz without checksums. Its members are uncompressed,
// little-endian, in C order and dated 1980.
func EncodeArrays(arrays Arrays) ([]byte, error) {
	if err := arrays.Validate(); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	w := newArchiveWriter(&buf)
	for _, a := range arrays {
		if err := w.add(a.Name, a.descr(), a.Shape, a.eachPiece); err != nil {
			return nil, fmt.Errorf("dataset: array %q: %w; choose a shorter name", a.Name, err)
		}
	}
	if err := w.zip.Close(); err != nil {
		return nil, fmt.Errorf("dataset: cannot finish the .npz: %w; is memory short?", err)
	}
	return buf.Bytes(), nil
}

func writeNpz(w io.Writer, arrays Arrays) error {
	out := newArchiveWriter(w)
	for _, a := range arrays {
		if err := out.add(a.Name, a.descr(), a.Shape, a.eachPiece); err != nil {
			return err
		}
	}
	return out.close()
}

// archiveWriter writes an .npz array by array, and keeps the record of each.
type archiveWriter struct {
	zip  *zip.Writer
	sums checksums
}

func newArchiveWriter(w io.Writer) *archiveWriter {
	return &archiveWriter{zip: zip.NewWriter(w), sums: checksums{Version: 1}}
}

// pieces calls do with the bytes of an array's values, piece by piece.
type pieces func(do func(data []byte) error) error

// add writes one array. It goes through the values twice, because the checksum of a member stands
// before the member.
func (w *archiveWriter) add(name, descr string, shape []int, values pieces) error {
	header := appendHeader(nil, descr, shape)
	size, sum, crc := len(header), newHash(), crc32.ChecksumIEEE(header)
	err := values(func(data []byte) error {
		size, crc = size+len(data), crc32.Update(crc, crc32.IEEETable, data)
		sum.Write(data)
		return nil
	})
	if err != nil {
		return err
	}
	member, err := w.zip.CreateRaw(memberHeader(name, size, crc))
	if err != nil {
		return err
	}
	written := crc32.ChecksumIEEE(header)
	if _, err := member.Write(header); err != nil {
		return err
	}
	err = values(func(data []byte) error {
		written = crc32.Update(written, crc32.IEEETable, data)
		_, err := member.Write(data)
		return err
	})
	if err == nil && written != crc {
		err = fmt.Errorf("the array %q changed while it was read", name)
	}
	w.sums.Arrays = append(w.sums.Arrays, record{Name: name, Type: descr, Shape: shape, SHA256: hexSum(sum)})
	return err
}

// close writes the checksums and the end of the archive.
func (w *archiveWriter) close() error {
	text, err := json.Marshal(w.sums)
	if err != nil {
		return err
	}
	a := Bytes(checksumArray, text)
	return errors.Join(w.add(a.Name, a.descr(), a.Shape, a.eachPiece), w.zip.Close())
}

// memberHeader describes the .npy member of an array. The size is in the local header, not in a
// descriptor after the data, because simple .npz readers look only there.
func memberHeader(name string, size int, sum uint32) *zip.FileHeader {
	h := &zip.FileHeader{
		Name: name + ".npy", Method: zip.Store, CRC32: sum,
		CompressedSize64: uint64(size), UncompressedSize64: uint64(size),
	}
	//lint:ignore SA1019 CreateRaw takes no other date.
	h.ModifiedDate = 1<<5 | 1 // 1 January 1980, as in NumPy's files
	return h
}
