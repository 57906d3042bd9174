package live

import "github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"

// remembered is the number of cells whose output reaches them after other cells have begun.
const remembered = 1000

// begins notes the output of a cell that begins, and returns the cell's number in this process. The
// caller holds the lock.
func (p *process) begins(out Output) int {
	if p.outs == nil {
		p.outs = map[int]Output{}
	}
	p.count++
	p.outs[p.count] = out
	delete(p.outs, p.count-remembered)
	return p.count
}

// late passes on what a goroutine of an earlier cell has written.
func (p *process) late(l wire.Late) {
	p.mu.Lock()
	out := p.outs[l.Sequence]
	if out == nil {
		out = p.out
	}
	p.mu.Unlock()
	p.batch.add(out, l.Stream, cleaned(l.Text))
}
