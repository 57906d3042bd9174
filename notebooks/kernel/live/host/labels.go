package host

import (
	"context"
	"log"
	"os"
	"runtime/pprof"
	"strconv"
	"sync"
	"unsafe"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// labelsOf returns the labels of the running goroutine. A goroutine has the labels of the one that
// started it.
//
//go:linkname labelsOf runtime/pprof.runtime_getProfLabel
func labelsOf() unsafe.Pointer

// origins knows from which cell a goroutine is, by its labels.
type origins struct {
	mu     sync.Mutex
	runs   map[unsafe.Pointer]int // the cells' numbers of wire.Run
	latest int                    // the number of the cell that has begun last
}

// begin notes that a cell begins.
func (o *origins) begin(r wire.Run) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.latest = r.Sequence
}

// enter labels this goroutine, and all that it starts, as those of a cell.
func (o *origins) enter(ctx context.Context, r wire.Run) {
	pprof.SetGoroutineLabels(pprof.WithLabels(ctx, pprof.Labels("cell", strconv.Itoa(r.Cell))))
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.runs == nil {
		o.runs = map[unsafe.Pointer]int{}
	}
	o.runs[labelsOf()] = r.Sequence
}

// earlier returns the number of the cell that this goroutine has outlived. ok is false if the
// goroutine is of the latest cell, or of none.
func (o *origins) earlier() (run int, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	run, known := o.runs[labelsOf()]
	return run, known && run != o.latest
}

// print writes what a cell prints. The text of an earlier cell goes to that cell.
func (h *host) print(text string) (int, error) {
	h.displays.settle()
	run, earlier := h.origins.earlier()
	if !earlier || os.Stdout != h.outputs[0] {
		return os.Stdout.WriteString(text)
	}
	h.send(wire.Event{Late: &wire.Late{Sequence: run, Stream: "stdout", Text: text}})
	return len(text), nil
}

// logWriter writes what cells log, likewise.
type logWriter struct{ *host }

func (w logWriter) Write(line []byte) (int, error) {
	w.displays.settle()
	run, earlier := w.origins.earlier()
	if !earlier || os.Stderr != w.outputs[1] {
		return os.Stderr.Write(line)
	}
	w.send(wire.Event{Late: &wire.Late{Sequence: run, Stream: "stderr", Text: string(line)}})
	return len(line), nil
}

// listen lets the host hear what cells print and log.
func (h *host) listen(onPrint *func(text string) (int, error)) {
	*onPrint = h.print
	log.SetOutput(logWriter{h})
}
