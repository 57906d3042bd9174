package live

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/cells"
)

// Output receives what a cell writes and displays. After the cell's end it receives what goroutines
// of the cell still write.
type Output interface {
	// Stream receives text that was written to "stdout" or "stderr".
	Stream(name, text string)
	// Display receives data by MIME type. Data with the id of an earlier display replace it.
	Display(data map[string]any, id string)
	// Result receives the value of the cell's last expression, by MIME type.
	Result(data map[string]any)
	// Clear removes what the cell has shown, at once or when it shows something next.
	Clear(wait bool)
	// Interact receives a message of gonbui's widgets: a CommValue or a CommSubscription.
	Interact(message any)
}

// cleaned removes what the compiler has added to names.
func cleaned(text string) string { return strings.ReplaceAll(text, cells.Mark, "") }

// cleanedForms cleans the texts of a display.
func cleanedForms(data map[string]any) map[string]any {
	for kind, v := range data {
		if s, ok := v.(string); ok && strings.HasPrefix(kind, "text/") {
			data[kind] = cleaned(s)
		}
	}
	return data
}

// displayed returns what gonbui displays as a message carries it: pictures in base64.
func displayed(d *protocol.DisplayData) map[string]any {
	data := make(map[string]any, len(d.Data))
	for kind, v := range d.Data {
		if raw, ok := v.([]byte); ok {
			v = base64.StdEncoding.EncodeToString(raw)
		}
		data[string(kind)] = v
	}
	return cleanedForms(data)
}

// splitter cuts a stream at the marks that end cells.
type splitter struct {
	mark []byte
	held []byte
}

// add takes more of the stream. texts are what can be shown, complete letters only: each but the
// last stands before a mark.
func (s *splitter) add(more []byte) (texts []string) {
	s.held = append(s.held, more...)
	for {
		before, after, found := bytes.Cut(s.held, s.mark)
		if !found {
			break
		}
		texts = append(texts, cleaned(string(before)))
		s.held = append([]byte{}, after...)
	}
	keep := s.unfinished()
	texts = append(texts, cleaned(string(s.held[:len(s.held)-keep])))
	s.held = append([]byte{}, s.held[len(s.held)-keep:]...)
	return texts
}

// unfinished returns how many bytes at the end may go on: to a mark or to a letter.
func (s *splitter) unfinished() int {
	for n := min(len(s.held), len(s.mark)-1); n > 0; n-- {
		if bytes.HasSuffix(s.held, s.mark[:n]) {
			return n
		}
	}
	for n := 1; n < utf8.UTFMax && n <= len(s.held); n++ {
		last := s.held[len(s.held)-n:]
		if utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return n
			}
			return 0
		}
	}
	return 0
}
