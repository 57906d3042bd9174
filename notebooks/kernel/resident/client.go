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

// The environment variables by which a kernel tells its cells about the helper.
const (
	EnvSocket  = "EQFLOW_RESIDENT" // the socket of the kernel's helper
	EnvProgram = "EQFLOW_PROGRAM"  // the eqflow program, for a helper of the cell's own

	envBackend = "EQFLOW_BACKEND" // as in package xla, which must not be linked here
)

// query is the one request on a connection.
type query struct {
	Folder  string // of the model
	Backend string // a spec for xla.Open
	What    any
}

// reply is a message of the helper: an empty greeting, then progress, and at the end the answer or
// the failure.
type reply struct {
	Done, Total int
	Answer      any
	Failure     string
}

// greetingLimit is the time in which a helper must send its greeting. Its process may have to start
// first.
const greetingLimit = 15 * time.Second

// errEnded is the error for a helper that ended during a query.
var errEnded = errors.New("the helper ended before it had answered")

// ask sends a query to a helper. If the helper ends during the query, ask repeats it once, to the
// next helper.
func (m *Model) ask(what any) (any, error) {
	folder, err := filepath.Abs(m.Folder)
	if err != nil {
		return nil, err
	}
	q := query{Folder: folder, Backend: os.Getenv(envBackend), What: what}
	for repeated := false; ; repeated = true {
		c, err := connect()
		if err != nil {
			return nil, err
		}
		answer, err := c.exchange(m.ctx, q, m.report)
		if !errors.Is(err, errEnded) {
			return answer, err
		}
		if repeated {
			return nil, fmt.Errorf("resident: %w, twice; check that there is enough memory; the end of its log: %s",
				err, c.logEnd())
		}
	}
}

// connection is a connection to a helper that has sent its greeting.
type connection struct {
	net.Conn
	socket string
	from   *gob.Decoder
}

// connect connects to the kernel's helper or, without one, to the helper of this process.
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
	var greeting reply
	err = errors.Join(conn.SetReadDeadline(time.Now().Add(greetingLimit)), c.from.Decode(&greeting),
		conn.SetReadDeadline(time.Time{}))
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("resident: the helper does not answer (%w); the end of its log: %s", err, c.logEnd())
	}
	return c, nil
}

// exchange sends the query, waits for its answer and closes the connection. When ctx ends it closes
// the connection at once, by which the helper learns that the answer is not needed any more.
func (c *connection) exchange(ctx context.Context, q query, report func(done, total int)) (any, error) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if err := gob.NewEncoder(c).Encode(q); err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("%w (%w)", errEnded, err)
	}
	for {
		var r reply
		err := c.from.Decode(&r)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("resident: stopped: %w", context.Cause(ctx))
		case err != nil:
			return nil, fmt.Errorf("%w (%w)", errEnded, err)
		case r.Failure != "":
			return nil, errors.New(r.Failure)
		case r.Answer != nil:
			return r.Answer, nil
		case report != nil:
			report(r.Done, r.Total)
		}
	}
}

// logEnd returns the last three lines of the helper's log.
func (c *connection) logEnd() string {
	text, _ := os.ReadFile(logOf(c.socket))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if last := strings.Join(lines[max(0, len(lines)-3):], "; "); last != "" {
		return last
	}
	return "it is empty"
}

// logOf returns the path of the log of a socket's helpers.
func logOf(socket string) string { return socket + ".log" }
