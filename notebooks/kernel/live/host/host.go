// Package host is the process that holds a kernel's living values. It loads each cell as a plugin
// and runs it (cell.go), shows results (result.go), describes the values (describe.go), notices
// when a cell waits for input (stdin.go), and knows from which cell a goroutine is (labels.go). It
// is linked with the packages that cells use (packages.go), so that all cells share them.
//
// One cell runs at a time. The cell writes to the process's own outputs; when it ends, the host
// writes a mark to both, so that the kernel knows what belongs to the cell.
package host

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sync"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/values"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// host is the state of the process.
type host struct {
	events  *json.Encoder
	sendMu  sync.Mutex
	mark    string
	outputs [2]*os.File // a cell may set os.Stdout

	loaded   func() // runs the cell that was loaded last
	input    *keyboard
	displays displays
	origins  origins

	mu       sync.Mutex
	declared map[string]place
	stop     func() // cancels the running cell, or nil
}

// place is where a living variable is.
type place struct {
	pointer any
	cell    int
}

// Main serves requests until the kernel closes its end. kept is what the program must hold for
// cells.
func Main(kept []any) {
	keepRuntime(len(kept))
	keepFromChildren(wire.RequestFile, wire.EventFile)
	h := &host{
		events: json.NewEncoder(os.NewFile(wire.EventFile, "events")), mark: os.Getenv(wire.EnvMark),
		declared: map[string]place{}, outputs: [2]*os.File{os.Stdout, os.Stderr},
	}
	h.input = &keyboard{file: os.Stdin, ask: func() { h.send(wire.Event{Asks: true}) }}
	_ = os.Unsetenv(wire.EnvMark)
	h.displays.open()
	values.OnDeclare = h.declare
	values.OnShow = h.show
	h.listen(&values.OnPrint)
	values.OnClear = clearOutput
	values.OnLoad = func(run func()) { h.loaded = run }
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	go func() {
		for range interrupts {
			h.interrupt()
		}
	}()
	defer endGroup()
	requests := bufio.NewReader(os.NewFile(wire.RequestFile, "requests"))
	runs := make(chan job, 1)
	go h.runAll(runs)
	for {
		line, err := requests.ReadBytes('\n')
		if err != nil {
			return // the kernel has ended
		}
		var r wire.Request
		if err := json.Unmarshal(line, &r); err != nil {
			fmt.Fprintln(os.Stderr, "the host does not understand a request:", err)
			continue
		}
		h.serve(r, runs)
	}
}

// job is a cell that shall run, with the context that an interrupt cancels.
type job struct {
	wire.Run
	ctx context.Context
}

func (h *host) serve(r wire.Request, runs chan<- job) {
	for name, value := range r.Set {
		_ = os.Setenv(name, value)
	}
	if r.Directory != "" {
		_ = os.Chdir(r.Directory)
	}
	if r.Describe {
		h.send(wire.Event{Values: h.describe(), Answers: true})
	}
	if r.Interrupt {
		h.interrupt()
	}
	if r.Keep != nil {
		answer := h.keep(*r.Keep)
		h.send(wire.Event{Kept: &answer})
	}
	if r.Input != nil {
		h.input.answer(*r.Input)
	}
	if r.Run != nil {
		ctx, stop := context.WithCancel(context.Background())
		h.mu.Lock()
		h.stop = stop
		h.origins.begin(*r.Run)
		h.mu.Unlock()
		runs <- job{*r.Run, ctx}
	}
}

func (h *host) runAll(runs <-chan job) {
	for j := range runs {
		ended := h.run(j.ctx, j.Run)
		h.interrupt() // ends its context
		h.mu.Lock()
		h.stop = nil
		h.mu.Unlock()
		h.displays.end()
		for _, f := range h.outputs {
			fmt.Fprint(f, h.mark)
		}
		h.send(wire.Event{Ended: &ended})
	}
}

func (h *host) send(e wire.Event) {
	h.sendMu.Lock()
	defer h.sendMu.Unlock()
	_ = h.events.Encode(e) // without a kernel the process ends anyway
}

func (h *host) declare(name string, pointer any, cell int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.declared[name] = place{pointer, cell}
}

// interrupt cancels the context of the running cell.
func (h *host) interrupt() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop != nil {
		h.stop()
	}
}
