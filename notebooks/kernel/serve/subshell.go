package serve

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// subshells are the further shells of a kernel (Jupyter's enhancement proposal 91). A request whose
// header names one does not wait for the cells of the main shell. Go code does: one cell runs at a
// time, since all cells share their values and their outputs.
type subshells struct {
	mu  sync.Mutex
	all map[string]chan gonb.Message // the cells of each, by its id
}

// subshellBacklog is the number of cells that may wait in a subshell.
const subshellBacklog = 256

// subshellRequest makes, removes or lists subshells, and returns the content of the reply.
func (l *living) subshellRequest(m *gonb.Message) map[string]any {
	s := &l.subshells
	s.mu.Lock()
	defer s.mu.Unlock()
	id := text(m.Content["subshell_id"])
	switch m.Header.Type {
	case "create_subshell_request":
		id = gonb.RandomToken()
		queue := make(chan gonb.Message, subshellBacklog)
		if s.all == nil {
			s.all = map[string]chan gonb.Message{}
		}
		s.all[id] = queue
		go l.attend(queue)
		return map[string]any{"status": "ok", "subshell_id": id}
	case "delete_subshell_request":
		if s.all[id] == nil {
			return refusal(fmt.Errorf("there is no subshell %q", id))
		}
		close(s.all[id])
		delete(s.all, id)
		return map[string]any{"status": "ok"}
	}
	ids := slices.Sorted(maps.Keys(s.all))
	return map[string]any{"status": "ok", "subshell_id": append([]string{}, ids...)}
}

// refusal returns the content of a reply to a request that cannot be met.
func refusal(err error) map[string]any {
	content := errorContent(err)
	content["status"] = "error"
	return content
}

// inSubshell puts a cell into the queue of its subshell.
func (l *living) inSubshell(m *gonb.Message) {
	s := &l.subshells
	s.mu.Lock()
	defer s.mu.Unlock()
	if queue := s.all[m.Header.Subshell]; queue != nil {
		select {
		case queue <- *m:
			return
		default:
		}
	}
	content := refusal(fmt.Errorf("the subshell %q does not exist, or too many cells wait in it", m.Header.Subshell))
	content["execution_count"] = 0
	l.reply(m, "execute_reply", content)
}

// attend runs the cells of a subshell in their order.
func (l *living) attend(queue <-chan gonb.Message) {
	for m := range queue {
		if l.standsAlone(text(m.Content["code"])) {
			l.runBeside(&m)
			continue
		}
		select {
		case <-l.request(&m):
		case <-l.back.Life.Done():
			return
		}
	}
}

// standsAlone reports whether a cell holds nothing but magics that need not wait for other cells.
func (l *living) standsAlone(code string) bool {
	rest, lines := extractMagics(code)
	if len(lines) == 0 || strings.TrimSpace(strings.Join(rest, "")) != "" {
		return false
	}
	for _, line := range lines {
		if len(line.words) == 0 || line.words[0] == "help" {
			continue
		}
		i := slices.IndexFunc(l.launch.Magics, func(m Magic) bool { return m.Name == line.words[0] })
		if i < 0 || !l.launch.Magics[i].Beside {
			return false
		}
	}
	return true
}

// isAboutOutput reports whether a cell holds nothing but the magics that show what cells publish.
// Such a cell does not wait for the cell that it is about.
func isAboutOutput(code string) bool {
	rest, lines := extractMagics(code)
	return len(lines) > 0 && strings.TrimSpace(strings.Join(rest, "")) == "" &&
		!slices.ContainsFunc(lines, func(line magicLine) bool {
			return len(line.words) == 0 || line.words[0] != outputMagic
		})
}

// runBeside runs a cell of magics beside the running cell.
func (l *living) runBeside(m *gonb.Message) {
	l.await(m)
	_, lines := extractMagics(text(m.Content["code"]))
	l.runNumbered(m, l.number(m), true, func(int) map[string]any { return l.runMagics(m, nil, lines) })
}
