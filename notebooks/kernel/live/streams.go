package live

import (
	"os"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// readStream returns a function that passes on what the host writes, until the end of the stream.
func (p *process) readStream(i int, name string, from *os.File) (run func()) {
	s := splitter{mark: []byte(p.mark)}
	tap := wire.NewTap(from, func(piece []byte) {
		texts := s.add(piece)
		for i, text := range texts {
			if text != "" {
				p.write(name, text)
			}
			if i < len(texts)-1 {
				p.batch.flush()
				p.mu.Lock()
				p.marks++
				p.checkEnd()
				p.mu.Unlock()
			}
		}
	})
	p.streams[i] = tap
	return func() {
		tap.Run()
		p.write(name, cleaned(string(s.held)))
		p.batch.flush()
	}
}

// drain passes on what the host has written so far, since what is shown next comes after that.
func (p *process) drain() {
	for _, s := range p.streams {
		s.Drain()
	}
	p.batch.flush()
}

func (p *process) write(name, text string) {
	p.streaming.Lock()
	defer p.streaming.Unlock()
	p.mu.Lock()
	out := p.out
	if name == "stderr" {
		held := len(p.crash.held)
		text = p.crash.add(text)
		if held == 0 && len(p.crash.held) > 0 {
			p.releaseLater(time.Now().Add(dumpTime))
		}
	}
	p.mu.Unlock()
	p.batch.add(out, name, text)
}

// releaseLater passes on what is held back unless the host ends. A host that writes about its
// goroutines ends, but may need a while for that.
func (p *process) releaseLater(limit time.Time) {
	time.AfterFunc(heldTime, func() {
		p.mu.Lock()
		waits := p.crash.isDump() && time.Now().Before(limit)
		p.mu.Unlock()
		switch {
		case p.hasEnded():
		case waits:
			p.releaseLater(limit)
		default:
			p.release()
		}
	})
}

// release passes on what was held back, since it was not the end.
func (p *process) release() {
	p.streaming.Lock()
	defer p.streaming.Unlock()
	p.mu.Lock()
	out, text := p.out, p.crash.release()
	p.mu.Unlock()
	p.batch.add(out, "stderr", text)
	p.batch.flush()
}
