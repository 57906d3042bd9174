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
// was displayed before.
type displays struct {
	tap         *wire.Tap // of what gonbui writes, or nil
	sent, shown atomic.Int64
}

// patience is the time that a text waits for displays at most. The function that a widget calls may
// wait in vain: it runs where gonbui receives the kernel's answer.
const patience = 200 * time.Millisecond

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
		_, _ = kernel.Write(piece)
		d.sent.Add(int64(len(piece)))
	})
	go func() {
		defer w.Close() // gonbui has opened the pipe itself
		d.tap.Run()
	}()
}

// settle waits until the kernel has shown everything that has been displayed.
func (d *displays) settle() {
	if d.tap == nil {
		return
	}
	d.tap.Drain()
	if d.sent.Load() == d.shown.Load() {
		return
	}
	done := make(chan struct{})
	go func() {
		gonbui.Sync()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
	}
	d.shown.Store(d.sent.Load())
}

// clearOutput lets the front end clear what the cell has shown. The message goes where displays go,
// so that it keeps its place among them.
func clearOutput(wait bool) {
	gonbui.SendData(&protocol.DisplayData{Data: map[protocol.MIMEType]any{wire.MIMEClear: wait}})
}
