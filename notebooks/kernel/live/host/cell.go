package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"plugin"
	"runtime"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/values"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// returned is the error that the last expression of a cell returned.
type returned struct{ error }

// run loads and runs a cell.
func (h *host) run(ctx context.Context, r wire.Run) wire.Ended {
	h.loaded = nil
	if _, err := plugin.Open(r.Plugin); err != nil {
		return wire.Ended{Kind: wire.Unloaded, Text: err.Error()}
	}
	entry := h.loaded
	if entry == nil {
		return wire.Ended{Kind: wire.Unloaded, Text: r.Plugin + " holds no cell"}
	}
	if ctx.Err() != nil {
		return wire.Ended{Kind: wire.Interrupted, Text: "interrupted before the cell's first line"}
	}
	values.Ctx = ctx
	os.Args = append(os.Args[:1:1], r.Args...)
	defer h.input.begin(r.Stdin)()
	defer context.AfterFunc(ctx, h.input.end)()
	ended := make(chan wire.Ended, 1)
	go func() {
		h.origins.enter(ctx, r)
		guard(ctx, entry, ended)
	}()
	return <-ended
}

// guard runs a cell and says how it ended. It does not return if the cell ends its goroutine.
func guard(ctx context.Context, entry func(), ended chan<- wire.Ended) {
	finished := false
	defer func() {
		switch r := recover(); {
		case finished:
			ended <- wire.Ended{}
		case r == nil:
			ended <- wire.Ended{Kind: wire.Failed, Text: "runtime.Goexit ended the cell"}
		default:
			ended <- describeFailure(ctx, r)
		}
	}()
	entry()
	finished = true
}

// describeFailure says what a panic of a cell means, and where in which cell it happened.
func describeFailure(ctx context.Context, r any) wire.Ended {
	e := wire.Ended{Kind: wire.Panicked, Text: fmt.Sprint(r)}
	var asError error
	switch v := r.(type) {
	case returned:
		asError, e.Kind = v.error, wire.Failed
	case runtime.Error:
	case error:
		asError, e.Kind = v, wire.Failed
	}
	if ctx.Err() != nil && isOfInterrupt(asError) {
		e.Kind = wire.Interrupted
	}
	if asError != nil {
		e.Text = asError.Error()
	}
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	seen := false
	for {
		f, more := frames.Next()
		if !seen {
			seen = f.Function == "runtime.gopanic" || f.Function == "runtime.sigpanic"
		} else if !strings.HasPrefix(f.Function, "runtime.") || strings.HasPrefix(f.File, "cell[") {
			cell, line := placeIn(f)
			if e.Line == 0 && cell > 0 {
				e.Cell, e.Line = cell, line
			}
			e.Trace = append(e.Trace, call(f, cell))
		}
		if !more || strings.HasSuffix(f.Function, "host.guard") {
			break
		}
	}
	if n := len(e.Trace); n > 0 {
		e.Trace = e.Trace[:n-1] // the host's own call
	}
	return e
}

// isOfInterrupt reports whether an error may come from the stop button: it cancels the cell's
// context, and ends its input.
func isOfInterrupt(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// placeIn returns the cell and line of a call, or zeros for code of a package.
func placeIn(f runtime.Frame) (cell, line int) {
	at := strings.LastIndex(f.File, "cell[")
	if at < 0 || !strings.HasSuffix(f.File, "]") {
		return 0, 0
	}
	cell, err := strconv.Atoi(f.File[at+len("cell[") : len(f.File)-1])
	if err != nil {
		return 0, 0
	}
	return cell, f.Line
}

// call returns the text of a call.
func call(f runtime.Frame, cell int) string {
	name := f.Function[strings.LastIndex(f.Function, "/")+1:]
	if cell > 0 {
		_, name, _ = strings.Cut(name, ".")
		return fmt.Sprintf("%s, cell %d, line %d", name, cell, f.Line)
	}
	return fmt.Sprintf("%s, %s:%d", name, f.File, f.Line)
}
