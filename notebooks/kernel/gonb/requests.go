package gonb

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf16"
)

// Field is an entry in the content of a request. GoNB ends at an entry that is absent or has
// another type, so every content is completed and checked before it reaches GoNB.
type Field struct {
	Name string
	kind fieldKind
	// absent takes the place of an entry that is absent or null. nil means that a request without
	// the entry is refused.
	absent any
}

// fieldKind is a type of JSON.
type fieldKind string

const (
	isText   fieldKind = "a string"
	isBool   fieldKind = "a boolean"
	isNumber fieldKind = "a number"
	isObject fieldKind = "an object"
)

// matches reports whether a value has the type.
func (k fieldKind) matches(v any) (ok bool) {
	switch k {
	case isText:
		_, ok = v.(string)
	case isBool:
		_, ok = v.(bool)
	case isNumber:
		_, ok = v.(float64)
	case isObject:
		_, ok = v.(map[string]any)
	}
	return ok
}

// The defaults are those of the protocol:
// https://jupyter-client.readthedocs.io/en/stable/messaging.html
var (
	codeField   = Field{"code", isText, nil}
	cursorField = Field{"cursor_pos", isNumber, nil}
	commField   = Field{"comm_id", isText, nil}
)

// Requests lists the requests of front ends on the shell and control sockets, with the entries that
// this kernel or GoNB reads.
var Requests = map[string][]Field{
	"execute_request": {
		codeField, {"silent", isBool, false}, {"store_history", isBool, true}, {"allow_stdin", isBool, true},
		{"stop_on_error", isBool, true}, {"user_expressions", isObject, map[string]any{}},
	},
	"inspect_request":     {codeField, cursorField, {"detail_level", isNumber, 0.}},
	"complete_request":    {codeField, cursorField},
	"is_complete_request": {codeField},
	"history_request":     {},
	"kernel_info_request": {},
	"connect_request":     {},
	"comm_info_request":   {},
	"comm_open":           {commField, {"target_name", isText, nil}},
	"comm_msg":            {commField},
	"comm_close":          {commField},
	"interrupt_request":   {},
	"shutdown_request":    {{"restart", isBool, false}},
	"debug_request":       {},
	"usage_request":       {},

	"create_subshell_request": {},
	"delete_subshell_request": {{"subshell_id", isText, nil}},
	"list_subshell_request":   {},
}

// Inputs lists the messages of front ends on the stdin socket.
var Inputs = map[string][]Field{"input_reply": {{"value", isText, nil}}}

// Complete fills in and checks the content of a message, so that GoNB can take it. known is false
// for a type that is not in the table.
func Complete(table map[string][]Field, m *Message) (known bool, err error) {
	fields, known := table[m.Header.Type]
	for _, f := range fields {
		value := m.Content[f.Name]
		if value == nil {
			value = f.absent
		}
		switch {
		case value == nil:
			return known, fmt.Errorf("the content of %s has no %s", m.Header.Type, f.Name)
		case !f.kind.matches(value):
			return known, fmt.Errorf("%s in the content of %s is not %s", f.Name, m.Header.Type, f.kind)
		}
		m.Content[f.Name] = value
	}
	cell, ok := m.Content["code"].(string)
	if known && ok {
		if cell, err = defuse(cell); err != nil {
			return known, err
		}
		m.Content["code"] = cell
	}
	if at, ok := m.Content["cursor_pos"].(float64); known && ok {
		m.Content["cursor_pos"] = clampCursor(cell, at)
	}
	return known, nil
}

// clampCursor returns a cursor position inside the code. Front ends count in UTF-16.
func clampCursor(code string, at float64) float64 {
	length := 0
	for _, r := range code {
		length += max(utf16.RuneLen(r), 1)
	}
	return math.Trunc(min(max(at, 0), float64(length)))
}

// ReplyType returns the type of the reply to a request, or "" for a message that has no reply.
func ReplyType(request string) string {
	base, ok := strings.CutSuffix(request, "_request")
	if !ok {
		return ""
	}
	return base + "_reply"
}
