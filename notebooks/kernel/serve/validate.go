package serve

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf16"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// field is an entry in the content of a request. GoNB ends at an entry that is absent or has
// another type, so the proxy completes and checks every content before it passes a request on.
type field struct {
	name string
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
	code   = field{"code", isText, nil}
	cursor = field{"cursor_pos", isNumber, nil}
	comm   = field{"comm_id", isText, nil}
)

// requests lists the requests of front ends on the shell and control sockets, with the entries that
// this kernel or GoNB reads.
var requests = map[string][]field{
	"execute_request": {
		code, {"silent", isBool, false}, {"store_history", isBool, true}, {"allow_stdin", isBool, true},
		{"stop_on_error", isBool, true}, {"user_expressions", isObject, map[string]any{}},
	},
	"inspect_request":     {code, cursor, {"detail_level", isNumber, 0.}},
	"complete_request":    {code, cursor},
	"is_complete_request": {code},
	"history_request":     {},
	"kernel_info_request": {},
	"connect_request":     {},
	"comm_info_request":   {},
	"comm_open":           {comm, {"target_name", isText, nil}},
	"comm_msg":            {comm},
	"comm_close":          {comm},
	"interrupt_request":   {},
	"shutdown_request":    {{"restart", isBool, false}},
	"debug_request":       {},
	"usage_request":       {},
}

// inputs lists the messages of front ends on the stdin socket.
var inputs = map[string][]field{"input_reply": {{"value", isText, nil}}}

// completeContent fills in and checks the content of a message. known is false for a type that is
// not in the table.
func completeContent(table map[string][]field, m *gonb.Message) (known bool, err error) {
	fields, known := table[m.Header.Type]
	for _, f := range fields {
		value := m.Content[f.name]
		if value == nil {
			value = f.absent
		}
		switch {
		case value == nil:
			return known, fmt.Errorf("the content of %s has no %s", m.Header.Type, f.name)
		case !f.kind.matches(value):
			return known, fmt.Errorf("%s in the content of %s is not %s", f.name, m.Header.Type, f.kind)
		}
		m.Content[f.name] = value
	}
	if cell, ok := m.Content["code"].(string); known && ok {
		if m.Content["code"], err = defuse(cell); err != nil {
			return known, err
		}
	}
	if at, ok := m.Content["cursor_pos"].(float64); known && ok {
		m.Content["cursor_pos"] = clampCursor(text(m.Content["code"]), at)
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

// replyType returns the type of the reply to a request, or "" for a message that has no reply.
func replyType(request string) string {
	base, ok := strings.CutSuffix(request, "_request")
	if !ok {
		return ""
	}
	return base + "_reply"
}
