package resident

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/gomlx/compute"
)

// Host keeps a helper at a socket. The socket outlives a helper that dies: who asks then waits for the next.
type Host struct {
	socket string
	stop   context.CancelFunc
	ended  chan struct{}
}

// restEvery is how often a helper may be started, so that one which dies at once does not take the machine.
const restEvery = time.Second

// NewHost listens at a socket in an existing folder, which others must not be able to enter, and has the eqflow program answer
// there: `eqflow kernel helper`. The helper ends with this process, however that ends.
func NewHost(socket, program string) (*Host, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("resident: cannot listen: %w", err)
	}
	file, err := listener.File()
	if err != nil {
		listener.Close()
		return nil, fmt.Errorf("resident: a helper cannot be given the socket: %w", err)
	}
	log, err := os.Create(logOf(socket))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("resident: cannot write the helper's log: %w", err), file.Close(), listener.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	h := &Host{socket: socket, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(h.ended)
		for ctx.Err() == nil {
			rested := time.After(restEvery)
			if err := runHelper(ctx, program, file, log); ctx.Err() == nil {
				fmt.Fprintln(log, "the helper ended:", err)
			}
			select {
			case <-rested:
			case <-ctx.Done():
			}
		}
		_, _, _ = file.Close(), listener.Close(), log.Close()
	}()
	return h, nil
}

// runHelper runs one helper until it ends, or ctx does.
func runHelper(ctx context.Context, program string, socket, log *os.File) error {
	command := exec.CommandContext(ctx, program, "kernel", "helper")
	command.ExtraFiles = []*os.File{socket}
	command.Stdout, command.Stderr = log, log
	if _, err := command.StdinPipe(); err != nil { // nothing is ever written: it closes with us
		return err
	}
	return command.Run()
}

// Close ends the helper.
func (h *Host) Close() {
	h.stop()
	<-h.ended
}

// ownHost is that of this process, for want of a kernel's.
var ownHost = sync.OnceValues(func() (*Host, error) {
	folder, err := os.MkdirTemp("", "eqflow-resident-")
	if err != nil {
		return nil, fmt.Errorf("resident: no temporary folder: %w; set TMPDIR to one that can be written", err)
	}
	program, err := findProgram(folder)
	if err != nil {
		return nil, err
	}
	return NewHost(filepath.Join(folder, "socket"), program)
})

// findProgram is the eqflow program that the kernel has told about, or that of the PATH, or one that is built for now, which
// takes a few seconds, out of the clone that the working folder is in.
func findProgram(folder string) (string, error) {
	if program := os.Getenv(EnvProgram); program != "" {
		return program, nil
	}
	if program, err := exec.LookPath("eqflow"); err == nil {
		return program, nil
	}
	program := filepath.Join(folder, "eqflow")
	if said, err := exec.Command("go", "build", "-o", program, "github.com/eqflow/gonb-eqflow/cmd/eqflow").CombinedOutput(); err != nil {
		return "", fmt.Errorf("resident: there is no eqflow program to ask; run `go install ./cmd/eqflow` in the clone, or use its kernel (building it here: %w: %s)", err, said)
	}
	return program, nil
}

// socketFile is where a helper finds its socket: after the three that every process has.
const socketFile = 3

// Run is the helper: it answers at the socket that it was started with until the process that started it is gone.
func Run(open func(spec string) (compute.Backend, error)) error {
	file := os.NewFile(socketFile, "socket")
	listener, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("resident: no socket was handed over: %w; the kernel and programs that ask models start this, nobody else needs to", err)
	}
	_ = file.Close() // the listener has a copy
	go serve(listener, open)
	_, _ = io.Copy(io.Discard, os.Stdin)
	socket := listener.Addr().String()
	_, _, _ = os.Remove(socket), os.Remove(logOf(socket)), os.Remove(filepath.Dir(socket)) // unless it holds more
	return nil
}
