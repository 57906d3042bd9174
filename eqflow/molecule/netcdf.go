package molecule

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// A netCDF is the header of a NetCDF file in the classic format, of version 1 or 2
// (https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html), as Amber writes
// its binary restarts and trajectories (https://ambermd.org/netcdf/nctraj.xhtml).
type netCDF struct {
	data      []byte
	at        int
	wide      bool // offsets of 64 bits
	err       error
	records   int
	dims      []netCDFDim
	variables []netCDFVariable
}

type netCDFDim struct {
	name string
	size int // 0 for records
}

type netCDFVariable struct {
	name        string
	dims        []int
	kind, begin int
	size        int // of one record, or of all
	units       string
	scaled      bool
}

// netCDFSizes are the sizes of the types, by their numbers.
var netCDFSizes = []int{0, 1, 1, 2, 4, 4, 8}

const netCDFFloat, netCDFDouble = 5, 6

var errNetCDFShort = errors.New("the NetCDF file is cut short or damaged; copy it again")

// take returns the next count bytes.
func (n *netCDF) take(count int) []byte {
	if n.err != nil || count < 0 || count > len(n.data)-n.at {
		n.err = errNetCDFShort
		return nil
	}
	n.at += count
	return n.data[n.at-count : n.at]
}

// number returns the next whole number of 32 bits.
func (n *netCDF) number() int {
	if b := n.take(4); b != nil {
		return int(binary.BigEndian.Uint32(b))
	}
	return 0
}

// text returns the next name, which is padded to four bytes.
func (n *netCDF) text() string {
	length := n.number()
	return string(n.padded(length))
}

func (n *netCDF) padded(length int) []byte {
	if b := n.take((length + 3) &^ 3); b != nil {
		return b[:length]
	}
	return nil
}

// list reads the tag and the length of a list, and calls item for each element.
func (n *netCDF) list(item func()) {
	n.number()
	for count := n.number(); count > 0 && n.err == nil; count-- {
		item()
	}
}

// attributes calls use for each attribute.
func (n *netCDF) attributes(use func(name string, value []byte)) {
	n.list(func() {
		name, kind, count := n.text(), n.number(), n.number()
		if kind < 1 || kind >= len(netCDFSizes) || count > len(n.data) {
			n.err = errNetCDFShort
			return
		}
		use(name, n.padded(count*netCDFSizes[kind]))
	})
}

// variable reads the description of a variable.
func (n *netCDF) variable() {
	v := netCDFVariable{name: n.text()}
	for count := n.number(); count > 0 && n.err == nil; count-- {
		v.dims = append(v.dims, n.number())
	}
	n.attributes(func(name string, value []byte) {
		switch name {
		case "units":
			v.units = string(bytes.TrimRight(value, "\x00 "))
		case "scale_factor", "add_offset":
			v.scaled = true
		}
	})
	v.kind, v.size, v.begin = n.number(), n.number(), n.number()
	if n.wide {
		v.begin = v.begin<<32 | n.number()
	}
	n.variables = append(n.variables, v)
}

// header reads the header of a file.
func (n *netCDF) header() error {
	if len(n.data) < 4 || n.data[3] != 1 && n.data[3] != 2 {
		return errors.New("the NetCDF file is not of the classic format; convert it with nccopy -k classic, or write " +
			"it as text with cpptraj")
	}
	n.wide, n.at = n.data[3] == 2, 4
	n.records = n.number()
	n.list(func() { n.dims = append(n.dims, netCDFDim{n.text(), n.number()}) })
	n.attributes(func(string, []byte) {})
	n.list(n.variable)
	return n.err
}

// coordinates returns the coordinates [frames, atoms, 3], converted from angstrom to nm.
func (n *netCDF) coordinates(atoms int) (particle.Batch, error) {
	var none particle.Batch
	stride, found := 0, -1
	for k, v := range n.variables {
		for c, d := range v.dims {
			if d >= len(n.dims) || n.dims[d].size == 0 && c > 0 {
				return none, errNetCDFShort
			}
		}
		if len(v.dims) > 0 && n.dims[v.dims[0]].size == 0 {
			stride += v.size
		}
		if v.name == "coordinates" {
			found = k
		}
	}
	if found < 0 {
		return none, errors.New("the NetCDF file has no coordinates; give an Amber restart or trajectory")
	}
	v := n.variables[found]
	frames, shape := 1, v.dims
	if len(shape) == 3 && n.dims[shape[0]].size == 0 {
		frames, shape = n.records, shape[1:]
	}
	switch {
	case len(shape) != 2 || n.dims[shape[1]].size != 3 || v.kind != netCDFFloat && v.kind != netCDFDouble:
		return none, errors.New("the coordinates of the NetCDF file are not those of atoms in three dimensions; give " +
			"an Amber restart or trajectory")
	case n.dims[shape[0]].size != atoms:
		return none, fmt.Errorf("the file has %d atoms and the system %d; give the coordinates of this system",
			n.dims[shape[0]].size, atoms)
	case v.units != "" && v.units != "angstrom" || v.scaled:
		return none, fmt.Errorf("the coordinates of the NetCDF file are scaled, or in %q, not in angstrom; write them "+
			"again with Amber's programs", v.units)
	case frames < 1 || frames > len(n.data):
		return none, errors.New("the NetCDF file has no frames, or was not closed; write it again")
	}
	return n.read(v, frames, stride, atoms)
}

// read returns the frames of a variable.
func (n *netCDF) read(v netCDFVariable, frames, stride, atoms int) (particle.Batch, error) {
	size := netCDFSizes[v.kind]
	width := 3 * atoms * size
	last := v.begin + (frames-1)*stride
	if v.begin < 0 || last < 0 || last > len(n.data)-width || frames > 1 && stride < width {
		return particle.Batch{}, errNetCDFShort
	}
	x := particle.NewBatch(frames, atoms, 3)
	for m := range frames {
		frame := n.data[v.begin+m*stride:][:width]
		for k := range x.At(m) {
			value := 0.0
			if v.kind == netCDFFloat {
				value = float64(math.Float32frombits(binary.BigEndian.Uint32(frame[size*k:])))
			} else {
				value = math.Float64frombits(binary.BigEndian.Uint64(frame[size*k:]))
			}
			if math.IsNaN(value) || math.Abs(value) > farthest {
				return particle.Batch{}, fmt.Errorf("coordinate %d of frame %d is %g, no coordinate in angstrom; "+
					"copy the "+
					"file again", k, m, value)
			}
			x.At(m)[k] = value * perAngstrom
		}
	}
	return x, nil
}

// parseNetCDF reads the coordinates of an Amber restart or trajectory.
func parseNetCDF(data []byte, atoms int) (particle.Batch, error) {
	n := &netCDF{data: data}
	if err := n.header(); err != nil {
		return particle.Batch{}, err
	}
	return n.coordinates(atoms)
}
