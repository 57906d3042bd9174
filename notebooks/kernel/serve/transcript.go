package serve

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// transcripts hold what the last cells of the main shell have published.
type transcripts struct {
	mu  sync.Mutex
	all []*transcript // in the order of their requests
}

// transcript holds what a cell has published, for a front end that was closed meanwhile.
type transcript struct {
	request gonb.Message
	number  int           // of the cell, valid when begun is closed
	begun   chan struct{} // closed when the cell runs, or never will
	ended   chan struct{} // closed when the cell is answered

	mu        sync.Mutex
	parts     []part
	displays  map[string]int // places in parts by display id
	length    int            // of all text, in bytes
	bytes     int            // of all displays
	clear     bool           // the next part replaces all others
	followers []follower     // of a cell that has not ended
}

// part is a message without a display id, a display with its latest content, or text of one stream.
type part struct {
	kind    string
	content map[string]any
	id      string
	texts   []string // of a stream
}

// follower is the request of a front end that sees what a cell publishes.
type follower struct {
	request gonb.Message
	asCell  bool // the front end shows the messages below the cell itself
}

// The bounds of what is remembered: cells, and parts, bytes of displays and of text, and followers
// of a cell.
const (
	transcribed   = 50
	mostParts     = 2000
	mostBytes     = 32 << 20
	longestOutput = 1 << 20
	mostFollowers = 16
)

func newTranscript(m *gonb.Message) *transcript {
	return &transcript{
		request: *m, begun: make(chan struct{}), ended: make(chan struct{}), displays: map[string]int{},
	}
}

// begin begins the transcript of a cell that waits from now on. A cell that has no number of its
// own has none, and neither has one of nothing but magics of this kernel.
func (s *transcripts) begin(m *gonb.Message) {
	rest, _ := extractMagics(text(m.Content["code"]))
	if !isCounted(m) || strings.TrimSpace(strings.Join(rest, "")) == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, newTranscript(m))
	surplus := len(s.all) - transcribed
	s.all = slices.DeleteFunc(s.all, func(t *transcript) bool {
		old := surplus > 0 && t.hasEnded()
		if old {
			surplus--
		}
		return old
	})
}

// of returns the transcript of a request, or nil.
func (s *transcripts) of(id string) *transcript {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range slices.Backward(s.all) {
		if t.request.Header.ID == id {
			return t
		}
	}
	return nil
}

// runs notes that the cell of a request runs, and has a number.
func (s *transcripts) runs(id string, number int) {
	if t := s.of(id); t != nil {
		t.number = number
		close(t.begun)
	}
}

// end notes that the cell of a request is answered. A cell that never ran is forgotten.
func (s *transcripts) end(id string) {
	t := s.of(id)
	if t == nil {
		return
	}
	t.mu.Lock()
	t.followers = nil
	t.mu.Unlock()
	close(t.ended)
	select {
	case <-t.begun:
	default:
		s.mu.Lock()
		s.all = slices.DeleteFunc(s.all, func(other *transcript) bool { return other == t })
		s.mu.Unlock()
		close(t.begun)
	}
}

// numbered returns the transcript of the cell with a number. For 0 it returns that of the cell that
// runs, of the one that runs next, or of the last one. The cell that asks cannot show itself. It
// returns nil if there is none.
func (s *transcripts) numbered(number int, asking string) *transcript {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.all {
		if number == 0 && !t.hasEnded() && t.request.Header.ID != asking {
			return t
		}
	}
	for _, t := range slices.Backward(s.all) {
		if t.request.Header.ID != asking && (number == 0 || t.hasBegun() && t.number == number) {
			return t
		}
	}
	return nil
}

// list returns the transcripts of the cells that run or have run.
func (s *transcripts) list() (all []*transcript) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.all {
		if t.hasBegun() {
			all = append(all, t)
		}
	}
	return all
}

func (t *transcript) hasBegun() bool { return isClosed(t.begun) }

func (t *transcript) hasEnded() bool { return isClosed(t.ended) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// record notes a published message of a request, and publishes it for those who follow the cell.
func (l *living) record(id, kind string, content map[string]any) {
	switch kind {
	case "stream", "display_data", "update_display_data", "execute_result", "error", "clear_output":
	default:
		return
	}
	if kind == "update_display_data" && l.transcripts.update(content) {
		return // the display's id updates it everywhere
	}
	t := l.transcripts.of(id)
	if t == nil {
		return
	}
	t.mu.Lock() // also while publishing, so that followers see the order of the messages
	defer t.mu.Unlock()
	p := t.note(kind, content)
	for _, f := range t.followers {
		l.publish(f, p)
	}
}

// publish publishes a part for a follower.
func (l *living) publish(f follower, p part) {
	kind, content := p.kind, p.content
	if p.texts != nil {
		content = maps.Clone(content)
		content["text"] = strings.Join(p.texts, "")
	}
	switch {
	case f.asCell:
	case kind == "execute_result": // of another cell
		kind, content = "display_data", map[string]any{
			"data": content["data"], "metadata": content["metadata"], "transient": map[string]any{},
		}
	case kind == "error": // the cell that shows it has not failed
		trace := ""
		for _, line := range lines(content["traceback"]) {
			trace += line + "\n"
		}
		kind, content = "stream", map[string]any{"name": "stderr", "text": trace}
	}
	l.answer(l.iopub, &f.request, kind, content)
}

// lines returns the texts of a list.
func lines(list any) (all []string) {
	switch list := list.(type) {
	case []string:
		return list
	case []any:
		for _, line := range list {
			all = append(all, text(line))
		}
	}
	return all
}

// update gives a display its new content, in the transcripts of all cells that show it. It reports
// whether there is one.
func (s *transcripts) update(content map[string]any) (found bool) {
	transient, _ := content["transient"].(map[string]any)
	for _, t := range s.list() {
		t.mu.Lock()
		if i, known := t.displays[text(transient["display_id"])]; known {
			t.bytes += dataSize(content) - dataSize(t.parts[i].content)
			t.parts[i].content, found = content, true
		}
		t.mu.Unlock()
	}
	return found
}

// dataSize is the size of the data of a display, in bytes.
func dataSize(content map[string]any) (bytes int) {
	data, _ := content["data"].(map[string]any)
	for _, v := range data {
		switch v := v.(type) {
		case string:
			bytes += len(v)
		case []byte:
			bytes += len(v)
		}
	}
	return bytes
}

// note adds a message to the parts. The caller holds the lock.
func (t *transcript) note(kind string, content map[string]any) (p part) {
	if kind == "clear_output" {
		if t.clear, _ = content["wait"].(bool); !t.clear {
			t.empty()
		}
		return part{kind: kind, content: content}
	}
	if t.clear {
		t.clear = false
		t.empty()
	}
	if kind == "stream" {
		p = part{kind: kind, content: map[string]any{"name": content["name"]}, texts: []string{text(content["text"])}}
		t.write(p)
		return p
	}
	transient, _ := content["transient"].(map[string]any)
	p = part{kind: kind, content: content, id: text(transient["display_id"])}
	if kind == "update_display_data" { // of a display that is forgotten
		p.kind = "display_data"
	}
	t.add(p)
	return p
}

// empty forgets all parts. The caller holds the lock.
func (t *transcript) empty() {
	t.parts, t.length, t.bytes = nil, 0, 0
	clear(t.displays)
}

// write adds text. Of too much text the end is kept. The caller holds the lock.
func (t *transcript) write(p part) {
	t.length += len(p.texts[0])
	if n := len(t.parts); n > 0 && t.parts[n-1].texts != nil && t.parts[n-1].content["name"] == p.content["name"] {
		t.parts[n-1].texts = append(t.parts[n-1].texts, p.texts[0])
	} else {
		t.add(part{kind: p.kind, content: p.content, texts: slices.Clone(p.texts)})
	}
	for i := 0; t.length > longestOutput && i < len(t.parts); i++ {
		p := &t.parts[i]
		for t.length > longestOutput && len(p.texts) > 0 {
			surplus := min(t.length-longestOutput, len(p.texts[0]))
			for surplus < len(p.texts[0]) && !utf8.RuneStart(p.texts[0][surplus]) {
				surplus++
			}
			t.length -= surplus
			if p.texts[0] = p.texts[0][surplus:]; p.texts[0] == "" {
				p.texts = p.texts[1:]
			}
		}
	}
}

// add adds a part. Of too many, or of too many bytes, the older half is dropped. The caller holds
// the lock.
func (t *transcript) add(p part) {
	t.bytes += dataSize(p.content)
	t.parts = append(t.parts, p)
	for (len(t.parts) > mostParts || t.bytes > mostBytes) && len(t.parts) > 1 {
		t.drop(len(t.parts) / 2)
	}
	if p.id != "" {
		t.displays[p.id] = len(t.parts) - 1
	}
}

// drop drops the first parts. The caller holds the lock.
func (t *transcript) drop(count int) {
	for _, old := range t.parts[:count] {
		t.bytes -= dataSize(old.content)
		for _, text := range old.texts {
			t.length -= len(text)
		}
	}
	t.parts = append([]part{}, t.parts[count:]...)
	clear(t.displays)
	for i, kept := range t.parts {
		if kept.id != "" {
			t.displays[kept.id] = i
		}
	}
}
