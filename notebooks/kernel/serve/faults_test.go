//go:build faults

package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// serveLimit is the time in which a good client must be served, also on a busy machine. It takes a
// tenth of a second.
const serveLimit = 20 * time.Second

// startWait is the time in which a kernel must start.
const startWait = 2 * time.Minute

// ports are the five sockets of a kernel.
var ports = []string{"shell_port", "control_port", "stdin_port", "iopub_port", "hb_port"}

// attacked is the real program, `eqflow kernel run`, at ports of this machine.
type attacked struct {
	t       *testing.T
	dir     string
	key     gonb.Signer
	port    map[string]int
	command *exec.Cmd
	ended   chan struct{}
	witness *visitor // a good client that was there before the attacks
}

// startAttacked builds and starts the program. files limits its open files, unless it is 0.
func startAttacked(t *testing.T, files int) *attacked {
	t.Helper()
	root, tools := builtTools(t)
	k := &attacked{
		t: t, dir: shortTemp(t), key: gonb.Signer(gonb.RandomToken()),
		port: map[string]int{}, ended: make(chan struct{}),
	}
	connection := map[string]any{
		"transport": "tcp", "ip": "127.0.0.1", "key": string(k.key), "signature_scheme": "hmac-sha256",
	}
	for _, name := range ports {
		k.port[name] = freePort(t)
		connection[name] = k.port[name]
	}
	text, err := json.Marshal(connection)
	file := filepath.Join(k.dir, "kernel-0123.json")
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	program := filepath.Join(k.dir, "eqflow")
	if err == nil {
		_, err = gonb.GoCommand(context.Background(), root, "build", "-o", program, "./cmd/eqflow")
	}
	if err != nil {
		t.Fatal(err)
	}
	script := `exec "$@"`
	if files > 0 {
		script = fmt.Sprintf("ulimit -n %d; ", files) + script
	}
	k.command = exec.Command("/bin/sh", "-c", script, "sh", program, "kernel", "run", file)
	k.command.Env = append(os.Environ(), EnvRoot+"="+root, EnvTools+"="+tools.Dir, "TMPDIR="+k.dir)
	k.command.Dir, k.command.Stderr = k.dir, os.Stderr
	if err := k.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = k.command.Wait()
		close(k.ended)
	}()
	t.Cleanup(func() {
		_ = k.command.Process.Kill()
		<-k.ended
	})
	if k.witness, err = k.visit(startWait); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.witness.close)
	return k
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func (k *attacked) address(port string) string { return fmt.Sprintf("127.0.0.1:%d", k.port[port]) }

// attack connects to a socket of the kernel.
func (k *attacked) attack(port string) *attacker { return attack(k.t, "tcp", k.address(port)) }

// visitor is a good client.
type visitor struct {
	key                   gonb.Signer
	id                    string
	shell, control, iopub zmq4.Socket
	received              chan gonb.Message // what concerns its own requests
	stop                  context.CancelFunc
}

// visit connects a good client and runs a cell with it.
func (k *attacked) visit(limit time.Duration) (*visitor, error) {
	ctx, stop := context.WithCancel(context.Background())
	v := &visitor{key: k.key, id: gonb.RandomToken(), received: make(chan gonb.Message, 1024), stop: stop}
	id := zmq4.WithID(zmq4.SocketIdentity(v.id))
	retry := zmq4.WithDialerMaxRetries(int(limit / (250 * time.Millisecond)))
	v.shell, v.control = zmq4.NewDealer(ctx, id, retry), zmq4.NewDealer(ctx, id, retry)
	v.iopub = zmq4.NewSub(ctx, retry)
	for port, socket := range map[string]zmq4.Socket{
		"shell_port": v.shell, "control_port": v.control, "iopub_port": v.iopub,
	} {
		if err := socket.Dial("tcp://" + k.address(port)); err != nil {
			v.close()
			return nil, err
		}
		go v.receive(socket)
	}
	err := v.iopub.SetOption(zmq4.OptionSubscribe, "")
	if err == nil {
		time.Sleep(50 * time.Millisecond) // the subscription must arrive before the cell's output
		err = v.cell(limit)
	}
	if err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

func (v *visitor) close() {
	v.stop()
	for _, socket := range []zmq4.Socket{v.shell, v.control, v.iopub} {
		_ = socket.Close()
	}
}

// receive keeps the messages about the visitor's own requests.
func (v *visitor) receive(socket zmq4.Socket) {
	for {
		raw, err := socket.Recv()
		if err != nil {
			return
		}
		if m, ok := v.key.Parse(raw.Frames); ok && m.Parent.Session == v.id {
			v.received <- m
		}
	}
}

// cell runs a cell that GoNB need not compile, and checks its output and its reply.
func (v *visitor) cell(limit time.Duration) error {
	word := gonb.RandomToken()
	return v.run("!echo "+word, word+"\n", limit)
}

// run runs a cell and waits for its output and its reply.
func (v *visitor) run(code, output string, limit time.Duration) error {
	header := gonb.NewHeader(v.id, "execute_request")
	m, err := v.key.Frames(gonb.Message{Header: header, Content: map[string]any{
		"code": code, "silent": false, "store_history": true, "user_expressions": map[string]any{},
		"allow_stdin": false, "stop_on_error": true,
	}})
	if err == nil {
		err = v.shell.SendMulti(m)
	}
	if err != nil {
		return err
	}
	late := time.After(limit)
	for shown, replied := output == "", false; !shown || !replied; {
		select {
		case m := <-v.received:
			if m.Parent.ID != header.ID {
				continue
			}
			shown = shown || m.Header.Type == "stream" && text(m.Content["text"]) == output
			if m.Header.Type == "execute_reply" {
				if replied = true; m.Content["status"] != "ok" {
					return fmt.Errorf("the cell fails: %v", m.Content)
				}
			}
		case <-late:
			return fmt.Errorf("a cell has not ended within %s", limit)
		}
	}
	return nil
}

// losses says what an attack has cost: whether the kernel runs, whether the witness is still
// served, and whether a newcomer is.
func (k *attacked) losses() (lost string, newcomer time.Duration) {
	select {
	case <-k.ended:
		return "the kernel has ended: " + k.command.ProcessState.String(), 0
	default:
	}
	var all []error
	if err := k.witness.cell(serveLimit); err != nil {
		all = append(all, fmt.Errorf("an earlier client is not served: %w", err))
	}
	began := time.Now()
	v, err := k.visit(serveLimit)
	newcomer = time.Since(began)
	if err != nil {
		all = append(all, fmt.Errorf("a new client is not served: %w", err))
	} else {
		v.close()
	}
	if err := errors.Join(all...); err != nil {
		return strings.ReplaceAll(err.Error(), "\n", "; "), newcomer
	}
	return "nothing", newcomer
}

// memory returns the most memory that the kernel's process has held, in MiB.
func (k *attacked) memory() int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", k.command.Process.Pid))
	var kib int
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
		_, _ = fmt.Sscan(rest, &kib)
	}
	return kib >> 10
}

// row is an attack. try returns what was tried.
type row struct {
	name string
	try  func(k *attacked) (tried string)
}

// run runs attacks on one kernel and prints what each has cost.
func (k *attacked) run(rows []row) {
	fmt.Printf("%-34s | %-58s | %-8s | %-11s | %s\n", "attack", "tried", "newcomer", "peak memory", "lost")
	for _, r := range rows {
		tried := r.try(k)
		lost, newcomer := k.losses()
		fmt.Printf("%-34s | %-58s | %6.2f s | %7d MiB | %s\n", r.name, tried, newcomer.Seconds(), k.memory(), lost)
		if lost != "nothing" {
			k.t.Errorf("%s: %s", r.name, lost)
		}
	}
	if used := k.memory(); used > 1500 {
		k.t.Errorf("the kernel has held %d MiB", used)
	}
}
