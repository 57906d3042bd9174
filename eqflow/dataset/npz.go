package dataset

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// ReadArrays reads every array of an .npz in the order of the file, compressed or not. Floats of
// less than 32 bits become float32, floats of more than 64 bits float64, bool and uint8 become U8,
// and other integers int64. Members of other types (text, complex numbers, pickled objects) are
// skipped. Two arrays of one name are an error. Errors match ErrInput and name the path.
func ReadArrays(path string) (Arrays, error) {
	a, err := openArchive(path)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	arrays, err := a.arrays()
	if err != nil {
		return nil, inputErrorf(path, "%w", err)
	}
	return arrays, nil
}

// ReadArray reads the array of the given name as ReadArrays does. It does not read the values of
// the other arrays.
func ReadArray(path, name string) (Array, error) {
	a, err := openArchive(path)
	if err != nil {
		return Array{}, err
	}
	defer a.Close()
	m, err := a.member(name)
	if err != nil {
		return Array{}, inputErrorf(path, "%w", err)
	}
	values, err := m.read()
	if err != nil {
		return Array{}, inputErrorf(path, "%w", err)
	}
	return values, nil
}

// Shapes returns the shapes of the arrays of an .npz by name. It reads no values. Errors match
// ErrInput and name the path.
func Shapes(path string) (map[string][]int, error) {
	a, err := openArchive(path)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	shapes := map[string][]int{}
	for _, m := range a.members {
		if m.unread == nil {
			shapes[m.name] = m.shape
		}
	}
	return shapes, nil
}

// archive is an open .npz: the headers of its arrays.
type archive struct {
	members []member
	checked bool // the archive has checksums
	file    io.Closer
}

// Close closes the file.
func (a *archive) Close() error { return a.file.Close() }

// openArchive opens the .npz at a path. Errors match ErrInput and name the path.
func openArchive(path string) (*archive, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	a, err := newArchive(f, size)
	if err != nil {
		f.Close()
		return nil, inputErrorf(path, "%w", err)
	}
	a.file = f
	return a, nil
}

// member returns the array of the given name.
func (a *archive) member(name string) (member, error) {
	for _, m := range a.members {
		if m.name == name {
			return m, nil
		}
	}
	return member{}, fmt.Errorf("holds no array %q; is it another kind of file?", name)
}

// arrays reads the arrays of numbers.
func (a *archive) arrays() (Arrays, error) {
	var arrays Arrays
	for _, m := range a.members {
		var unsupported unsupportedType
		if errors.As(m.unread, &unsupported) || errors.Is(m.unread, errNoArray) {
			continue
		}
		values, err := m.read()
		if err != nil {
			return nil, err
		}
		arrays = append(arrays, values)
	}
	return arrays, nil
}

// repeatedName is an error about two members of one name. NumPy reads the last of two equal names,
// and the member without .npy of two others.
func repeatedName(name string) error {
	return fmt.Errorf("holds two arrays %q; write it again with one", name)
}

// DecodeArrays reads the arrays of an .npz that is part of another file or in memory. It converts
// types as ReadArrays does.
func DecodeArrays(r io.ReaderAt, size int64) (Arrays, error) {
	a, err := newArchive(r, size)
	if err != nil {
		return nil, err
	}
	return a.arrays()
}

// member is one array of an .npz: its header, without its values.
type member struct {
	header
	name   string
	file   *zip.File
	unread error   // why its values cannot be read; nil if they can
	record *record // what was written; nil in a file without checksums
}

// errNoArray marks a file in an .npz that is not an array.
var errNoArray = errors.New("is not an array")

// newArchive reads the headers of all arrays of an .npz, and its checksums. Memory does not grow
// with the arrays. Two arrays of one name are an error.
func newArchive(r io.ReaderAt, size int64) (*archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, zipError(r, err)
	}
	a := &archive{}
	seen := map[string]bool{}
	for _, file := range z.File {
		name := memberName(file.Name)
		if name == "" {
			continue
		}
		if err := checkName(r, file); err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, repeatedName(name)
		}
		seen[name] = true
		m := member{name: name, file: file}
		if err := m.readHeader(); err != nil {
			return nil, fmt.Errorf("array %q %w", name, err)
		}
		a.members = append(a.members, m)
	}
	return a, a.takeChecksums()
}

// memberName returns the name of the array in a file of the archive. As in NumPy, the ending .npy
// is optional. Other programs write paths as "./x.npy", or with the backslashes of Windows. It
// returns "" for folders and for the files that macOS adds to archives.
func memberName(file string) string {
	file = strings.ReplaceAll(file, `\`, "/")
	folder, base := path.Split(file)
	if base == "" || strings.HasPrefix(base, "._") || strings.Contains("/"+folder, "/__MACOSX/") {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(path.Clean("/"+file), "/"), ".npy")
}

// checkName returns an error unless the file has the same name before its data as in the directory
// of the archive. No checksum covers the directory, and a bit that flips in a name there would turn
// the array into another.
func checkName(r io.ReaderAt, file *zip.File) error {
	const size, signature = 30, "PK\x03\x04" // of a local header, before the name
	data, err := file.DataOffset()
	if err != nil {
		return nil // opening the file reports that
	}
	// The extra fields between name and data may be longer than those in the directory.
	most := min(data, int64(size+len(file.Name)+1<<16))
	before := make([]byte, most)
	if _, err := r.ReadAt(before, data-most); err != nil {
		return nil
	}
	for at := len(before) - size - len(file.Name); at >= 0; at-- {
		header := before[at:]
		name, extra := binary.LittleEndian.Uint16(header[26:]), binary.LittleEndian.Uint16(header[28:])
		if string(header[:4]) == signature && at+size+int(name)+int(extra) == len(before) {
			if string(header[size:size+int(name)]) == file.Name {
				return nil
			}
			break
		}
	}
	return fmt.Errorf("array %q has another name in the directory of the archive; the file is damaged, so copy or "+
		"write it again", memberName(file.Name))
}

// readHeader reads the header of the member. If the values are of another kind than Array holds, it
// sets unread. It returns an error for a damaged member.
func (m *member) readHeader() error {
	rc, err := openMember(m.file)
	var storage unsupportedStorage
	if errors.As(err, &storage) {
		m.unread = err
		return nil
	}
	if err != nil {
		return err
	}
	defer rc.Close()
	m.header, err = readHeader(rc)
	var unsupported unsupportedType
	switch {
	case errors.As(err, &unsupported):
		m.unread = err
	case errors.Is(err, errNotNumPy) && !strings.HasSuffix(m.file.Name, ".npy"):
		m.unread = errNoArray
	default:
		return err
	}
	return nil
}

// read reads the values of the member.
func (m member) read() (Array, error) {
	if m.unread != nil {
		return Array{}, fmt.Errorf("array %q %w", m.name, m.unread)
	}
	a, err := m.values()
	if err != nil {
		return a, fmt.Errorf("array %q %w", m.name, err)
	}
	return a, nil
}

// openMember opens a file of the archive. Its error is an unsupportedStorage if the file is whole
// and stored in a way that Go's library does not read.
func openMember(file *zip.File) (io.ReadCloser, error) {
	if file.Flags&1 != 0 {
		return nil, unsupportedStorage("encrypted")
	}
	rc, err := file.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		name := cmp.Or(compressions[file.Method], fmt.Sprintf("method %d", file.Method))
		return nil, unsupportedStorage("compressed with " + name)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be opened (%w); the file is damaged, so copy or write it again", err)
	}
	return rc, nil
}

func (m member) values() (Array, error) {
	rc, err := openMember(m.file)
	if err != nil {
		return Array{}, err
	}
	defer rc.Close()
	sum := newHash()
	a, err := readNpy(rc, m.stored(), m.name, sum)
	if err != nil {
		return a, err
	}
	if err := finishMember(rc); err != nil {
		return a, err
	}
	return a, m.check(hexSum(sum))
}

// stored is the number of bytes that the member claims to hold. In a damaged directory it may be
// over 2^62. It is then negative here, and readers report a truncated file.
func (m member) stored() int64 { return int64(m.file.UncompressedSize64) }

// finishMember reads a member to its end, where archive/zip compares the checksum.
func finishMember(rc io.Reader) error {
	if _, err := io.Copy(io.Discard, rc); err != nil {
		return fmt.Errorf("is damaged (%w); copy or write the file again", err)
	}
	return nil
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
