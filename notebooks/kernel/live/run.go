package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/cells"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// build compiles and links a cell.
func (k *Kernel) build(ctx context.Context, c *cells.Cell) (plugin string, err error) {
	base := filepath.Join(k.options.Scratch, strings.ReplaceAll(c.Path, "/", "-"))
	source, archive, config := base+".go", base+".a", filepath.Join(k.options.Scratch, "importcfg")
	err = errors.Join(os.WriteFile(source, []byte(c.Source), 0o600), k.tools.importConfig(config, k.archives))
	if err != nil {
		return "", err
	}
	if err := k.tools.compile(ctx, c.Path, config, source, archive); err != nil {
		var failed *toolError
		if errors.As(err, &failed) {
			return "", compilerError(c.Number, failed.output)
		}
		return "", err
	}
	plugin = base + ".so"
	if err := k.tools.linkPlugin(ctx, c.Path, archive, plugin, k.archives, k.symbols); err != nil {
		return "", err
	}
	k.archives[c.Path] = archive
	if err := k.symbols.add(plugin, func(name string) bool { return k.isOwn(c, name) }); err != nil {
		return "", err
	}
	return plugin, nil
}

// isOwn reports whether a symbol of a cell's plugin is the cell's, and not the host's.
func (k *Kernel) isOwn(c *cells.Cell, name string) bool {
	if strings.HasPrefix(name, "type:") {
		_, known := k.tools.symbols[name]
		return !known
	}
	return strings.Contains(name, c.Path)
}

// compilerError turns the compiler's output into the problems of a cell.
func compilerError(number int, output string) error {
	e := &cells.Error{Cell: number}
	prefix := cells.FileName(number) + ":"
	for line := range strings.Lines(output) {
		line = strings.TrimRight(strings.ReplaceAll(line, cells.Mark, ""), "\n")
		rest, ok := strings.CutPrefix(line, prefix)
		p := cells.Problem{Text: line}
		if ok {
			at, text, _ := strings.Cut(rest, ": ")
			row, _, _ := strings.Cut(at, ":")
			p.Line, _ = strconv.Atoi(row)
			p.Text = text
		}
		e.Problems = append(e.Problems, p)
	}
	return e
}

// execute runs a cell's plugin in the host.
func (k *Kernel) execute(ctx context.Context, c *cells.Cell, plugin string, out Output) error {
	p, err := k.host()
	if err != nil {
		return err
	}
	request := wire.Run{Cell: c.Number, Plugin: plugin, Args: c.Args, Stdin: hasUser(out)}
	ended, err := p.run(ctx, request, out)
	if err == nil && ended.Kind == wire.Unloaded && strings.Contains(ended.Text, "undefined symbol") {
		// The cell uses what the linker has left out of the host.
		request.Plugin = strings.TrimSuffix(plugin, ".so") + "-whole.so"
		if err := k.tools.linkWhole(ctx, c.Path, k.archives[c.Path], request.Plugin); err != nil && ctx.Err() == nil {
			return err
		}
		ended, err = p.run(ctx, request, out)
	}
	var gone *hostEnded
	if errors.As(err, &gone) {
		return k.bury(gone, c)
	}
	if errors.Is(err, context.Canceled) {
		return notRun()
	}
	if err != nil {
		return err
	}
	if ended.Kind == wire.Unloaded {
		return &cells.Unsupported{Why: ended.Text}
	}
	k.state.Commit(c)
	k.publish()
	if ended.Kind == wire.Done {
		return nil
	}
	ended.Text = cleaned(ended.Text)
	for i, call := range ended.Trace {
		ended.Trace[i] = cleaned(call)
	}
	return &Failure{Ended: ended}
}

// bury says what has died with a host, and forgets it.
func (k *Kernel) bury(gone *hostEnded, c *cells.Cell) error {
	lost := k.state.Variables()
	for _, name := range c.Variables() {
		if !slices.Contains(lost, name) {
			lost = append(lost, name)
		}
	}
	k.end()
	k.forget()
	f := &Failure{Ended: gone.describe(), Lost: lost}
	if gone.crashed() {
		f.Dump = gone.dump
	}
	if len(lost) > 0 {
		f.Text += "; lost: " + listed(lost)
	}
	return f
}

// mostListed is the number of names that a sentence lists.
const mostListed = 20

// listed returns a list of names for a sentence.
func listed(names []string) string {
	if more := len(names) - mostListed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostListed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// noticeEnd forgets the names of a host that has ended since the last cell, by a goroutine of its
// own.
func (k *Kernel) noticeEnd(out Output) {
	k.processMu.Lock()
	p := k.process
	k.processMu.Unlock()
	if p == nil || !p.hasEnded() {
		return
	}
	gone := p.end().describe()
	text := "eqflow: after the last cell the values were lost: " + gone.Text
	if gone.Line > 0 {
		text += fmt.Sprintf(" (cell %d, line %d)", gone.Cell, gone.Line)
	}
	if lost := k.state.Variables(); len(lost) > 0 {
		text += "; lost: " + listed(lost)
	}
	out.Stream("stderr", cleaned(text)+"\n")
	k.end()
	k.forget()
}

// forget drops the names of a host that has ended. Imports stay.
func (k *Kernel) forget() {
	k.state = k.state.Renewed()
	k.archives, k.symbols = map[string]string{}, symbols{}
	k.publish()
}
