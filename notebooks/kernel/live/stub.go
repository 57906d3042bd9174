package live

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"encoding/binary"
	"os"
	"strings"
)

// A plugin that holds only its cell is linked in a fraction of the time of one that holds all
// packages. Go's linker does so against a shared library (-linkshared). This file writes such a
// library for each cell: a stub without code, which names the symbols of the host and of earlier
// cells that the cell uses. When the plugin is loaded, the dynamic linker finds the symbols
// themselves in the running host.

// stubName is the file name of a stub.
const stubName = "libhost.so"

// hashSymbol is what Go's runtime compares in a plugin with the hash of its library. There is no
// library, so that the plugin's text is changed to name another hash that the host has, of package
// runtime.
const (
	hashSymbol  = "go:link.abihash." + stubName
	knownSymbol = "go:link.pkghash.runtime"
	knownBytes  = "go:link.pkghashbytes.runtime"
)

// internalSuffix marks functions of Go's internal calling convention in a library. In a host their
// names have no mark.
const internalSuffix = ".abiinternal"

// moduleType describes runtime.moduledata, whose last field is next.
const moduleType = "type:runtime.moduledata"

// noop is a function that the linker asks for and cells do not use. A host may not have it.
const noop = "runtime.mapinitnoop"

// always are symbols that the linker itself looks for.
var always = []reference{
	{noop, true}, {hashSymbol, false}, {"runtime.unreachableMethod", true},
	{lastModule, false}, {moduleType, false},
}

// stubWriter gathers the parts of a stub.
type stubWriter struct {
	names, table, types, masks bytes.Buffer
}

// The addresses of a stub's sections.
const (
	textAddress = 0x1000
	typeAddress = 0x100000
	maskAddress = 0x8000000
)

// The sections of a stub by number.
const (
	textSection = 3
	typeSection = 4
)

// writeStub writes the library of the symbols that a cell uses.
func writeStub(file string, used []reference, offered offer, hash []byte) error {
	w := &stubWriter{}
	w.names.WriteByte(0)
	w.table.Write(make([]byte, elf.Sym64Size))
	for _, r := range append(used, always...) {
		if err := w.add(r, offered); err != nil {
			return err
		}
	}
	return os.WriteFile(file, w.file(hash), 0o600)
}

// add adds a symbol by the name that Go's linker expects in a library.
func (w *stubWriter) add(r reference, offered offer) error {
	name := linkedName(r.name)
	s, ok := offered.find(name)
	if plain, found := offered.find(name + ".abi0"); found && !r.internal {
		name, s, ok = name+".abi0", plain, true
	}
	if name == noop || name == hashSymbol {
		s.function, ok = name == noop, true
	}
	if !ok {
		return nil // the linker says so, unless it is only the name of a file
	}
	sym := elf.Sym64{
		Name: uint32(w.names.Len()), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_OBJECT), Shndx: textSection,
		Value: textAddress, Size: s.size,
	}
	if s.function {
		sym.Info = elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC)
		if r.internal && !strings.HasPrefix(name, "type:") {
			name += internalSuffix
		}
	} else if s.data != nil {
		sym.Shndx, sym.Value = typeSection, typeAddress+uint64(w.types.Len())
		data := bytes.Clone(s.data)
		binary.LittleEndian.PutUint64(data[maskAt:], maskAddress+uint64(w.masks.Len()))
		w.types.Write(data)
		w.masks.Write(append(s.mask, 0))
	}
	w.names.WriteString(name + "\x00")
	return binary.Write(&w.table, binary.LittleEndian, sym)
}

// linkedName returns the name that Go's linker gives a symbol in a file: it shortens names of
// types.
func linkedName(name string) string {
	const short = 14
	described := strings.HasPrefix(name, "type:")
	if !described && !strings.Contains(name, "@") || strings.HasPrefix(name, "type:runtime.") ||
		strings.HasPrefix(name, "go:string.") || len(name) <= short && !strings.Contains(name, "@") {
		return name
	}
	if described {
		prefix := "type:"
		if name[len(prefix)] == '.' {
			prefix = "type:."
		}
		return prefix + shortHash(name[len("type:"):])
	}
	i, j := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if j <= i {
		j = len(name)
	}
	return name[:i+1] + shortHash(name[i+1:j]) + name[j:]
}

// shortHash is cmd/internal/hash.Sum32, shortened as the linker does.
func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	sum[0] ^= 0xff
	return base64.StdEncoding.EncodeToString(sum[:6])
}

// note returns a note of Go's linker.
func note(kind uint32, text []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 4)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	b = binary.LittleEndian.AppendUint32(b, kind)
	b = append(append(b, "Go\x00\x00"...), text...)
	return append(b, make([]byte, -len(text)&3)...)
}

// The kinds of notes that Go's linker reads in a library.
const (
	hashNote         = 2
	dependenciesNote = 3
)

// part is a section of a stub.
type part struct {
	name    string
	kind    elf.SectionType
	flags   elf.SectionFlag
	address uint64
	link    uint32
	entry   uint64
	data    []byte
}

// file assembles the stub.
func (w *stubWriter) file(hash []byte) []byte {
	parts := []part{
		{".dynsym", elf.SHT_DYNSYM, elf.SHF_ALLOC, 0, 2, elf.Sym64Size, w.table.Bytes()},
		{".dynstr", elf.SHT_STRTAB, elf.SHF_ALLOC, 0, 0, 0, w.names.Bytes()},
		{".text", elf.SHT_PROGBITS, elf.SHF_ALLOC, textAddress, 0, 0, make([]byte, 16)},
		{".types", elf.SHT_PROGBITS, elf.SHF_ALLOC, typeAddress, 0, 0, w.types.Bytes()},
		{".masks", elf.SHT_PROGBITS, elf.SHF_ALLOC, maskAddress, 0, 0, w.masks.Bytes()},
		{".rela", elf.SHT_RELA, elf.SHF_ALLOC, 0, 1, 24, nil},
		{".note.hash", elf.SHT_NOTE, 0, 0, 0, 0, note(hashNote, hash)},
		{".note.deps", elf.SHT_NOTE, 0, 0, 0, 0, note(dependenciesNote, nil)},
		{".shstrtab", elf.SHT_STRTAB, 0, 0, 0, 0, nil},
	}
	headerNames := []byte{0}
	for _, p := range parts {
		headerNames = append(headerNames, p.name+"\x00"...)
	}
	parts[len(parts)-1].data = headerNames
	const fileHeader = 64
	var body, sections bytes.Buffer
	sections.Write(make([]byte, 64)) // the section of number 0
	name := uint32(1)
	for _, p := range parts {
		for body.Len()%8 != 0 {
			body.WriteByte(0)
		}
		_ = binary.Write(&sections, binary.LittleEndian, elf.Section64{
			Name: name, Type: uint32(p.kind), Flags: uint64(p.flags), Addr: p.address,
			Off: uint64(fileHeader + body.Len()), Size: uint64(len(p.data)),
			Link: p.link, Addralign: 8, Entsize: p.entry,
		})
		name += uint32(len(p.name)) + 1
		body.Write(p.data)
	}
	header := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: uint64(fileHeader + body.Len()),
		Ehsize: fileHeader, Phentsize: 56, Shentsize: 64, Shnum: uint16(len(parts) + 1), Shstrndx: uint16(len(parts)),
	}
	copy(header.Ident[:], "\x7fELF\x02\x01\x01")
	var all bytes.Buffer
	_ = binary.Write(&all, binary.LittleEndian, header)
	all.Write(body.Bytes())
	all.Write(sections.Bytes())
	return all.Bytes()
}
