package host

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// displays passes what cells display by gonbui to the kernel. Texts go by another pipe. So that
// both appear in the order of the cell's lines, the next text waits until the kernel has shown what
// was displayed before. A cell's result and its end wait likewise, and without a limit: front ends
// drop what a kernel shows after the end.
type displays struct {
	tap         *wire.Tap    // of what gonbui writes, or nil
	sent, shown atomic.Int64 // bytes
	ended       int64        // what was sent when the last cell ended
	gone        atomic.Bool  // the kernel reads no more
}

const (
	// patience is the time that a text waits for displays at most. A program that prints is not
	// held up by a kernel that is behind.
	patience = 200 * time.Millisecond
	// alertness is the time after which one that waits without a limit looks for the kernel.
	alertness = 50 * time.Millisecond
)

// open puts a pipe of this process between gonbui and the kernel.
func (d *displays) open() {
	if !gonbui.IsNotebook {
		return
	}
	path := os.Getenv(protocol.GONB_PIPE_ENV)
	kernel, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	_ = os.Setenv(protocol.GONB_PIPE_ENV, fmt.Sprintf("/dev/fd/%d", w.Fd()))
	err = gonbui.Open()
	_ = os.Setenv(protocol.GONB_PIPE_ENV, path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "displays are lost:", err)
		return
	}
	d.tap = wire.NewTap(r, func(piece []byte) {
		if _, err := kernel.Write(piece); err != nil {
			d.gone.Store(true)
		}
		d.sent.Add(int64(len(piece)))
	})
	go func() {
		defer w.Close() // gonbui has opened the pipe itself
		d.tap.Run()
	}()
}

// settle waits for a short time until the kernel has shown everything that has been displayed. The
// next one waits again if that was too short.
func (d *displays) settle() {
	if d.pending() {
		d.ask(time.Now().Add(patience))
	}
}

// settleAll waits until the kernel has shown everything that has been displayed, or has gone.
func (d *displays) settleAll() {
	if d.pending() {
		d.ask(time.Time{})
	}
}

// end is settleAll for the end of a cell. It asks the kernel also if a text has asked before, since
// another goroutine may have displayed something while the kernel answered.
func (d *displays) end() {
	if d.pending() || d.sent.Load() != d.ended {
		d.ask(time.Time{})
		d.ended = d.sent.Load()
	}
}

// pending reports whether the kernel may have to show something yet.
func (d *displays) pending() bool {
	if d.tap == nil {
		return false
	}
	d.tap.Drain()
	return d.sent.Load() != d.shown.Load()
}

// ask waits until the kernel has shown what has been displayed, until it has gone, or until the
// limit, if there is one.
func (d *displays) ask(limit time.Time) {
	lost := func() bool { return d.gone.Load() || gonbui.Error() != nil }
	if lost() {
		return
	}
	done := make(chan struct{})
	go func() {
		gonbui.Sync()
		close(done)
	}()
	for !lost() {
		wait := alertness
		if !limit.IsZero() {
			wait = min(wait, time.Until(limit))
		}
		select {
		case <-done:
			d.shown.Store(d.sent.Load())
			return
		case <-time.After(wait):
		}
		if !limit.IsZero() && !time.Now().Before(limit) {
			return
		}
	}
}

// clearOutput lets the front end clear what the cell has shown. The message goes where displays go,
// so that it keeps its place among them.
func clearOutput(wait bool) {
	gonbui.SendData(&protocol.DisplayData{Data: map[protocol.MIMEType]any{wire.MIMEClear: wait}})
}
