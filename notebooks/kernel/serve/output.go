package serve

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// outputMagic is the magic that shows what cells have published, also while they run.
const outputMagic = "output"

// attach is the option by which the extension of JupyterLab lets a cell show its output again: the
// messages are those of the cell, and the answer comes when the cell has ended.
const attach = "--attach"

// listCells is the option that lists the cells whose output is known.
const listCells = "--cells"

// cellsType is the MIME type of that list for programs.
const cellsType = "application/vnd.eqflow.cells+json"

// showOutput shows what a cell has published: the cell of a number, or the latest one. What the
// cell publishes later follows.
func (l *living) showOutput(ctx context.Context, args []string, out *Output) error {
	if len(args) == 1 && args[0] == listCells {
		out.Show(l.knownCells())
		return nil
	}
	asCell := len(args) > 0 && args[0] == attach
	if asCell {
		args = args[1:]
	}
	number := 0
	if len(args) > 1 {
		return errors.New("it takes the number of one cell")
	}
	if len(args) == 1 {
		var err error
		if number, err = strconv.Atoi(args[0]); err != nil || number < 1 {
			return fmt.Errorf("%q is no number of a cell", args[0])
		}
	}
	t := l.transcripts.numbered(number, out.request.Header.ID)
	if t == nil {
		return errors.New("there is no output of such a cell; the last 50 other cells have one")
	}
	select {
	case <-t.begun:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.showTo(t, follower{request: *out.request, asCell: asCell})
	if asCell {
		select {
		case <-t.ended:
		case <-ctx.Done():
		}
	}
	return nil
}

// showTo publishes for a follower what a cell has published so far, and lets the follower see the
// rest. Of too many followers the oldest does not see more: its page has been left long ago.
func (l *living) showTo(t *transcript, f follower) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !f.asCell {
		title := map[string]any{"name": "stdout", "text": fmt.Sprintf("output of cell %d:\n", t.number)}
		l.answer(l.iopub, &f.request, "stream", title)
	}
	for _, p := range t.parts {
		if p.texts == nil || strings.Join(p.texts, "") != "" {
			l.publish(f, p)
		}
	}
	if t.clear {
		l.answer(l.iopub, &f.request, "clear_output", map[string]any{"wait": true})
	}
	if q := l.openQuestion(t.request.Header.ID); q != nil && f.asCell {
		_ = l.ask(q, &f.request)
	}
	if !t.hasEnded() {
		t.followers = append(t.followers, f)
		t.followers = t.followers[max(0, len(t.followers)-mostFollowers):]
	}
}

// knownCells lists the cells whose output is known: for programs with the number, the front end's
// id of the cell, the code, and whether it still runs.
func (l *living) knownCells() map[string]any {
	list := []any{}
	var plain strings.Builder
	for _, t := range l.transcripts.list() {
		state, code := "has ended", text(t.request.Content["code"])
		if !t.hasEnded() {
			state = "runs"
		}
		list = append(list, map[string]any{
			"number": t.number, "id": text(t.request.Metadata["cellId"]), "code": code, "runs": !t.hasEnded(),
		})
		first, _, _ := strings.Cut(strings.TrimSpace(code), "\n")
		fmt.Fprintf(&plain, "cell %d %s: %s\n", t.number, state, first)
	}
	return map[string]any{cellsType: list, "text/plain": plain.String()}
}
