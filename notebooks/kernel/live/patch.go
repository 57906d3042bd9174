package live

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// register is the function of Go's runtime by which a plugin announces its module. The linker calls
// it in each plugin, and leaves its place empty if the runtime is not in the plugin.
const register = "runtime.addmoduledata"

// lastModule is the variable of the host's runtime that register changes.
const lastModule = "runtime.lastmoduledatap"

// spare is a symbol that the C compiler's start code names in each library and Go never uses. Its
// slot is given to lastModule.
const spare = "_ITM_registerTMCloneTable"

// useHost makes a plugin that was linked against a stub fit the host: names get back the form that
// they have in the host, and the empty function register gets its code. next is the place of the
// field next in runtime.moduledata.
func useHost(plugin string, next uint32) error {
	f, err := elf.Open(plugin)
	if err != nil {
		return err
	}
	defer f.Close()
	section := f.Section(".dynstr")
	if section == nil {
		return errors.New("the plugin has no names")
	}
	names, err := section.Data()
	if err != nil {
		return err
	}
	p, err := registration(f, next)
	if err != nil {
		return err
	}
	for name, other := range map[string]string{hashSymbol: knownSymbol, spare: lastModule} {
		i := bytes.Index(names, []byte("\x00"+name+"\x00"))
		if i < 0 {
			return fmt.Errorf("the plugin does not name %s", name)
		}
		copy(names[i+1:], other+"\x00")
	}
	marked := []byte(internalSuffix + "\x00")
	for i := bytes.Index(names, marked); i >= 0; i = bytes.Index(names, marked) {
		names[i] = 0
	}
	file, err := os.OpenFile(plugin, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(names, int64(section.Offset))
	if err == nil {
		_, err = file.WriteAt(p.code, p.at)
	}
	if err == nil {
		// A later plugin would otherwise take this plugin's function for its own.
		_, err = file.WriteAt([]byte{elf.ST_INFO(elf.STB_LOCAL, elf.STT_FUNC)}, p.symbol)
	}
	return errors.Join(err, file.Close())
}

// patch is what registration puts into a plugin's file: the code of register at a place, and at
// another place the kind of its symbol.
type patch struct {
	at     int64
	code   []byte
	symbol int64
}

// registration returns the code of register, and where it belongs. It is what runtime/asm_amd64.s
// says: lastmoduledatap.next = DI; lastmoduledatap = DI.
func registration(f *elf.File, next uint32) (*patch, error) {
	all, err := f.DynamicSymbols()
	if err != nil {
		return nil, err
	}
	var from uint64
	own, number := 0, 0 // the symbol of number 0 is not listed
	for i, s := range all {
		switch {
		case s.Name == register && s.Section != elf.SHN_UNDEF:
			from, own = s.Value, i+1
		case s.Name == spare:
			number = i + 1
		}
	}
	slot, err := slotOf(f, number)
	text, table := f.Section(".text"), f.Section(".dynsym")
	if err != nil || from == 0 || slot == 0 || text == nil || table == nil || from < text.Addr {
		return nil, errors.Join(err, errors.New("the plugin is not as expected"))
	}
	const first = 7 // bytes of MOVQ slot(IP), AX
	code := binary.LittleEndian.AppendUint32([]byte{0x48, 0x8b, 0x05}, uint32(slot-from-first))
	code = append(code, 0x48, 0x8b, 0x08)                                         // MOVQ (AX), CX
	code = binary.LittleEndian.AppendUint32(append(code, 0x48, 0x89, 0xb9), next) // MOVQ DI, next(CX)
	code = append(code, 0x48, 0x89, 0x38, 0xc3)                                   // MOVQ DI, (AX); RET
	free := make([]byte, len(code))
	if _, err := text.ReadAt(free, int64(from-text.Addr)); err != nil || len(bytes.Trim(free, "\xcc")) > 0 {
		return nil, errors.New("the plugin has no room for the runtime's function")
	}
	const kindAt = 4 // in a symbol
	return &patch{
		at: int64(text.Offset + from - text.Addr), code: code,
		symbol: int64(table.Offset) + int64(own)*elf.Sym64Size + kindAt,
	}, nil
}

// slotOf returns the address at which the dynamic linker puts the address of a symbol.
func slotOf(f *elf.File, number int) (slot uint64, err error) {
	s := f.Section(".rela.dyn")
	if s == nil {
		return 0, errors.New("the plugin has no relocations")
	}
	data, err := s.Data()
	const entry = 24 // offset, info, addend
	for ; len(data) >= entry; data = data[entry:] {
		info := binary.LittleEndian.Uint64(data[8:])
		if number > 0 && int(info>>32) == number && elf.R_X86_64(uint32(info)) == elf.R_X86_64_GLOB_DAT {
			slot = binary.LittleEndian.Uint64(data)
		}
	}
	return slot, err
}
