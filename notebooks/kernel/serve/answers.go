package serve

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// kernelInfo returns the kernel's description of itself, without asking GoNB.
func (p *proxy) kernelInfo() map[string]any {
	content := map[string]any{
		"protocol_version": gonb.Version, "help_links": []any{}, "debugger": false, "supported_features": []string{},
	}
	if p.living != nil {
		content["supported_features"] = []string{"kernel subshells"}
	}
	p.describe(content)
	return content
}

// commTarget is the name by which GoNB's widgets open their connection.
const commTarget = "gonb_comm"

// comms are the connections that front ends have opened, by their id.
type comms struct {
	mu  sync.Mutex
	all map[string]string // names of their targets
}

// commMessage notes the connections of front ends. One to a target that the kernel does not have is
// closed, as the protocol demands.
func (p *proxy) commMessage(m *gonb.Message) (pass bool) {
	p.comms.mu.Lock()
	defer p.comms.mu.Unlock()
	id := text(m.Content["comm_id"])
	switch m.Header.Type {
	case "comm_open":
		if text(m.Content["target_name"]) != commTarget {
			p.setStatus(m, "busy")
			p.answer(p.iopub, m, "comm_close", map[string]any{"comm_id": id, "data": map[string]any{}})
			p.setStatus(m, "idle")
			return false
		}
		if p.comms.all == nil {
			p.comms.all = map[string]string{}
		}
		p.comms.all[id] = commTarget
	case "comm_close":
		delete(p.comms.all, id)
	}
	return true
}

// commInfo returns the open connections to a target, or to all targets for an empty name.
func (p *proxy) commInfo(target string) map[string]any {
	p.comms.mu.Lock()
	defer p.comms.mu.Unlock()
	found := map[string]any{}
	for id, name := range p.comms.all {
		if target == "" || target == name {
			found[id] = map[string]any{"target_name": name}
		}
	}
	return map[string]any{"status": "ok", "comms": found}
}

// history returns the cells that a front end asks for, of this run of the kernel alone.
func (p *proxy) history(request map[string]any) map[string]any {
	entries := []any{}
	if p.living != nil {
		entries = p.living.past(request)
	}
	return map[string]any{"status": "ok", "history": entries}
}

// past lists cells as session, number and code; with output, the code has a null beside it.
func (l *living) past(request map[string]any) []any {
	l.cellMu.Lock()
	defer l.cellMu.Unlock()
	var numbers []int
	seen := map[string]bool{}
	pattern, unique := glob(text(request["pattern"])), request["unique"] == true
	for n := l.count; n > 0; n-- { // the latest of equal cells stays
		code, ok := l.sources[n]
		if !ok || unique && seen[code] || !l.inRange(n, request) {
			continue
		}
		if text(request["hist_access_type"]) == "search" && !pattern.MatchString(code) {
			continue
		}
		seen[code] = true
		numbers = append(numbers, n)
	}
	if n, ok := request["n"].(float64); ok && n > 0 && text(request["hist_access_type"]) != "range" {
		numbers = numbers[:min(int(n), len(numbers))]
	}
	slices.Reverse(numbers)
	entries := make([]any, 0, len(numbers))
	for _, n := range numbers {
		entry := any(l.sources[n])
		if request["output"] == true {
			entry = []any{l.sources[n], nil}
		}
		entries = append(entries, []any{1, n, entry})
	}
	return entries
}

// glob returns the expression of a pattern in which * stands for any text and ? for any letter.
func glob(pattern string) *regexp.Regexp {
	if pattern == "" {
		pattern = "*"
	}
	quoted := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile("(?s)^" + quoted + "$")
}

// inRange reports whether a request for a range has the cell n in it. Its session is 0 for this
// one, as in IPython; earlier sessions are not kept.
func (l *living) inRange(n int, request map[string]any) bool {
	if text(request["hist_access_type"]) != "range" {
		return true
	}
	start, _ := request["start"].(float64)
	stop, bounded := request["stop"].(float64)
	session, _ := request["session"].(float64)
	return (session == 0 || session == 1) && n >= int(start) && (!bounded || n < int(stop))
}
