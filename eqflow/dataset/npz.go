package dataset

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// WriteArrays writes the arrays atomically as an .npz that numpy.load reads. Equal arrays give
// equal bytes. An existing file is an error that matches ErrInput, unless overwrite is set.
func WriteArrays(path string, arrays Arrays, overwrite bool) error {
	data, err := EncodeArrays(arrays)
	if err != nil {
		return err
	}
	return writeAtomic(path, data, overwrite)
}

// EncodeArrays returns the bytes of an .npz. Its members are uncompressed, little-endian, in C
// order and dated 1980.
func EncodeArrays(arrays Arrays) ([]byte, error) {
	if err := arrays.Validate(); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, a := range arrays {
		if err := writeMember(z, a); err != nil {
			return nil, fmt.Errorf("dataset: array %q: %w; choose a shorter name", a.Name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("dataset: cannot finish the .npz: %w; is memory short?", err)
	}
	return buf.Bytes(), nil
}

// writeMember adds one array to the archive.
func writeMember(z *zip.Writer, a Array) error {
	data := appendNpy(nil, a)
	w, err := z.CreateRaw(memberHeader(a.Name, len(data), crc32.ChecksumIEEE(data)))
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
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

// ReadArrays reads every array of an .npz in the order of the file, compressed or not. Floats of
// less than 32 bits become float32, floats of more than 64 bits float64, bool and uint8 become U8,
// and other integers int64. Members of other types (text, complex numbers, pickled objects) are
// skipped. Errors match ErrInput and name the path.
func ReadArrays(path string) (Arrays, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	arrays, err := DecodeArrays(f, size)
	if err != nil {
		return nil, inputErrorf(path, "%w", err)
	}
	return arrays, nil
}

// ReadArray reads the array of the given name as ReadArrays does. It does not read the other
// arrays.
func ReadArray(path, name string) (Array, error) {
	f, size, err := openFile(path)
	if err != nil {
		return Array{}, err
	}
	defer f.Close()
	z, err := zip.NewReader(f, size)
	if err != nil {
		return Array{}, inputErrorf(path, "%w", zipError(f, err))
	}
	for _, member := range z.File {
		if member.Name != name+".npy" {
			continue
		}
		a, err := readMember(member, name)
		if err != nil {
			return a, inputErrorf(path, "array %q %w", name, err)
		}
		return a, nil
	}
	return Array{}, inputErrorf(path, "holds no array %q; is it another kind of file?", name)
}

// DecodeArrays reads the arrays of an .npz that is part of another file or in memory. It converts
// types as ReadArrays does.
func DecodeArrays(r io.ReaderAt, size int64) (Arrays, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, zipError(r, err)
	}
	var arrays Arrays
	for _, member := range z.File {
		name, isArray := strings.CutSuffix(member.Name, ".npy")
		if !isArray || name == "" {
			continue
		}
		a, err := readMember(member, name)
		var unsupported unsupportedType
		if errors.As(err, &unsupported) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("array %q %w", name, err)
		}
		arrays = append(arrays, a)
	}
	return arrays, nil
}

func readMember(member *zip.File, name string) (Array, error) {
	rc, err := member.Open()
	if err != nil {
		return Array{}, fmt.Errorf("cannot be opened (%w); the file is damaged, so copy or write it again", err)
	}
	defer rc.Close()
	// In a damaged directory the size may be over 2^62. It is then negative here, and readNpy
	// reports a truncated file.
	a, err := readNpy(rc, int64(member.UncompressedSize64), name)
	if err != nil {
		return a, err
	}
	// archive/zip compares the checksum only at the end of the member.
	if _, err := io.Copy(io.Discard, rc); err != nil {
		return a, fmt.Errorf("is damaged (%w); copy or write the file again", err)
	}
	return a, nil
}

// zipError distinguishes a truncated .npz from another kind of file.
func zipError(r io.ReaderAt, err error) error {
	start := make([]byte, 6)
	n, _ := r.ReadAt(start, 0)
	switch {
	case bytes.HasPrefix(start[:n], []byte("PK")):
		return fmt.Errorf("is a damaged or cut .npz (%w); copy or write it again", err)
	case bytes.HasPrefix(start[:n], []byte("\x93NUMPY")):
		return errors.New("is a single array; name it .npy")
	}
	return errors.New("is not an .npz; save it with numpy.savez")
}
