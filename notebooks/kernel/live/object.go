package live

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// This file reads what a compiled cell needs from elsewhere, in the format of cmd/internal/goobj.

// objectMagic begins an object file of the format that this file reads. A Go with another format
// links cells in the slower way.
const objectMagic = "\x00go120ld"

// The blocks of an object file with references by name, and the size of a symbol there.
const (
	referenceBlock = 7 // NonPkgRefs
	packageBlock   = 1 // PkgIndex
	symbolSize     = 21
	headerSize     = len(objectMagic) + 8 + 4
)

// reference is a symbol that a compiled cell uses and does not define.
type reference struct {
	name     string
	internal bool // of Go's internal calling convention, if it is a function
}

var errObject = errors.New("the object file has another format")

// references lists the symbols that an archive of one object uses and does not define.
func references(archive []byte) ([]reference, error) {
	start := bytes.Index(archive, []byte(objectMagic))
	if start < 0 {
		return nil, errObject
	}
	object := archive[start:]
	word := func(at int) int {
		if at < 0 || at+4 > len(object) {
			return -1
		}
		return int(binary.LittleEndian.Uint32(object[at:]))
	}
	block := func(i int) (from, to int) { return word(headerSize + 4*i), word(headerSize + 4*(i+1)) }
	if from, to := block(packageBlock); to-from > 8 {
		return nil, errObject // references by number: the packages were compiled in another way
	}
	from, to := block(referenceBlock)
	if from < 0 || to < from || to > len(object) || (to-from)%symbolSize != 0 {
		return nil, errObject
	}
	var all []reference
	for at := from; at < to; at += symbolSize {
		length, offset := word(at), word(at+4)
		if length < 0 || offset < 0 || offset+length > len(object) {
			return nil, errObject
		}
		abi := binary.LittleEndian.Uint16(object[at+8:])
		all = append(all, reference{string(object[offset : offset+length]), abi == 1})
	}
	return all, nil
}
