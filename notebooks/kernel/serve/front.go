package serve

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"

	"github.com/go-zeromq/zmq4"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/zmtp"
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

// address returns the network and the address of a port.
func (c connection) address(port int) (network, address string) {
	if c.Transport == "ipc" {
		return "unix", fmt.Sprintf("%s-%d", c.IP, port)
	}
	host := c.IP
	if host == "*" { // ZeroMQ's word for all interfaces
		host = ""
	}
	return "tcp", net.JoinHostPort(host, strconv.Itoa(port))
}

// warnings lists what lets other users into the kernel of a connection file.
func (c connection) warnings(path string) (all []string) {
	if c.Key == "" && c.Transport != "ipc" {
		all = append(all, "the connection file has no key: everybody who reaches the kernel's ports can run code in it")
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		all = append(all, fmt.Sprintf("other users may have access to the kernel's key, since %s has the mode %#o; "+
			"run chmod 600 on it", path, info.Mode().Perm()))
	}
	return all
}

// report writes a line to the log of the Jupyter server.
func report(line string) { fmt.Fprintln(os.Stderr, "eqflow kernel:", line) }

// outlet is a socket that several goroutines send to.
type outlet interface {
	Recv() ([][]byte, error)
	Send(frames [][]byte) error
}

// front holds the five sockets that Jupyter talks to.
type front struct {
	group                                   *zmtp.Group
	shell, control, stdin, iopub, heartbeat *zmtp.Socket
	key                                     gonb.Signer
	session                                 string // names this run of the kernel in all of its messages
	admission                               *admission
	recall                                  recall
}

// listen opens the sockets of a connection file. They admit authentic messages only. The heartbeat
// socket needs no further care.
func listen(c connection) (*front, error) {
	key := gonb.Signer(c.Key)
	f := &front{
		group: zmtp.NewGroup(report), key: key, session: gonb.RandomToken(), admission: newAdmission(key),
	}
	f.group.Greet(f.welcome)
	for _, s := range []struct {
		to   **zmtp.Socket
		kind zmtp.Kind
		port int
	}{
		{&f.shell, zmtp.Router, c.Shell},
		{&f.control, zmtp.Router, c.Control},
		{&f.stdin, zmtp.Router, c.Stdin},
		{&f.iopub, zmtp.Publisher, c.IOPub},
		{&f.heartbeat, zmtp.Echo, c.Heartbeat},
	} {
		network, address := c.address(s.port)
		socket, err := f.group.Listen(s.kind, network, address, f.admission.admit)
		if err != nil {
			f.close()
			return nil, fmt.Errorf("kernel: cannot listen at %s: %w; restart the kernel", address, err)
		}
		*s.to = socket
	}
	return f, nil
}

// welcome lets a subscriber of the output channel join. Its first message says that it misses
// nothing from now on (Jupyter's enhancement proposal 65).
func (f *front) welcome(topic string, join func(), send func(frames [][]byte)) {
	f.recall.join(func() {
		join()
		m, err := f.key.Frames(gonb.Message{
			Identities: [][]byte{[]byte("iopub_welcome")}, Header: gonb.NewHeader(f.session, "iopub_welcome"),
			Content: map[string]any{"subscription": topic},
		})
		if err == nil {
			send(m.Frames)
		}
	}, send)
}

// publish publishes a message that answers a session.
func (f *front) publish(session string, frames [][]byte) error {
	return f.recall.publish(session, frames, f.iopub.Send)
}

func (f *front) close() {
	for _, s := range []*zmtp.Socket{f.shell, f.control, f.stdin, f.iopub, f.heartbeat} {
		if s != nil {
			_ = s.Close()
		}
	}
}

// private is a socket to GoNB, in a folder that other users cannot enter.
type private struct {
	zmq4.Socket
	mu sync.Mutex
}

// Recv returns the frames of the next message.
func (s *private) Recv() ([][]byte, error) {
	m, err := s.Socket.Recv()
	return m.Frames, err
}

// Send sends a message.
func (s *private) Send(frames [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.SendMulti(zmq4.NewMsgFrom(frames...))
}
