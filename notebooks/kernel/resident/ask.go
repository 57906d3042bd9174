package resident

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The environment by which a kernel tells its cells about the helper.
const (
	EnvSocket  = "EQFLOW_RESIDENT" // where the kernel's helper listens
	EnvProgram = "EQFLOW_PROGRAM"  // the eqflow program, for a helper of one's own

	envBackend = "EQFLOW_BACKEND" // as in package xla, which must not be linked here
)

// question is what is sent, one on a connection.
type question struct {
	Folder  string // of the model
	Backend string // a spec for xla.Open
	What    any
}

// message is what comes back: an empty one at once, progress, and at the end the answer or what was wrong.
type message struct {
	Done, Total int
	Answer      any
	Failure     string
}

// patience is how long a helper may take to say that it is there: a process starts meanwhile.
const patience = 15 * time.Second

// errDied says that a helper ended over a question.
var errDied = errors.New("the helper ended before it had answered")

// ask puts a question to a helper, and to the next one if the first dies over it.
func (m *Model) ask(what any) (any, error) {
	folder, err := filepath.Abs(m.Folder)
	if err != nil {
		return nil, err
	}
	q := question{Folder: folder, Backend: os.Getenv(envBackend), What: what}
	for retried := false; ; retried = true {
		c, err := connect()
		if err != nil {
			return nil, err
		}
		answer, err := c.exchange(m.ctx, q, m.report)
		if !errors.Is(err, errDied) {
			return answer, err
		}
		if retried {
			return nil, fmt.Errorf("resident: %w, twice; is memory short? It last said: %s", err, c.lastWords())
		}
	}
}

// connection is one to a helper that has said that it is there.
type connection struct {
	net.Conn
	socket string
	from   *gob.Decoder
}

// connect reaches the kernel's helper, or one of our own.
func connect() (*connection, error) {
	if socket := os.Getenv(EnvSocket); socket != "" {
		if c, err := dial(socket); err == nil {
			return c, nil
		}
	}
	host, err := ownHost()
	if err != nil {
		return nil, err
	}
	return dial(host.socket)
}

func dial(socket string) (*connection, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("resident: no helper listens: %w", err)
	}
	c := &connection{conn, socket, gob.NewDecoder(conn)}
	var there message
	if err := errors.Join(conn.SetReadDeadline(time.Now().Add(patience)), c.from.Decode(&there), conn.SetReadDeadline(time.Time{})); err != nil {
		conn.Close()
		return nil, fmt.Errorf("resident: the helper does not answer (%w); it last said: %s", err, c.lastWords())
	}
	return c, nil
}

// exchange sends the question and waits for its answer. It closes the connection, by which the helper learns that an answer
// is not wanted any more.
func (c *connection) exchange(ctx context.Context, q question, report func(done, total int)) (any, error) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if err := gob.NewEncoder(c).Encode(q); err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("%w (%w)", errDied, err)
	}
	for {
		var m message
		err := c.from.Decode(&m)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("resident: stopped: %w", context.Cause(ctx))
		case err != nil:
			return nil, fmt.Errorf("%w (%w)", errDied, err)
		case m.Failure != "":
			return nil, errors.New(m.Failure)
		case m.Answer != nil:
			return m.Answer, nil
		case report != nil:
			report(m.Done, m.Total)
		}
	}
}

// lastWords are the end of the helper's log.
func (c *connection) lastWords() string {
	text, _ := os.ReadFile(logOf(c.socket))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if last := strings.Join(lines[max(0, len(lines)-3):], "; "); last != "" {
		return last
	}
	return "nothing"
}

// logOf is where a socket's helpers write what they have to say.
func logOf(socket string) string { return socket + ".log" }
