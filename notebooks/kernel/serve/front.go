package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/go-zeromq/zmq4"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// connection is Jupyter's connection file.
type connection struct {
	Transport string `json:"transport"`
	IP        string `json:"ip"`
	Key       string `json:"key"`
	Scheme    string `json:"signature_scheme"`
	Shell     int    `json:"shell_port"`
	IOPub     int    `json:"iopub_port"`
	Stdin     int    `json:"stdin_port"`
	Control   int    `json:"control_port"`
	Heartbeat int    `json:"hb_port"`
}

func readConnection(path string) (connection, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return connection{}, fmt.Errorf("kernel: cannot read Jupyter's connection file: %w; "+
			"Jupyter starts this program, choose the kernel there", err)
	}
	var c connection
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("kernel: %s is not a connection file: %w", path, err)
	}
	if c.Scheme != "" && c.Scheme != "hmac-sha256" {
		return c, fmt.Errorf("kernel: %s asks for signatures by %s; only hmac-sha256 is supported", path, c.Scheme)
	}
	return c, nil
}

func (c connection) address(port int) string {
	if c.Transport == "ipc" {
		return fmt.Sprintf("ipc://%s-%d", c.IP, port)
	}
	return fmt.Sprintf("tcp://%s:%d", c.IP, port)
}

// outlet is a socket that several goroutines send to.
type outlet struct {
	zmq4.Socket
	mu sync.Mutex
}

func (o *outlet) send(m zmq4.Msg) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.SendMulti(m)
}

// front holds the five sockets that Jupyter talks to.
type front struct {
	shell, control, stdin, iopub, heartbeat *outlet
	key                                     gonb.Signer
}

// listen opens the sockets of a connection file.
func listen(ctx context.Context, c connection) (*front, error) {
	f := &front{key: gonb.Signer(c.Key)}
	for _, s := range []struct {
		to     **outlet
		socket zmq4.Socket
		port   int
	}{
		{&f.shell, zmq4.NewRouter(ctx), c.Shell},
		{&f.control, zmq4.NewRouter(ctx), c.Control},
		{&f.stdin, zmq4.NewRouter(ctx), c.Stdin},
		{&f.iopub, zmq4.NewPub(ctx), c.IOPub},
		{&f.heartbeat, zmq4.NewRep(ctx), c.Heartbeat},
	} {
		*s.to = &outlet{Socket: s.socket}
		if err := s.socket.Listen(c.address(s.port)); err != nil {
			f.close()
			return nil, fmt.Errorf("kernel: cannot listen at %s: %w; restart the kernel", c.address(s.port), err)
		}
	}
	return f, nil
}

func (f *front) close() {
	for _, s := range []*outlet{f.shell, f.control, f.stdin, f.iopub, f.heartbeat} {
		if s != nil {
			_ = s.Close()
		}
	}
}

// answerHeartbeats echoes heartbeats until the socket closes.
func (f *front) answerHeartbeats() {
	for {
		m, err := f.heartbeat.Recv()
		if err != nil {
			return
		}
		if f.heartbeat.send(m) != nil {
			return
		}
	}
}
