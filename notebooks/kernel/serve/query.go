package serve

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// The longest waits of questions about code: readyLimit if the kernel has just been started, which
// takes a second where nothing else runs, and valueLimit for the description of a value.
const (
	readyLimit = 10 * time.Second
	valueLimit = 250 * time.Millisecond
)

// asks answers a question about code, beside the running cell. GoNB answers if values do not live
// on, and for a cell that is GoNB's.
func (l *living) asks(m *gonb.Message) {
	code := text(m.Content["code"])
	if isForeign(code) {
		_ = l.write(l.toGoNB, *m)
		return
	}
	ctx, stop := context.WithTimeout(l.back.Life, readyLimit)
	defer stop()
	err := l.kernel.Ready(ctx)
	if err != nil && ctx.Err() == nil {
		_ = l.write(l.toGoNB, *m)
		return
	}
	code, at, inCode := goPart(code, m.Content["cursor_pos"])
	if m.Header.Type == "complete_request" {
		l.reply(m, "complete_reply", l.completion(code, at, err == nil && inCode))
	} else {
		l.reply(m, "inspect_reply", l.inspection(code, at, err == nil && inCode))
	}
}

// ask lets the living kernel answer a question about code. GoNB answers if there is none.
func (p *proxy) ask(m *gonb.Message) (pass bool) {
	if p.living == nil {
		return true
	}
	request := *m
	go p.living.asks(&request)
	return false
}

// goPart blanks the lines that begin with % or !, and turns a cursor's position in letters into one
// in bytes. inCode reports whether the cursor is not in such a line.
func goPart(code string, cursor any) (own string, at int, inCode bool) {
	position, _ := cursor.(float64)
	for range int(position) {
		if at >= len(code) {
			break
		}
		_, size := utf8.DecodeRuneInString(code[at:])
		at += size
	}
	_, rest := separate(code)
	before, after := strings.Split(code, "\n"), strings.Split(rest, "\n")
	for i, line := range before {
		if after[i] == "" {
			after[i] = strings.Repeat(" ", len(line))
		}
	}
	line := strings.Count(code[:at], "\n")
	return strings.Join(after, "\n"), at, after[line] == before[line]
}

// completion returns the content of a reply. at is the cursor's place in bytes.
func (l *living) completion(code string, at int, asks bool) map[string]any {
	matches, kinds, start := []string{}, []map[string]any{}, at
	end := utf8.RuneCountInString(code[:at])
	if asks {
		found, from := l.kernel.Complete(code, at)
		start = from
		for _, f := range found {
			matches = append(matches, f.Name)
			kinds = append(kinds, map[string]any{
				"text": f.Name, "type": f.Kind, "signature": f.Signature,
				"start": utf8.RuneCountInString(code[:start]), "end": end,
			})
		}
	}
	return map[string]any{
		"status": "ok", "matches": matches, "cursor_start": utf8.RuneCountInString(code[:start]), "cursor_end": end,
		"metadata": map[string]any{"_jupyter_types_experimental": kinds},
	}
}

// inspection returns the content of a reply.
func (l *living) inspection(code string, at int, asks bool) map[string]any {
	reply := map[string]any{
		"status": "ok", "found": false, "data": map[string]any{}, "metadata": map[string]any{},
	}
	if !asks {
		return reply
	}
	ctx, stop := context.WithTimeout(l.back.Life, valueLimit)
	defer stop()
	if found := l.kernel.Inspect(ctx, code, at); found != nil {
		reply["found"], reply["data"] = true, map[string]any{"text/plain": found.Text()}
	}
	return reply
}
