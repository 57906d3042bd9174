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

// WriteArrays writes the arrays as an .npz that numpy.load reads, atomically. The same arrays always give the same bytes.
// An existing file is an error that matches ErrInput, unless overwrite is set.
func WriteArrays(path string, arrays Arrays, overwrite bool) error {
	data, err := EncodeArrays(arrays)
	if err != nil {
		return err
	}
	return writeAtomic(path, data, overwrite)
}

// EncodeArrays returns the bytes of an .npz: members stored without compression, little-endian, C order, dated 1980.
func EncodeArrays(arrays Arrays) ([]byte, error) {
	if err := arrays.Validate(); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, a := range arrays {
		data := appendNpy(nil, a)
		w, err := z.CreateRaw(memberHeader(a.Name, len(data), crc32.ChecksumIEEE(data)))
		if err != nil {
			return nil, fmt.Errorf("dataset: array %q: %w; choose a shorter name", a.Name, err)
		}
		if _, err := w.Write(data); err != nil {
			return nil, fmt.Errorf("dataset: array %q: %w; is memory short?", a.Name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("dataset: cannot finish the .npz: %w; is memory short?", err)
	}
	return buf.Bytes(), nil
}

// memberHeader describes an array's file in the archive. Its size is in the local header, not in a descriptor behind the data:
// simple .npz readers look only there.
func memberHeader(name string, size int, sum uint32) *zip.FileHeader {
	h := &zip.FileHeader{Name: name + ".npy", Method: zip.Store, CRC32: sum, CompressedSize64: uint64(size), UncompressedSize64: uint64(size)}
	//lint:ignore SA1019 CreateRaw takes no other date.
	h.ModifiedDate = 1<<5 | 1 // 1 January 1980, as NumPy's own
	return h
}

// ReadArrays reads every array of an .npz in the file's order, compressed or not. Floats narrower than 32 bits come as
// float32, wider than 64 as float64, bool and uint8 as U8, other integers as int64. Members of other types (text, complex,
// pickled objects) are passed over. Errors match ErrInput and name the path.
func ReadArrays(path string) (Arrays, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	arrays, err := DecodeArrays(f, size)
	if err != nil {
		return nil, wrong(path, "%w", err)
	}
	return arrays, nil
}

// ReadArray reads the one array of that name, as ReadArrays does, and leaves the others on the disk.
func ReadArray(path, name string) (Array, error) {
	f, size, err := openFile(path)
	if err != nil {
		return Array{}, err
	}
	defer f.Close()
	z, err := zip.NewReader(f, size)
	if err != nil {
		return Array{}, wrong(path, "%w", zipError(f, err))
	}
	for _, member := range z.File {
		if member.Name != name+".npy" {
			continue
		}
		a, err := readMember(member, name)
		if err != nil {
			return a, wrong(path, "array %q %w", name, err)
		}
		return a, nil
	}
	return Array{}, wrong(path, "holds no array %q; is it another kind of file?", name)
}

// DecodeArrays is ReadArrays for bytes that are not in a file of their own.
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
	// A size over 2^62 is a damaged directory; as a negative number it fails as truncated.
	a, err := readNpy(rc, int64(member.UncompressedSize64), name)
	if err != nil {
		return a, err
	}
	// The checksum is compared only at the member's end.
	if _, err := io.Copy(io.Discard, rc); err != nil {
		return a, fmt.Errorf("is damaged (%w); copy or write the file again", err)
	}
	return a, nil
}

// zipError tells a cut .npz from something else.
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
