package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/go-zeromq/zmq4"

	"github.com/eqflow/gonb-eqflow/notebooks/resident"
)

// startTimeout is how long GoNB gets to answer its first request.
const startTimeout = 30 * time.Second

// fastLinking is GOFLAGS for cells: no stamp of the version control, no symbol table, Go's own linker, which halves the
// time from a cell's start to its first line.
const fastLinking = `-buildvcs=false "-ldflags=-linkmode=internal -s -w"`

// engine is a GoNB process that listens on private sockets.
type engine struct {
	dir     string // private: sockets, connection file, log, temporary files
	process *process
	helper  *resident.Host // nil for none
	key     signer
}

// engineOptions say how GoNB is started.
type engineOptions struct {
	Tools  Toolchain
	Folder string   // of the notebook: the cells' working folder
	Env    []string // further variables, "NAME=value"
	Key    signer
	// Name of the connection file: GoNB takes the kernel's id, which widgets need, from one like kernel-ID.json.
	Name string
	Args []string
	// Program is eqflow itself, which becomes the resident helper of the cells; none if it is empty.
	Program string
}

func startEngine(o engineOptions) (*engine, error) {
	dir, err := os.MkdirTemp("", engineFolders)
	if err != nil {
		return nil, fmt.Errorf("kernel: no temporary folder: %w; set TMPDIR to one that can be written", err)
	}
	e := &engine{dir: dir, key: o.Key}
	err = os.WriteFile(filepath.Join(dir, ownerFile), []byte(fmt.Sprint(os.Getpid())), 0o600)
	if err == nil && o.Program != "" {
		o.Env = append(slices.Clip(o.Env), resident.EnvSocket+"="+e.helperSocket(), resident.EnvProgram+"="+o.Program)
		e.helper, err = resident.NewHost(e.helperSocket(), o.Program)
	}
	if err == nil {
		err = e.launch(o)
	}
	if err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// helperSocket is where the resident helper listens.
func (e *engine) helperSocket() string { return filepath.Join(e.dir, "resident") }

// engineFolders begins the names of the temporary folders.
const engineFolders = "eqflow-gonb-"

func (e *engine) launch(o engineOptions) error {
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
func (e *engine) programs() string { return filepath.Join(e.dir, "bin") }

// goplsLeaves is how long a gopls stays that nobody is connected to.
const goplsLeaves = 20 * time.Second

// wrapGopls sees to it that gopls ends after GoNB, which starts it in a process group of its own.
func (e *engine) wrapGopls() error {
	gopls := findGopls()
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

func (e *engine) log() string {
	text, _ := os.ReadFile(filepath.Join(e.dir, "gonb.log"))
	return strings.TrimSpace(string(text))
}

// close ends GoNB, its cell, the helper and everything that they started, and removes its folder.
func (e *engine) close() {
	if e.process != nil {
		e.process.kill()
	}
	if e.helper != nil {
		e.helper.Close()
	}
	_ = os.RemoveAll(e.dir)
}

// channels are the sockets of one who talks to an engine.
type channels struct {
	shell, control, stdin, iopub zmq4.Socket
	life                         context.Context
	stop                         context.CancelFunc
}

// dial connects to the engine. GoNB addresses replies and questions to the identity that sent the cell, whatever the
// socket, so all share one.
func (e *engine) dial(identity string) (*channels, error) {
	life, stop := context.WithCancel(context.Background())
	id := zmq4.WithID(zmq4.SocketIdentity(identity))
	retry := zmq4.WithDialerRetry(100 * time.Millisecond)
	attempts := zmq4.WithDialerMaxRetries(int(startTimeout / (100 * time.Millisecond)))
	c := &channels{
		shell: zmq4.NewDealer(life, id, retry, attempts), control: zmq4.NewDealer(life, id, retry, attempts),
		stdin: zmq4.NewDealer(life, id, retry, attempts), iopub: zmq4.NewSub(life, retry, attempts), life: life, stop: stop,
	}
	for port, socket := range map[int]zmq4.Socket{1: c.shell, 2: c.iopub, 3: c.stdin, 4: c.control} {
		if err := socket.Dial(fmt.Sprintf("ipc://%s-%d", filepath.Join(e.dir, "s"), port)); err != nil {
			c.close()
			return nil, fmt.Errorf("kernel: GoNB does not listen: %w; its log follows", err)
		}
	}
	if err := c.iopub.SetOption(zmq4.OptionSubscribe, ""); err != nil {
		c.close()
		return nil, fmt.Errorf("kernel: cannot listen to GoNB: %w; its log follows", err)
	}
	return c, nil
}

func (c *channels) close() {
	c.stop()
	for _, socket := range []zmq4.Socket{c.shell, c.control, c.stdin, c.iopub} {
		_ = socket.Close()
	}
}
