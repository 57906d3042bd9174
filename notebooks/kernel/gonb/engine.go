package gonb

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/go-zeromq/zmq4"
)

// startTimeout is how long GoNB gets to answer its first request.
const startTimeout = 30 * time.Second

// fastLinking is GOFLAGS for cells: no stamp of the version control, no symbol table, Go's own linker, which halves the
// time from a cell's start to its first line.
const fastLinking = `-buildvcs=false "-ldflags=-linkmode=internal -s -w"`

// Engine is a GoNB process that listens on private sockets.
type Engine struct {
	dir     string // private: sockets, connection file, log, temporary files
	process *process
	key     Signer
}

// Options say how GoNB is started.
type Options struct {
	Tools  Toolchain
	Folder string   // of the notebook: the cells' working folder
	Env    []string // further variables, "NAME=value"
	Key    Signer
	// Name of the connection file: GoNB takes the kernel's id, which widgets need, from one like kernel-ID.json.
	Name string
	Args []string
}

// NewEngine makes the private folder of an engine that Start begins and Close ends.
func NewEngine() (*Engine, error) {
	dir, err := os.MkdirTemp("", engineFolders)
	if err != nil {
		return nil, fmt.Errorf("kernel: no temporary folder: %w; set TMPDIR to one that can be written", err)
	}
	if err := os.WriteFile(filepath.Join(dir, ownerFile), []byte(fmt.Sprint(os.Getpid())), 0o600); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return &Engine{dir: dir}, nil
}

// Dir is the engine's private folder, which is removed with it.
func (e *Engine) Dir() string { return e.dir }

// engineFolders begins the names of the temporary folders.
const engineFolders = "eqflow-gonb-"

// ownerFile holds the process that an engine's folder belongs to.
const ownerFile = "owner"

// RemoveStale removes what kernels have left behind whose machine went down: their watchers remove the rest.
func RemoveStale() {
	folders, _ := filepath.Glob(filepath.Join(os.TempDir(), engineFolders+"*"))
	for _, folder := range folders {
		text, err := os.ReadFile(filepath.Join(folder, ownerFile))
		if err != nil {
			continue // of another user, or about to begin
		}
		owner, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && !alive(owner) {
			_ = os.RemoveAll(folder)
		}
	}
}

// Start starts GoNB. Its sockets may not listen yet when it returns.
func (e *Engine) Start(o Options) error {
	e.key = o.Key
	// gonb joins address and port with a dash for ipc.
	connection := map[string]any{
		"transport": "ipc", "ip": filepath.Join(e.dir, "s"), "key": string(e.key), "signature_scheme": "hmac-sha256",
		"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5, "kernel_name": "gonb",
	}
	text, err := json.Marshal(connection)
	if err != nil {
		return err
	}
	file := filepath.Join(e.dir, o.Name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("kernel: cannot write the connection file: %w", err)
	}
	log, err := os.Create(filepath.Join(e.dir, "gonb.log"))
	if err != nil {
		return fmt.Errorf("kernel: cannot write GoNB's log: %w", err)
	}
	defer log.Close()
	if err := e.wrapGopls(); err != nil {
		return err
	}
	path := strings.Join([]string{e.programs(), o.Tools.Dir, os.Getenv("PATH")}, string(os.PathListSeparator))
	environment := append(os.Environ(), "PATH="+path,
		"TMPDIR="+e.dir, "GOFLAGS="+goFlags(), "GOMLX_NO_AUTO_INSTALL=1", "GONB_DIR="+o.Folder)
	arguments := append([]string{"--kernel", file}, o.Args...)
	e.process, err = startProcess(filepath.Join(o.Tools.Dir, "gonb"), arguments, o.Folder, append(environment, o.Env...), log)
	return err
}

// programs are found by GoNB before all others.
func (e *Engine) programs() string { return filepath.Join(e.dir, "bin") }

// goplsLeaves is how long a gopls stays that nobody is connected to.
const goplsLeaves = 20 * time.Second

// wrapGopls sees to it that gopls ends after GoNB, which starts it in a process group of its own.
func (e *Engine) wrapGopls() error {
	gopls := FindGopls()
	if gopls == "" {
		return nil
	}
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' -listen.timeout=%s \"$@\"\n", strings.ReplaceAll(gopls, "'", `'\''`), goplsLeaves)
	err := os.MkdirAll(e.programs(), 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(e.programs(), "gopls"), []byte(script), 0o700)
	}
	if err != nil {
		return fmt.Errorf("kernel: cannot write into the temporary folder: %w; set TMPDIR to another", err)
	}
	return nil
}

// goFlags adds fast linking to the user's own flags, where it is known to work and they do not choose otherwise.
func goFlags() string {
	flags := os.Getenv("GOFLAGS")
	if runtime.GOOS != "linux" || strings.Contains(flags, "-ldflags") {
		return flags
	}
	return strings.TrimSpace(flags + " " + fastLinking)
}

// Log is what GoNB has written.
func (e *Engine) Log() string {
	text, _ := os.ReadFile(filepath.Join(e.dir, "gonb.log"))
	return strings.TrimSpace(string(text))
}

// Ended is closed when GoNB has ended.
func (e *Engine) Ended() <-chan struct{} { return e.process.done }

// Close ends GoNB, its cell and everything that they started, and removes its folder.
func (e *Engine) Close() {
	if e.process != nil {
		e.process.kill()
	}
	_ = os.RemoveAll(e.dir)
}

// Channels are the sockets of one who talks to an engine.
type Channels struct {
	Shell, Control, Stdin, IOPub zmq4.Socket
	Life                         context.Context // ends with them
	stop                         context.CancelFunc
}

// Dial connects to the engine. GoNB addresses replies and questions to the identity that sent the cell, whatever the
// socket, so all share one.
func (e *Engine) Dial(identity string) (*Channels, error) {
	life, stop := context.WithCancel(context.Background())
	id := zmq4.WithID(zmq4.SocketIdentity(identity))
	retry := zmq4.WithDialerRetry(100 * time.Millisecond)
	attempts := zmq4.WithDialerMaxRetries(int(startTimeout / (100 * time.Millisecond)))
	c := &Channels{
		Shell: zmq4.NewDealer(life, id, retry, attempts), Control: zmq4.NewDealer(life, id, retry, attempts),
		Stdin: zmq4.NewDealer(life, id, retry, attempts), IOPub: zmq4.NewSub(life, retry, attempts), Life: life, stop: stop,
	}
	for port, socket := range map[int]zmq4.Socket{1: c.Shell, 2: c.IOPub, 3: c.Stdin, 4: c.Control} {
		if err := socket.Dial(fmt.Sprintf("ipc://%s-%d", filepath.Join(e.dir, "s"), port)); err != nil {
			c.Close()
			return nil, fmt.Errorf("kernel: GoNB does not listen: %w; its log follows", err)
		}
	}
	if err := c.IOPub.SetOption(zmq4.OptionSubscribe, ""); err != nil {
		c.Close()
		return nil, fmt.Errorf("kernel: cannot listen to GoNB: %w; its log follows", err)
	}
	return c, nil
}

// Close hangs up.
func (c *Channels) Close() {
	c.stop()
	for _, socket := range []zmq4.Socket{c.Shell, c.Control, c.Stdin, c.IOPub} {
		_ = socket.Close()
	}
}
