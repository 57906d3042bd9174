package host

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/kept"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// keep keeps a living value, drops a kept one, or lists them. No cell runs meanwhile.
func (h *host) keep(k wire.Keep) (answer wire.KeptAnswer) {
	defer func() {
		if r := recover(); r != nil { // of a value's own way to a file
			answer.Error = fmt.Sprint(r)
		}
	}()
	var err error
	switch {
	case k.Value != nil:
		h.mu.Lock()
		p, ok := h.declared[k.Value.Name]
		h.mu.Unlock()
		if !ok {
			return wire.KeptAnswer{Error: "it has no value yet"}
		}
		about := *k.Value
		about.Cell = p.cell
		about, err = kept.Write(about, p.pointer)
		answer.All = []wire.Kept{about}
	case k.Drop != "":
		err = kept.Drop(k.Drop)
	default:
		answer.All, answer.Damaged = kept.List()
	}
	if err != nil {
		answer.Error = err.Error()
	}
	return answer
}
