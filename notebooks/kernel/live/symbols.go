package live

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// symbol is a symbol that a running module offers to the modules which are loaded after it.
type symbol struct {
	value, size uint64
	function    bool
	data        []byte // of a type's descriptor
	mask        []byte // which words of the type are pointers
}

// symbols are what the host and the cells in it offer, by name.
type symbols map[string]symbol

// offer is what several modules offer, the first first.
type offer []symbols

func (o offer) find(name string) (symbol, bool) {
	for _, s := range o {
		if found, ok := s[name]; ok {
			return found, true
		}
	}
	return symbol{}, false
}

// The places in the descriptor of a type: internal/abi.Type.
const (
	pointerBytesAt = 8
	maskAt         = 32
	descriptorSize = 48
)

// add reads the symbols of a module that keep holds for.
func (s symbols) add(file string, keep func(name string) bool) error {
	f, err := elf.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := f.DynamicSymbols()
	if err != nil {
		return err
	}
	pointers, err := relocated(f)
	if err != nil {
		return err
	}
	image := &image{f, map[*elf.Section][]byte{}}
	for _, e := range all {
		kind := elf.ST_TYPE(e.Info)
		if e.Section == elf.SHN_UNDEF || kind != elf.STT_FUNC && kind != elf.STT_OBJECT || !keep(e.Name) {
			continue
		}
		d := symbol{value: e.Value, size: e.Size, function: kind == elf.STT_FUNC}
		if strings.HasPrefix(e.Name, "type:") && !d.function && e.Size >= descriptorSize {
			d.data = image.read(e.Value, e.Size)
			if d.data != nil {
				bits := binary.LittleEndian.Uint64(d.data[pointerBytesAt:]) / 8
				d.mask = image.read(pointers[e.Value+maskAt], (bits+7)/8)
			}
		}
		if e.Name == knownBytes {
			d.data = image.read(e.Value, e.Size)
		}
		s[e.Name] = d
	}
	return nil
}

// image reads the bytes of a module by address.
type image struct {
	*elf.File
	sections map[*elf.Section][]byte
}

func (i *image) read(address, size uint64) []byte {
	for _, s := range i.Sections {
		if s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_ALLOC == 0 ||
			address < s.Addr || address+size > s.Addr+s.Size {
			continue
		}
		if i.sections[s] == nil {
			data, err := s.Data()
			if err != nil {
				return nil
			}
			i.sections[s] = data
		}
		return slices.Clone(i.sections[s][address-s.Addr : address-s.Addr+size])
	}
	return nil
}

// relocated returns where the pointers of a module point to, by their address.
func relocated(f *elf.File) (map[uint64]uint64, error) {
	const entry = 24 // offset, info, addend
	pointers := map[uint64]uint64{}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA {
			continue
		}
		data, err := s.Data()
		if err != nil {
			return nil, fmt.Errorf("relocations: %w", err)
		}
		for ; len(data) >= entry; data = data[entry:] {
			if addend := binary.LittleEndian.Uint64(data[16:]); addend != 0 {
				pointers[binary.LittleEndian.Uint64(data)] = addend
			}
		}
	}
	return pointers, nil
}
