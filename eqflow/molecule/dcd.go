package molecule

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// ReadDCD reads the configurations of n atoms from a DCD trajectory, as OpenMM, CHARMM and NAMD
// write it, converted from angstrom to nm. A unit cell in the file is not read: the energies here
// have no box.
func ReadDCD(path string, n int) (particle.Batch, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return particle.Batch{}, inputErrorf("%w; give a DCD trajectory", err)
	}
	x, err := parseDCD(data, n)
	if err != nil {
		return particle.Batch{}, inputErrorf("%s: %w", path, err)
	}
	return x, nil
}

// The first record of a DCD file: the word CORD and twenty integers, of which these say what
// follows.
const (
	dcdHeader  = 84
	dcdFixed   = 4 + 4*8  // the number of atoms that do not move
	dcdCell    = 4 + 4*10 // whether each frame has a unit cell
	dcdFourth  = 4 + 4*11 // whether each frame has a fourth dimension
	dcdVersion = 4 + 4*19 // 0 in the files of X-PLOR, which lay out the rest in another way
)

var errCut = errors.New("the trajectory is cut short or damaged; copy the file again")

// dcdReader takes Fortran records from a file: each has its length before and after it.
type dcdReader struct {
	data  *bytes.Reader
	order binary.ByteOrder
}

func parseDCD(data []byte, n int) (particle.Batch, error) {
	r := &dcdReader{data: bytes.NewReader(data), order: binary.LittleEndian}
	if len(data) < 8 || string(data[4:8]) != "CORD" {
		return particle.Batch{}, errors.New("it does not begin as a DCD trajectory; is it one?")
	}
	if r.order.Uint32(data) != dcdHeader {
		r.order = binary.BigEndian
	}
	header, err := r.record(dcdHeader)
	if err != nil {
		return particle.Batch{}, err
	}
	flag := func(at int) bool { return r.order.Uint32(header[at:]) != 0 }
	switch {
	case flag(dcdFixed):
		return particle.Batch{}, errors.New("it leaves out atoms that do not move; write all atoms in each frame")
	case flag(dcdFourth):
		return particle.Batch{}, errors.New("it has a fourth dimension; write three")
	case !flag(dcdVersion):
		return particle.Batch{}, errors.New("it has X-PLOR's layout; write CHARMM's")
	}
	if _, err := r.record(-1); err != nil { // the title
		return particle.Batch{}, err
	}
	count, err := r.record(4)
	if err != nil {
		return particle.Batch{}, err
	}
	if atoms := int(r.order.Uint32(count)); atoms != n {
		return particle.Batch{}, fmt.Errorf("it has %d atoms and the system %d; give a trajectory of this system",
			atoms, n)
	}
	return r.frames(n, flag(dcdCell))
}

// frames reads the frames to the end of the file.
func (r *dcdReader) frames(n int, cell bool) (particle.Batch, error) {
	out := particle.Batch{N: n, D: 3}
	for r.data.Len() > 0 {
		if cell {
			if _, err := r.record(48); err != nil {
				return out, err
			}
		}
		if r.data.Len() < 12*n { // before the memory for a frame is taken
			return out, errCut
		}
		frame := make([]float64, 3*n)
		for axis := range 3 {
			values, err := r.record(4 * n)
			if err != nil {
				return out, err
			}
			for i := range n {
				frame[3*i+axis] = perAngstrom * float64(math.Float32frombits(r.order.Uint32(values[4*i:])))
			}
		}
		out.X = append(out.X, frame...)
	}
	if out.Len() == 0 {
		return out, errors.New("it has no frame; give a trajectory with at least one")
	}
	if err := out.Validate(); err != nil {
		return out, err
	}
	return out, nil
}

// record returns the contents of the next record, which must have the given length unless that is
// negative.
func (r *dcdReader) record(length int) ([]byte, error) {
	var before, after [4]byte
	if _, err := io.ReadFull(r.data, before[:]); err != nil {
		return nil, errCut
	}
	size := int(r.order.Uint32(before[:]))
	if length >= 0 && size != length || size > r.data.Len() {
		return nil, errCut
	}
	contents := make([]byte, size)
	if _, err := io.ReadFull(r.data, contents); err != nil {
		return nil, errCut
	}
	if _, err := io.ReadFull(r.data, after[:]); err != nil || after != before {
		return nil, errCut
	}
	return contents, nil
}
