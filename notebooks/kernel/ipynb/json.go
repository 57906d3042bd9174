package ipynb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// writeJSON writes v in nbformat's form, which is that of Python's json.dumps(v, sort_keys=True,
// indent=1, ensure_ascii=False). encoding/json differs: it escapes U+2028 and cannot reproduce
// Python's spacing of empty values.
func writeJSON(b *bytes.Buffer, v any, depth int) error {
	switch t := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		fmt.Fprint(b, t)
	case json.Number:
		b.WriteString(t.String())
	case int, float64:
		text, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("kernel: %v cannot be stored in a notebook: %w; store a finite number", t, err)
		}
		b.Write(text)
	case string:
		writeString(b, t)
	case []any:
		return writeList(b, t, depth)
	case map[string]any:
		return writeObject(b, t, depth)
	default:
		return fmt.Errorf("kernel: a %T cannot be stored in a notebook; use JSON's own types", v)
	}
	return nil
}

func writeList(b *bytes.Buffer, list []any, depth int) error {
	if len(list) == 0 {
		b.WriteString("[]")
		return nil
	}
	for i, item := range list {
		openItem(b, '[', i, depth)
		if err := writeJSON(b, item, depth+1); err != nil {
			return err
		}
	}
	closeItems(b, ']', depth)
	return nil
}

func writeObject(b *bytes.Buffer, object map[string]any, depth int) error {
	if len(object) == 0 {
		b.WriteString("{}")
		return nil
	}
	for i, key := range slices.Sorted(maps.Keys(object)) {
		openItem(b, '{', i, depth)
		writeString(b, key)
		b.WriteString(": ")
		if err := writeJSON(b, object[key], depth+1); err != nil {
			return err
		}
	}
	closeItems(b, '}', depth)
	return nil
}

func openItem(b *bytes.Buffer, bracket byte, index, depth int) {
	if index == 0 {
		b.WriteByte(bracket)
	} else {
		b.WriteByte(',')
	}
	b.WriteByte('\n')
	b.WriteString(strings.Repeat(" ", depth+1))
}

func closeItems(b *bytes.Buffer, bracket byte, depth int) {
	b.WriteByte('\n')
	b.WriteString(strings.Repeat(" ", depth))
	b.WriteByte(bracket)
}

var shortEscapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`,
}

func writeString(b *bytes.Buffer, s string) {
	b.WriteByte('"')
	for _, r := range s {
		if short, ok := shortEscapes[r]; ok {
			b.WriteString(short)
		} else if r < 0x20 {
			fmt.Fprintf(b, `\u%04x`, r)
		} else {
			b.Write(utf8.AppendRune(nil, r))
		}
	}
	b.WriteByte('"')
}
