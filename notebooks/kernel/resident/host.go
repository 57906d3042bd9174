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

	"github.com/eqflow/gonb-eqflow/internal/gocommand"
	"github.com/eqflow/gonb-eqflow/internal/scratch"
)

// Host keeps a helper running at a socket. The socket outlives a helper that dies: a query then
// waits for the next helper.
type Host struct {
	socket string
	stop   context.CancelFunc
	ended  chan struct{}
}

// startInterval is the least time between two starts of a helper, so that a helper which dies at
// once does not load the machine.
const startInterval = time.Second

// NewHost listens at a socket and runs the helper there: `eqflow kernel helper` of the given
// program. The socket's folder must exist, and other users must not have access to it. The helper
// ends with this process, however this process ends.
func NewHost(socket, program string) (*Host, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("resident: cannot listen: %w", err)
	}
	// The folder keeps other users out already.
	if err := os.Chmod(socket, 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("resident: cannot close the socket to other users: %w", err)
	}
	file, err := listener.File()
	if err != nil {
		listener.Close()
		return nil, fmt.Errorf("resident: the helper cannot be given the socket: %w", err)
	}
	log, err := os.Create(logOf(socket))
	if err != nil {
		err = fmt.Errorf("resident: cannot write the helper's log: %w", err)
		return nil, errors.Join(err, file.Close(), listener.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	h := &Host{socket: socket, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(h.ended)
		keepHelper(ctx, program, file, log)
		_, _, _ = file.Close(), listener.Close(), log.Close()
	}()
	return h, nil
}

// keepHelper runs one helper after the other until ctx ends.
func keepHelper(ctx context.Context, program string, socket, log *os.File) {
	for ctx.Err() == nil {
		next := time.After(startInterval)
		if err := runHelper(ctx, program, socket, log); ctx.Err() == nil {
			fmt.Fprintln(log, "the helper ended:", err)
		}
		select {
		case <-next:
		case <-ctx.Done():
		}
	}
}

// runHelper runs one helper until it ends or ctx ends.
func runHelper(ctx context.Context, program string, socket, log *os.File) error {
	command := exec.CommandContext(ctx, program, "kernel", "helper")
	command.ExtraFiles = []*os.File{socket}
	command.Stdout, command.Stderr = log, log
	if _, err := command.StdinPipe(); err != nil { // never written: it closes when this process ends
		return err
	}
	return command.Run()
}

// Close ends the helper.
func (h *Host) Close() {
	h.stop()
	<-h.ended
}

// ownHost starts the host of this process, which serves cells without a kernel's helper.
var ownHost = sync.OnceValues(func() (*Host, error) {
	folder, _, err := scratch.Make(scratch.Need{
		Pattern: "eqflow-resident-", Sockets: len("/socket"), Execute: true,
	})
	if err != nil {
		return nil, fmt.Errorf("resident: %w", err)
	}
	program, err := findProgram(folder)
	if err != nil {
		return nil, err
	}
	return NewHost(filepath.Join(folder, "socket"), program)
})

// findProgram returns the eqflow program: the kernel's, or the one in the PATH. Without either it
// builds the program into folder, from the clone around the working folder, in a few seconds.
func findProgram(folder string) (string, error) {
	if program := os.Getenv(EnvProgram); program != "" {
		return program, nil
	}
	if program, err := exec.LookPath("eqflow"); err == nil {
		return program, nil
	}
	program := filepath.Join(folder, "eqflow")
	build := exec.Command("go", "build", "-o", program, "github.com/eqflow/gonb-eqflow/cmd/eqflow")
	build.Env = append(gocommand.Environment(os.Environ()), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("resident: there is no eqflow program; run `go install ./cmd/eqflow` in the clone, "+
			"or use its kernel (building it here: %w: %s)", err, out)
	}
	return program, nil
}

// socketFile is the number of the helper's socket among its open files, after the three standard
// files.
const socketFile = 3

// Run is the helper's main function. It answers queries at the socket that it was started with,
// until the process that started it has ended. open opens a backend by its spec.
func Run(open func(spec string) (compute.Backend, error)) error {
	file := os.NewFile(socketFile, "socket")
	listener, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("resident: no socket was passed on: %w; "+
			"only the kernel, and programs that query models, start this command", err)
	}
	_ = file.Close() // the listener has a copy
	go serve(listener, open)
	_, _ = io.Copy(io.Discard, os.Stdin)
	socket := listener.Addr().String()
	// The folder is removed only if it is empty.
	_, _, _ = os.Remove(socket), os.Remove(logOf(socket)), os.Remove(filepath.Dir(socket))
	return nil
}
