package serve

import (
	"encoding/gob"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// bridge joins the widgets of a living cell to GoNB, which talks to the front end's widgets for the
// program that it runs. Here this program is a small one that passes GoNB's two pipes on to a
// socket.
type bridge struct {
	mu      sync.Mutex
	conn    net.Conn // nil if the program has not come
	encoder *gob.Encoder
	ended   chan struct{} // closed when GoNB has ended the program
}

// bridgeCell is the program: GoNB runs it as a cell. %s is the socket.
const bridgeCell = `%%%%
conn, err := net.Dial("unix", %q)
if err != nil {
	panic(err)
}
back, err := os.Open(os.Getenv("GONB_PIPE_BACK"))
if err == nil {
	go io.Copy(conn, back)
}
to, err := os.OpenFile(os.Getenv("GONB_PIPE"), os.O_WRONLY, 0)
if err != nil {
	panic(err)
}
signal.Ignore(os.Interrupt)
io.Copy(to, conn)`

// bridgeLimit is the time in which GoNB must compile and start the program.
const bridgeLimit = 30 * time.Second

// openBridge lets GoNB run the program for a cell, and waits for it.
func (l *living) openBridge(m *gonb.Message) *bridge {
	b := &bridge{ended: make(chan struct{})}
	socket := filepath.Join(l.scratch, "w"+gonb.RandomToken()[:6])
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		close(b.ended)
		l.note(m, fmt.Sprintf("widgets do not work in this cell: %v\n", err))
		return b
	}
	request := *m
	go func() {
		defer close(b.ended)
		l.lend(&request, 0, fmt.Sprintf(bridgeCell, socket))
	}()
	go func() {
		<-b.ended // without a program, if it does not compile or is interrupted
		_ = listener.Close()
	}()
	_ = listener.SetDeadline(time.Now().Add(bridgeLimit))
	conn, err := listener.Accept()
	_, _ = listener.Close(), os.Remove(socket)
	if err != nil {
		l.note(m, fmt.Sprintf("widgets do not work in this cell: %v\n", err))
		return b
	}
	b.conn, b.encoder = conn, gob.NewEncoder(conn)
	go func() {
		decoder := gob.NewDecoder(conn)
		for {
			value := &protocol.CommValue{}
			if decoder.Decode(value) != nil {
				return
			}
			l.kernel.Tell(value)
		}
	}()
	return b
}

// send passes a message of a widget to GoNB.
func (b *bridge) send(message any) {
	kind := protocol.MIMECommValue
	switch message.(type) {
	case protocol.CommSubscription:
		kind = protocol.MIMECommSubscribe
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil {
		_ = b.encoder.Encode(&protocol.DisplayData{Data: map[protocol.MIMEType]any{kind: message}})
	}
}

// close ends the program.
func (b *bridge) close() {
	if b == nil {
		return
	}
	b.mu.Lock()
	if b.conn != nil {
		_ = b.conn.Close()
	}
	b.mu.Unlock()
	<-b.ended
}
