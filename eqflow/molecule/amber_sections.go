package molecule

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// amberFile is the text of an Amber topology, cut into its sections. Readers take sections by their
// names, and note the first fault of the file.
type amberFile struct {
	sections map[string]*amberSection
	order    []string // of the sections
	pointers map[string]int
	err      error
	refusals []Refusal
}

// amberSection is one %FLAG with its %FORMAT and its lines. The format holds perLine fields of a
// width; its kind is 'I' for whole numbers, 'E' for numbers and 'A' for text.
type amberSection struct {
	name           string
	line           int // number of the first line of data in the file
	lines          []string
	format         string
	perLine, width int
	kind           byte
}

// widestFormat bounds the number of columns of a %FORMAT.
const widestFormat = 10_000

// splitAmber cuts the text of a topology into its sections.
func splitAmber(data []byte) (*amberFile, error) {
	f := &amberFile{sections: map[string]*amberSection{}}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return nil, fmt.Errorf("the file is not text; give an Amber topology (.prmtop, .parm7)")
	}
	var now *amberSection
	for k, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSuffix(line, "\r")
		word, rest, _ := strings.Cut(line, " ")
		switch upper := strings.ToUpper(word); {
		case strings.HasPrefix(upper, "%FLAG"):
			name := strings.ToUpper(strings.TrimSpace(line[len("%FLAG"):]))
			if f.sections[name] != nil || name == "" {
				return nil, fmt.Errorf("line %d: the section %q stands twice or has no name; copy the file "+
					"again", k+1, name)
			}
			now = &amberSection{name: name}
			f.sections[name], f.order = now, append(f.order, name)
		case strings.HasPrefix(upper, "%FORMAT") && now != nil:
			if err := now.setFormat(line[len("%FORMAT"):]); err != nil {
				return nil, fmt.Errorf("line %d: section %s: %w", k+1, now.name, err)
			}
			now.line = k + 2
		case strings.HasPrefix(upper, "%VERSION") || strings.HasPrefix(upper, "%COMMENT"):
		case now == nil && strings.TrimSpace(word+rest) != "":
			return nil, fmt.Errorf("line %d: the file does not begin with %%VERSION or %%FLAG; give a topology of "+
				"Amber 7 or later (.prmtop, .parm7), or convert an older one with ParmEd", k+1)
		case now != nil:
			now.lines = append(now.lines, line)
		}
	}
	if len(f.order) == 0 {
		return nil, fmt.Errorf("the file is empty; give an Amber topology (.prmtop, .parm7)")
	}
	return f, nil
}

// setFormat reads a %FORMAT, such as (5E16.8).
func (s *amberSection) setFormat(text string) error {
	s.format = strings.TrimSpace(text)
	bad := fmt.Errorf("%%FORMAT%s is none such as (10I8), (5E16.8) or (20a4); copy the file again", s.format)
	inner := strings.ToUpper(strings.ReplaceAll(s.format, " ", ""))
	if !strings.HasPrefix(inner, "(") || !strings.HasSuffix(inner, ")") {
		return bad
	}
	inner = inner[1 : len(inner)-1]
	at := strings.IndexAny(inner, "IEFGDA")
	if at < 0 {
		return bad
	}
	count, width, decimals := inner[:at], inner[at+1:], ""
	if s.kind = inner[at]; s.kind != 'I' && s.kind != 'A' {
		s.kind = 'E'
		width, decimals, _ = strings.Cut(width, ".")
	}
	if count == "" {
		count = "1"
	}
	var countFault, widthFault, decimalFault error
	s.perLine, countFault = strconv.Atoi(count)
	s.width, widthFault = strconv.Atoi(width)
	if decimals != "" {
		_, decimalFault = strconv.Atoi(decimals)
	}
	if countFault != nil || widthFault != nil || decimalFault != nil || s.perLine < 1 || s.width < 1 ||
		s.perLine > widestFormat || s.width > widestFormat || s.perLine*s.width > widestFormat {
		return bad
	}
	return nil
}

// failf notes the first fault of the file, in a section.
func (f *amberFile) failf(section, format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("section %s: %s", section, fmt.Sprintf(format, args...))
	}
}

// refuse notes a part of the file that the package does not compute.
func (f *amberFile) refuse(what, needs string) {
	if r := (Refusal{What: what, Needs: needs}); !slices.Contains(f.refusals, r) {
		f.refusals = append(f.refusals, r)
	}
}

// has reports whether the file has a section.
func (f *amberFile) has(name string) bool { return f.sections[name] != nil }

// section takes a section whose format must be of a kind.
func (f *amberFile) section(name string, kind byte) *amberSection {
	s := f.sections[name]
	what := map[byte]string{'I': "whole numbers", 'E': "numbers", 'A': "text"}[kind]
	switch {
	case s == nil:
		f.failf(name, "is absent; the file is cut short, or no topology of Amber 7 or later; copy it again")
		return nil
	case s.format == "":
		f.failf(name, "has no %%FORMAT; copy the file again")
		return nil
	case s.kind != kind:
		f.failf(name, "has %%FORMAT%s, which is none of %s; copy the file again", s.format, what)
		return nil
	}
	return s
}

// fields returns the fields of a section of numbers, which are flush right.
func (f *amberFile) fields(s *amberSection) (fields []string, lines []int) {
	for k, line := range s.lines {
		text := strings.TrimRight(line, " ")
		switch {
		case strings.ContainsRune(text, '\t'):
			f.failf(s.name, "line %d holds a tab, and %%FORMAT%s columns; copy the file again", s.line+k, s.format)
			return nil, nil
		case len(text) > s.perLine*s.width:
			f.failf(s.name, "line %d has %d columns, and %%FORMAT%s %d; copy the file again",
				s.line+k, len(text), s.format, s.perLine*s.width)
			return nil, nil
		case len(text)%s.width != 0:
			f.failf(s.name, "line %d ends within a field of %%FORMAT%s; the file is cut short or its columns are "+
				"shifted; copy it again", s.line+k, s.format)
			return nil, nil
		}
		for at := 0; at < len(text); at += s.width {
			fields, lines = append(fields, strings.TrimSpace(text[at:at+s.width])), append(lines, s.line+k)
		}
	}
	return fields, lines
}

// counted reports whether a section has the right number of values.
func (f *amberFile) counted(name string, got, want int) bool {
	if got != want {
		f.failf(name, "holds %d values, and %d belong there by POINTERS; the file is cut short or edited; copy it "+
			"again",
			got, want)
	}
	return got == want
}

// ints takes a section of whole numbers; a negative count stands for any. Like floats and texts it
// returns nil after a fault.
func (f *amberFile) ints(name string, count int) []int {
	s := f.section(name, 'I')
	if s == nil {
		return nil
	}
	fields, lines := f.fields(s)
	if count >= 0 && !f.counted(name, len(fields), count) {
		return nil
	}
	values := make([]int, len(fields))
	for k, text := range fields {
		v, err := strconv.Atoi(text)
		if err != nil || v > math.MaxInt32 || v < -math.MaxInt32 {
			f.failf(name, "line %d: %q is no whole number; copy the file again", lines[k], text)
			return nil
		}
		values[k] = v
	}
	return values
}

// floats takes a section of numbers.
func (f *amberFile) floats(name string, count int) []float64 {
	s := f.section(name, 'E')
	if s == nil {
		return nil
	}
	fields, lines := f.fields(s)
	if !f.counted(name, len(fields), count) {
		return nil
	}
	values := make([]float64, len(fields))
	for k, text := range fields {
		v, err := fortranFloat(text)
		if err != nil {
			f.failf(name, "line %d: %q %s; copy the file again", lines[k], text, err)
			return nil
		}
		values[k] = v
	}
	return values
}

// texts takes a section of names, which are not blank.
func (f *amberFile) texts(name string, count int) []string {
	s := f.section(name, 'A')
	if s == nil {
		return nil
	}
	var values []string
	for k, line := range s.lines {
		if len(strings.TrimRight(line, " ")) > s.perLine*s.width {
			f.failf(name, "line %d is longer than %%FORMAT%s; copy the file again", s.line+k, s.format)
			return nil
		}
		for at := 0; at < len(line) && at < s.perLine*s.width; at += s.width {
			values = append(values, strings.TrimSpace(line[at:min(at+s.width, len(line))]))
		}
		if k < len(s.lines)-1 { // an editor may have cut blanks at the end
			for len(values) < min(count, (k+1)*s.perLine) {
				values = append(values, "")
			}
		}
	}
	for len(values) > count && values[len(values)-1] == "" {
		values = values[:len(values)-1]
	}
	if !f.counted(name, len(values), count) {
		return nil
	}
	if k := slices.Index(values, ""); k >= 0 {
		f.failf(name, "name %d is blank; the file is cut short or its columns are shifted; copy it again", k+1)
		return nil
	}
	return values
}

// title returns the first line of a section of free text, "" without it.
func (f *amberFile) title(name string) string {
	if s := f.sections[name]; s != nil {
		for _, line := range s.lines {
			if text := strings.TrimSpace(line); text != "" {
				return strings.ToValidUTF8(text, "?")
			}
		}
	}
	return ""
}

// fortranFloat reads a number as Fortran writes it: with D or E, or with a sign alone before an
// exponent of three digits.
func fortranFloat(text string) (float64, error) {
	if strings.Contains(text, "*") {
		return 0, fmt.Errorf("has overflowed its field when it was written")
	}
	plain := strings.NewReplacer("d", "E", "D", "E", "e", "E").Replace(text)
	if at := strings.LastIndexAny(plain, "+-"); at > 0 && plain[at-1] >= '0' && plain[at-1] <= '9' {
		plain = plain[:at] + "E" + plain[at:]
	}
	if strings.ContainsAny(plain, "xXpP_nNiI") {
		return 0, fmt.Errorf("is not a finite number")
	}
	v, err := strconv.ParseFloat(plain, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, fmt.Errorf("is not a finite number")
	}
	return v, nil
}
