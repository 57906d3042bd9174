package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sbinet/npyio/npy"
)

// maxHeader limits the text before the values. NumPy itself refuses headers over 10 000 bytes.
const maxHeader = 1 << 16

// maxElements keeps shape × element size far from overflow. The size of the file limits the memory.
const maxElements = 1 << 48

var (
	errNotNumPy = errors.New("is not a NumPy file (no \\x93NUMPY at its start); " +
		"save it with numpy.save or numpy.savez")
	errMore = errors.New("goes on after the last value of its array; save one array, with numpy.save, " +
		"or several with numpy.savez")
	errTruncated = errors.New("ends before its last value; it was cut off, so copy or write it again")
)

// header describes the values of an .npy file. It precedes them in the file.
type header struct {
	descr   string // NumPy's name of the element type, such as "<f8"
	kind    byte   // f, i, u or b
	size    int    // bytes of one element
	order   binary.ByteOrder
	fortran bool
	shape   []int
	count   int
}

var elementType = regexp.MustCompile(`^([<>|=]?)([fiub])(\d{1,2})$`)

// readHeader reads the header with npyio and validates it. For an unsupported type it returns the
// shape, beside the error.
func readHeader(r io.Reader) (header, error) {
	text, err := headerBytes(r)
	if err != nil {
		return header{}, err
	}
	raw, err := npyioHeader(text)
	if err != nil {
		return header{}, err
	}
	unread := header{shape: raw.Descr.Shape, descr: raw.Descr.Type}
	m := elementType.FindStringSubmatch(raw.Descr.Type)
	if m == nil {
		return unread, unsupportedType(raw.Descr.Type)
	}
	size, _ := strconv.Atoi(m[3])
	h := header{
		descr: raw.Descr.Type, kind: m[2][0], size: size, order: binary.LittleEndian,
		fortran: raw.Descr.Fortran, shape: raw.Descr.Shape, count: 1,
	}
	if m[1] == ">" {
		h.order = binary.BigEndian
	}
	if valueDecoders[h.typeName()] == nil {
		return unread, unsupportedType(raw.Descr.Type)
	}
	for _, n := range h.shape {
		if n < 0 || (n > 0 && h.count > maxElements/n) {
			return header{}, fmt.Errorf("claims the impossible shape %v; its header is damaged, so write it again",
				h.shape)
		}
		h.count *= n
	}
	return h, nil
}

// headerBytes returns the bytes of the file up to the first value. It refuses a header longer than
// maxHeader before reading it.
func headerBytes(r io.Reader) ([]byte, error) {
	start := make([]byte, 8, 256)
	if _, err := io.ReadFull(r, start); err != nil || !bytes.HasPrefix(start, npy.Magic[:]) {
		return nil, errNotNumPy
	}
	width := 2
	if start[6] >= 2 {
		width = 4
	}
	length := make([]byte, 4)
	if _, err := io.ReadFull(r, length[:width]); err != nil {
		return nil, errTruncated
	}
	n := binary.LittleEndian.Uint32(length)
	if n > maxHeader {
		return nil, fmt.Errorf("claims a header of %d bytes; it is damaged, so write it again", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, errTruncated
	}
	if start[6] == 3 {
		start[6] = 2 // the header is UTF-8, which only the field names of records need
	}
	return append(append(start, length[:width]...), text...), nil
}

// npyioHeader parses the header with npyio, whose parser panics on a damaged dictionary. The values
// are not read with npyio: its Read for slices ignores Fortran order, short reads and the end of
// the file, and supports neither float16 nor long double.
func npyioHeader(text []byte) (h npy.Header, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("has a damaged header; write it again with numpy.save")
		}
	}()
	r, err := npy.NewReader(bytes.NewReader(text))
	if err != nil {
		return h, fmt.Errorf("has a header that cannot be read (%s); write it again with numpy.save",
			shortened(strings.TrimPrefix(err.Error(), "npy: ")))
	}
	return r.Header, nil
}

func (h header) typeName() string { return string(h.kind) + strconv.Itoa(h.size) }

// describe returns shape and element type for messages, such as "(300, 4, 2) float64".
func (h header) describe() string {
	names := map[byte]string{'f': "float", 'i': "int", 'u': "uint", 'b': "bool"}
	name, bits := names[h.kind], strconv.Itoa(8*h.size)
	if h.kind == 'b' {
		bits = ""
	}
	return shapeText(h.shape) + " " + name + bits
}

// readNpy reads one array and adds the bytes of its values to sum. size is the number of bytes that
// r claims to hold. Memory grows only with the bytes that are read, so that a false claim costs
// nothing.
func readNpy(r io.Reader, size int64, name string, sum hash.Hash) (Array, error) {
	v, err := newNpyValues(r, size, sum)
	if err != nil {
		return Array{}, err
	}
	a := Array{Name: name, Shape: v.shape}
	for first := true; first || v.left > 0; first = false {
		if err := v.next(&a, pieceSize/v.size); err != nil {
			return Array{}, err
		}
	}
	if err := v.end(); err != nil {
		return Array{}, err
	}
	if v.fortran && len(v.shape) > 1 {
		a.toRowMajor()
	}
	return a, nil
}

// npyValues reads the values of an .npy piece by piece, and adds their bytes to a sum.
type npyValues struct {
	header
	r    io.Reader
	sum  hash.Hash
	left int // values that are still to come
	buf  []byte
}

// newNpyValues reads the header. size is the number of bytes that r claims to hold.
func newNpyValues(r io.Reader, size int64, sum hash.Hash) (*npyValues, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	if int64(h.count)*int64(h.size) > size {
		return nil, errTruncated
	}
	return &npyValues{header: h, r: r, sum: sum, left: h.count}, nil
}

// next appends the next n values to a, or all that are left.
func (v *npyValues) next(a *Array, n int) error {
	n = min(n, v.left)
	v.buf = slices.Grow(v.buf[:0], n*v.size)[:n*v.size]
	switch _, err := io.ReadFull(v.r, v.buf); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errTruncated
	case err != nil:
		return fmt.Errorf("cannot be read (%w); it is damaged, so copy or write it again", err)
	}
	v.sum.Write(v.buf)
	left := v.left
	v.left -= n
	return valueDecoders[v.typeName()](a, v.buf, v.order, left)
}

// end returns an error if anything follows the last value.
func (v *npyValues) end() error {
	if n, _ := v.r.Read(make([]byte, 1)); n > 0 {
		return errMore
	}
	return nil
}

// pieceSize is the number of bytes that are read or written at a time.
const pieceSize = 1 << 16

// toRowMajor reorders values in which the first index varies fastest (Fortran order).
func (a *Array) toRowMajor() {
	a.F32 = rowMajor(a.F32, a.Shape)
	a.F64 = rowMajor(a.F64, a.Shape)
	a.I64 = rowMajor(a.I64, a.Shape)
	a.U8 = rowMajor(a.U8, a.Shape)
}

// rowMajor returns values in Fortran order as values in C order.
func rowMajor[T any](in []T, shape []int) []T {
	if len(in) == 0 {
		return in
	}
	strides := make([]int, len(shape))
	step := 1
	for k, n := range shape {
		strides[k] = step
		step *= n
	}
	out := make([]T, len(in))
	index, from := make([]int, len(shape)), 0
	for i := range out {
		out[i] = in[from]
		for k := len(shape) - 1; k >= 0; k-- {
			index[k]++
			from += strides[k]
			if index[k] < shape[k] {
				break
			}
			from -= index[k] * strides[k]
			index[k] = 0
		}
	}
	return out
}

// writeNpy writes the array as an .npy file of version 1.0, little-endian, in C order. Its values
// are aligned to 64 bytes, as NumPy's are. npyio cannot write more than two dimensions.
func writeNpy(w io.Writer, a Array) error {
	if _, err := w.Write(appendHeader(nil, a.descr(), a.Shape)); err != nil {
		return err
	}
	return a.eachPiece(func(data []byte) error {
		_, err := w.Write(data)
		return err
	})
}

func appendHeader(buf []byte, descr string, shape []int) []byte {
	start := len(buf)
	buf = append(buf, npy.Magic[:]...)
	buf = append(buf, 1, 0, 0, 0)
	buf = fmt.Appendf(buf, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shapeText(shape))
	for (len(buf)-start+1)%64 != 0 {
		buf = append(buf, ' ')
	}
	buf = append(buf, '\n')
	binary.LittleEndian.PutUint16(buf[start+8:], uint16(len(buf)-start-10))
	return buf
}

// eachPiece calls do with the bytes of the values, piece by piece.
func (a Array) eachPiece(do func(data []byte) error) error {
	buf := make([]byte, 0, pieceSize)
	switch {
	case a.F32 != nil:
		return piecewise(buf, a.F32, do)
	case a.F64 != nil:
		return piecewise(buf, a.F64, do)
	case a.I64 != nil:
		return piecewise(buf, a.I64, do)
	}
	return piecewise(buf, a.U8, do)
}

func piecewise[T float32 | float64 | int64 | byte](buf []byte, values []T, do func(data []byte) error) error {
	for part := range slices.Chunk(values, pieceSize/8) {
		data, err := binary.Append(buf[:0], binary.LittleEndian, part)
		if err != nil {
			return err
		}
		if err := do(data); err != nil {
			return err
		}
	}
	return nil
}

// descr returns NumPy's name of the element type.
func (a Array) descr() string {
	switch {
	case a.F32 != nil:
		return "<f4"
	case a.I64 != nil:
		return "<i8"
	case a.U8 != nil:
		return "|u1"
	}
	return "<f8"
}

// shapeText formats a shape as Python does: (3,), (3, 4, 2).
func shapeText(shape []int) string {
	text := strings.Builder{}
	text.WriteByte('(')
	for k, n := range shape {
		if k > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(strconv.Itoa(n))
		if k < len(shape)-1 || k == 0 {
			text.WriteByte(',')
		}
	}
	text.WriteByte(')')
	return text.String()
}
