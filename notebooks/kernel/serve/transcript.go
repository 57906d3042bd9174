package serve

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// transcript holds what a living cell has written and shown, for a front end that was closed
// meanwhile.
type transcript struct {
	mu        sync.Mutex
	parts     []part
	displays  map[string]int // places in parts by display id
	length    int            // of all text, in bytes
	followers []gonb.Message // that see what the cell still writes
}

// part is a display, or text of one stream.
type part struct {
	display map[string]any // the content of its message
	id      string
	stream  string
	texts   []string
}

// The bounds of what is remembered: cells, and parts and bytes of text of a cell.
const (
	transcribed   = 50
	mostParts     = 2000
	longestOutput = 1 << 20
)

// transcribe begins the transcript of a cell.
func (l *living) transcribe(count int) *transcript {
	t := &transcript{displays: map[string]int{}}
	l.cellMu.Lock()
	defer l.cellMu.Unlock()
	if l.transcripts == nil {
		l.transcripts = map[int]*transcript{}
	}
	l.transcripts[count] = t
	delete(l.transcripts, count-transcribed)
	return t
}

// stream adds text, and returns the requests that see it too.
func (t *transcript) stream(name, text string) []gonb.Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.length += len(text)
	if n := len(t.parts); n > 0 && t.parts[n-1].stream == name {
		t.parts[n-1].texts = append(t.parts[n-1].texts, text)
	} else {
		t.add(part{stream: name, texts: []string{text}})
	}
	for i := 0; t.length > longestOutput && i < len(t.parts); i++ {
		p := &t.parts[i]
		for t.length > longestOutput && len(p.texts) > 0 {
			t.length -= len(p.texts[0])
			p.texts = p.texts[1:]
		}
	}
	return t.followers
}

// display adds a display, or replaces the one of its id.
func (t *transcript) display(content map[string]any, id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, known := t.displays[id]; known && id != "" {
		t.parts[i].display = content
		return
	}
	t.add(part{display: content, id: id})
}

// add adds a part. Of too many, the older half is dropped. The caller holds the lock.
func (t *transcript) add(p part) {
	if t.parts = append(t.parts, p); len(t.parts) > mostParts {
		for _, old := range t.parts[:mostParts/2] {
			for _, text := range old.texts {
				t.length -= len(text)
			}
		}
		t.parts = append([]part{}, t.parts[mostParts/2:]...)
		t.displays = map[string]int{}
		for i, kept := range t.parts {
			if kept.id != "" {
				t.displays[kept.id] = i
			}
		}
	}
	if p.id != "" {
		t.displays[p.id] = len(t.parts) - 1
	}
}

// end lets nobody follow any more.
func (t *transcript) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.followers = nil
}

// follow returns everything so far. The request sees what comes later, if the cell still runs.
func (t *transcript) follow(m *gonb.Message, runs bool) []publication {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m != nil && runs {
		t.followers = append(t.followers[:len(t.followers):len(t.followers)], *m)
	}
	var all []publication
	for _, p := range t.parts {
		if p.stream == "" {
			all = append(all, publication{"display_data", p.display})
		} else if text := strings.Join(p.texts, ""); text != "" {
			all = append(all, publication{"stream", map[string]any{"name": p.stream, "text": text}})
		}
	}
	return all
}

// showOutput shows what a cell has written and shown: the cell of a number, or the latest one.
func (l *living) showOutput(_ context.Context, args []string, out *Output) error {
	l.cellMu.Lock()
	defer l.cellMu.Unlock()
	number := 0
	for n := range l.transcripts {
		number = max(number, n)
	}
	if len(args) > 1 {
		return errors.New("it takes the number of one cell")
	}
	if len(args) == 1 {
		var err error
		if number, err = strconv.Atoi(args[0]); err != nil {
			return fmt.Errorf("%q is no number of a cell", args[0])
		}
	}
	t := l.transcripts[number]
	if t == nil {
		return errors.New("there is no output of such a cell; the last 50 cells with Go code have one")
	}
	out.Print(fmt.Sprintf("output of cell %d:\n", number))
	out.messages = append(out.messages, t.follow(out.request, number == l.current)...)
	return nil
}
