package gonb

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-zeromq/zmq4"

	"github.com/eqflow/gonb-eqflow/internal/guard"
	"github.com/eqflow/gonb-eqflow/internal/scratch"
)

// startLimit is the time in which GoNB must answer its first request.
const startLimit = 30 * time.Second

// Kernel is a GoNB process that listens on private sockets.
type Kernel struct {
	dir     string // private: sockets, connection file, log, temporary files
	process *guard.Process
	key     Signer
}

// Options say how GoNB is started.
type Options struct {
	Tools  Toolchain
	Folder string   // of the notebook: the cells' working folder
	Env    []string // further variables, "NAME=value"
	Key    Signer
	// Name is the name of the connection file. Widgets need the kernel's id, which GoNB reads from
	// a name like kernel-ID.json.
	Name string
	Args []string
}

// NewKernel makes the private folder of a kernel. Start starts the kernel, and Close removes it.
func NewKernel() (*Kernel, error) {
	dir, note, err := scratch.Make(Temporary)
	if err != nil {
		return nil, fmt.Errorf("kernel: %w", err)
	}
	if note != "" {
		fmt.Fprintln(os.Stderr, "eqflow:", note)
	}
	if err := os.WriteFile(filepath.Join(dir, ownerFile), fmt.Append(nil, os.Getpid()), 0o600); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("kernel: cannot write into the temporary folder: %w; set TMPDIR to another folder", err)
	}
	return &Kernel{dir: dir}, nil
}

// Dir returns the kernel's private folder.
func (k *Kernel) Dir() string { return k.dir }

// Temporary is what the temporary folder of a kernel must be good for.
var Temporary = scratch.Need{Pattern: kernelFolders, Sockets: len("/resident"), Execute: true}

// kernelFolders is how the names of the temporary folders begin.
const kernelFolders = "eqflow-gonb-"

// ownerFile holds the number of the process that a kernel's folder belongs to.
const ownerFile = "owner"

// RemoveStale removes the folders of kernels whose machine went down. In all other cases the
// watchers remove them.
func RemoveStale() {
	var folders []string
	for _, base := range scratch.Bases() {
		found, _ := filepath.Glob(filepath.Join(base, kernelFolders+"*"))
		folders = append(folders, found...)
	}
	for _, folder := range folders {
		text, err := os.ReadFile(filepath.Join(folder, ownerFile))
		if err != nil {
			continue // another user's folder, or a kernel that is just starting
		}
		owner, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && !alive(owner) {
			_ = os.RemoveAll(folder)
		}
	}
}

// Start starts GoNB. The sockets may not listen yet when Start returns.
func (k *Kernel) Start(o Options) error {
	k.key = o.Key
	file, err := k.writeConnection(o.Name)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(k.dir, "gonb.log"))
	if err != nil {
		return fmt.Errorf("kernel: cannot write GoNB's log: %w", err)
	}
	defer log.Close()
	if err := k.wrapGopls(); err != nil {
		return err
	}
	program := filepath.Join(o.Tools.Dir, "gonb")
	k.process, err = guard.Start(guard.Options{
		Program: program, Args: append([]string{"--kernel", file}, o.Args...), Dir: o.Folder,
		Env: k.environment(o), Log: log, Folder: k.dir,
	})
	if err != nil {
		return fmt.Errorf("kernel: GoNB does not start: %w; run `eqflow kernel install` again", err)
	}
	return nil
}

// writeConnection writes the connection file for GoNB and returns its path.
func (k *Kernel) writeConnection(name string) (string, error) {
	// For ipc, GoNB joins address and port with a dash.
	text, err := json.Marshal(map[string]any{
		"transport": "ipc", "ip": k.socketPrefix(), "key": string(k.key), "signature_scheme": "hmac-sha256",
		"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5, "kernel_name": "gonb",
	})
	if err != nil {
		return "", err
	}
	file := filepath.Join(k.dir, name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return "", fmt.Errorf("kernel: cannot write the connection file: %w", err)
	}
	return file, nil
}

func (k *Kernel) socketPrefix() string { return filepath.Join(k.dir, "s") }

// sockets is the number of GoNB's sockets.
const sockets = 5

func (k *Kernel) socketPath(port int) string { return fmt.Sprintf("%s-%d", k.socketPrefix(), port) }

// programs is a folder that GoNB's PATH begins with.
func (k *Kernel) programs() string { return filepath.Join(k.dir, "bin") }

// goplsTimeout is the time after which a gopls without a connection ends.
const goplsTimeout = 20 * time.Second

// wrapGopls puts a gopls with a timeout into GoNB's PATH. GoNB starts gopls in a process group of
// its own, which would outlive GoNB.
func (k *Kernel) wrapGopls() error {
	gopls := FindGopls()
	if gopls == "" {
		return nil
	}
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' -listen.timeout=%s \"$@\"\n",
		strings.ReplaceAll(gopls, "'", `'\''`), goplsTimeout)
	err := os.MkdirAll(k.programs(), 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(k.programs(), "gopls"), []byte(script), 0o700)
	}
	if err != nil {
		return fmt.Errorf("kernel: cannot write into the temporary folder: %w; set TMPDIR to another folder", err)
	}
	return nil
}

// Log returns everything that GoNB has written.
func (k *Kernel) Log() string {
	text, _ := os.ReadFile(filepath.Join(k.dir, "gonb.log"))
	return strings.TrimSpace(string(text))
}

// Ended is closed when GoNB has ended.
func (k *Kernel) Ended() <-chan struct{} {
	if k.process == nil {
		return nil // another process started GoNB
	}
	return k.process.Done()
}

// Close ends GoNB, its cell and everything that they started, and removes the kernel's folder.
func (k *Kernel) Close() {
	if k.process != nil {
		k.process.End()
	}
	_ = os.RemoveAll(k.dir)
}

// Channels are a front end's sockets to a kernel.
type Channels struct {
	Shell, Control, Stdin, IOPub zmq4.Socket
	Life                         context.Context // ends when the channels are closed
	stop                         context.CancelFunc
}

// Dial connects to the kernel. GoNB addresses replies and questions to the identity that sent the
// cell, whatever the socket, so all sockets share one identity.
func (k *Kernel) Dial(identity string) (*Channels, error) {
	if err := k.awaitSockets(); err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.Background())
	const interval = 100 * time.Millisecond
	id := zmq4.WithID(zmq4.SocketIdentity(identity))
	retry, attempts := zmq4.WithDialerRetry(interval), zmq4.WithDialerMaxRetries(int(startLimit/interval))
	c := &Channels{
		Shell:   zmq4.NewDealer(life, id, retry, attempts),
		Control: zmq4.NewDealer(life, id, retry, attempts),
		Stdin:   zmq4.NewDealer(life, id, retry, attempts),
		IOPub:   zmq4.NewSub(life, retry, attempts),
		Life:    life, stop: stop,
	}
	for port, socket := range map[int]zmq4.Socket{1: c.Shell, 2: c.IOPub, 3: c.Stdin, 4: c.Control} {
		if err := socket.Dial("ipc://" + k.socketPath(port)); err != nil {
			c.Close()
			return nil, k.silent(err)
		}
	}
	if err := c.IOPub.SetOption(zmq4.OptionSubscribe, ""); err != nil {
		c.Close()
		return nil, k.silent(err)
	}
	return c, nil
}

// Close closes the sockets.
func (c *Channels) Close() {
	c.stop()
	for _, socket := range []zmq4.Socket{c.Shell, c.Control, c.Stdin, c.IOPub} {
		_ = socket.Close()
	}
}
