package campaign

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// rows is a file to which the samples of a job are appended, block by block, as they are drawn. A
// process that is killed leaves all blocks that it has written. The numbers stay float64.
//
// The file begins with rowsMagic and a line of JSON with the job. In a block, the number of samples
// and the CRC-32 of each column stand before the columns, as uint32 and float64, little-endian.
type rows struct {
	f      *os.File
	names  []string // of the columns
	widths []int    // values of a sample in each column
	blocks []rowBlock
	n      int
	end    int64
	// single is set while every coordinate is a float32 exactly.
	single bool
}

// rowBlock is one block of a file.
type rowBlock struct {
	at    int64 // offset of its first column
	count int
	sums  []uint32 // CRC-32 of the columns
}

// rowsHead is the line of JSON at the beginning of a file.
type rowsHead struct {
	Job
	Coordinates int `json:"coordinates"` // of a sample
}

const rowsMagic = "eqflow kept samples 1\n"

// mostInBlock bounds the samples of a block of a file that may be damaged.
const mostInBlock = 1 << 24

// rowsOf are no samples of a job, with a number of coordinates each.
func rowsOf(j Job, coordinates int) *rows {
	r := &rows{names: j.columns(), single: true}
	for _, name := range r.names {
		width := 1
		if name == "x" {
			width = coordinates
		}
		r.widths = append(r.widths, width)
	}
	return r
}

// newRows makes the file for the samples of a job. Samples of an earlier file may go first.
func newRows(path string, j Job, n, d int, earlier *rows) (*rows, error) {
	r := rowsOf(j, n*d)
	head, err := json.Marshal(rowsHead{j, n * d})
	if err != nil {
		return nil, err
	}
	head = append(append([]byte(rowsMagic), head...), '\n')
	r.f, err = atomic.Open(path, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil || earlier == nil {
			return err
		}
		from := io.NewSectionReader(earlier.f, earlier.start(), earlier.end-earlier.start())
		_, err := io.Copy(w, from)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("eqflow: cannot keep the samples in %s: %w; check space and permissions", path, err)
	}
	r.end = int64(len(head))
	if earlier != nil {
		shift := r.end - earlier.start()
		for _, b := range earlier.blocks {
			b.at += shift
			r.blocks = append(r.blocks, b)
		}
		r.n, r.end, r.single = earlier.n, earlier.end+shift, earlier.single
	}
	return r, nil
}

// start is where the first block begins.
func (r *rows) start() int64 {
	if len(r.blocks) == 0 {
		return r.end
	}
	return r.blocks[0].at - r.headSize()
}

// headSize is the number of bytes before the columns of a block.
func (r *rows) headSize() int64 { return int64(4 + 4*len(r.names)) }

// openRows opens the samples that a file keeps for a job, up to the first damage. It returns nil
// for another kind of file, and the job of the file.
func openRows(path string) (r *rows, j Job, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, j, err
	}
	in := bufio.NewReaderSize(f, 1<<16)
	magic, line := make([]byte, len(rowsMagic)), []byte(nil)
	if _, err = io.ReadFull(in, magic); err == nil && string(magic) == rowsMagic {
		line, err = readLine(in)
	}
	var head rowsHead
	if err != nil || line == nil || json.Unmarshal(line, &head) != nil || head.Coordinates < 1 ||
		head.Coordinates > mostInBlock {
		return nil, j, f.Close()
	}
	j = head.Job
	r = rowsOf(j, head.Coordinates)
	r.f, r.end = f, int64(len(magic)+len(line))
	for r.take(in) {
	}
	return r, j, nil
}

// readLine reads a line of JSON, which is short.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	return bytes.Clone(line), err
}

// take adds the next block of a file. It returns false at the end of the file, and at a block that
// is cut or damaged.
func (r *rows) take(in io.Reader) bool {
	head := make([]byte, r.headSize())
	if _, err := io.ReadFull(in, head); err != nil {
		return false
	}
	b := rowBlock{at: r.end + r.headSize(), count: int(binary.LittleEndian.Uint32(head))}
	if b.count < 1 || b.count > mostInBlock {
		return false
	}
	single, size := r.single, int64(0)
	for k, width := range r.widths {
		sum := binary.LittleEndian.Uint32(head[4+4*k:])
		data, err := io.ReadAll(io.LimitReader(in, int64(8*width*b.count)))
		if err != nil || len(data) != 8*width*b.count || crc32.ChecksumIEEE(data) != sum {
			return false
		}
		if r.names[k] == "x" {
			single = single && allSingle(decodeFloats(nil, data))
		}
		b.sums, size = append(b.sums, sum), size+int64(len(data))
	}
	r.blocks = append(r.blocks, b)
	r.n, r.end, r.single = r.n+b.count, b.at+size, single
	return true
}

// append writes a block of samples.
func (r *rows) append(s density.Samples) error {
	b, columns := rowBlock{at: r.end + r.headSize(), count: s.X.Len()}, numbers(&s)
	head, data := binary.LittleEndian.AppendUint32(nil, uint32(b.count)), []byte(nil)
	for k, name := range r.names {
		values := *columns[name]
		if len(values) != r.widths[k]*b.count {
			return fmt.Errorf("eqflow: a block of %d samples has %d numbers %s", b.count, len(values), name)
		}
		start := len(data)
		data, _ = binary.Append(data, binary.LittleEndian, values)
		b.sums = append(b.sums, crc32.ChecksumIEEE(data[start:]))
		head = binary.LittleEndian.AppendUint32(head, b.sums[k])
	}
	if _, err := r.f.WriteAt(append(head, data...), r.end); err != nil {
		return fmt.Errorf("eqflow: cannot keep the samples: %w; check the space on the disk", err)
	}
	r.single = r.single && allSingle(s.X.X)
	r.blocks = append(r.blocks, b)
	r.n, r.end = r.n+b.count, b.at+int64(len(data))
	return nil
}

// allSingle reports whether every value is a float32 exactly.
func allSingle(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return float64(float32(v)) != v })
}

var errRows = errors.New("eqflow: the kept samples changed on the disk while they were in use; run the command again")

// read calls do with the named columns of every block. do must not keep them.
func (r *rows) read(do func(columns [][]float64) error, names ...string) error {
	columns, data := make([][]float64, len(names)), []byte(nil)
	for _, b := range r.blocks {
		for i, name := range names {
			k, at := slices.Index(r.names, name), b.at
			if k < 0 {
				return fmt.Errorf("eqflow: the samples have no numbers %q", name)
			}
			for _, width := range r.widths[:k] {
				at += int64(8 * width * b.count)
			}
			size := 8 * r.widths[k] * b.count
			data = slices.Grow(data[:0], size)[:size]
			if _, err := r.f.ReadAt(data, at); err != nil {
				return fmt.Errorf("eqflow: cannot read the kept samples: %w", err)
			}
			if crc32.ChecksumIEEE(data) != b.sums[k] {
				return errRows
			}
			columns[i] = decodeFloats(columns[i][:0], data)
		}
		if err := do(columns); err != nil {
			return err
		}
	}
	return nil
}

// decodeFloats appends the float64 numbers in data to out.
func decodeFloats(out []float64, data []byte) []float64 {
	start, n := len(out), len(data)/8
	out = slices.Grow(out, n)[:start+n]
	_, _ = binary.Decode(data, binary.LittleEndian, out[start:]) // which fails for short data alone
	return out
}

// samples reads all samples into memory.
func (r *rows) samples(n, d int) (density.Samples, error) {
	s := density.Samples{X: particle.NewBatch(0, n, d)}
	into := numbers(&s)
	err := r.read(func(columns [][]float64) error {
		for k, name := range r.names {
			*into[name] = append(*into[name], columns[k]...)
		}
		return nil
	}, r.names...)
	return s, err
}
