package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/cells"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// Keep writes a living value to disk, from where Restore brings it back in any later kernel.
func (k *Kernel) Keep(ctx context.Context, name string) (wire.Kept, error) {
	n := k.seen.Load().Lookup(name)
	switch {
	case n == nil:
		return wire.Kept{}, errors.New("there is no variable of that name; %eqflow vars lists them")
	case !n.IsVariable():
		return wire.Kept{}, fmt.Errorf("it is a %s, which stands in the notebook", n.What())
	}
	text, imports, needs := n.Spelling()
	about := wire.Kept{Name: name, Type: text, Imports: imports, Needs: needs}
	answer, err := k.askKeep(ctx, wire.Keep{Value: &about})
	if err != nil {
		return wire.Kept{}, err
	}
	return answer.All[0], nil
}

// Variables lists the living variables.
func (k *Kernel) Variables() []string {
	if seen := k.seen.Load(); seen != nil {
		return seen.Variables()
	}
	return nil
}

// Kept lists the values that are kept, and the files that cannot be read.
func (k *Kernel) Kept(ctx context.Context) (all []wire.Kept, damaged []string, err error) {
	answer, err := k.askKeep(ctx, wire.Keep{})
	return answer.All, answer.Damaged, err
}

// Drop removes a kept value from the disk.
func (k *Kernel) Drop(ctx context.Context, name string) error {
	_, err := k.askKeep(ctx, wire.Keep{Drop: name})
	return err
}

// askKeep asks the host, which is started if none runs. No cell runs meanwhile.
func (k *Kernel) askKeep(ctx context.Context, r wire.Keep) (wire.KeptAnswer, error) {
	if err := k.Ready(ctx); err != nil {
		return wire.KeptAnswer{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.processMu.Lock()
	ended := k.process != nil && k.process.hasEnded()
	k.processMu.Unlock()
	if ended {
		return wire.KeptAnswer{}, errors.New("the process of the living values has ended; the next cell says why")
	}
	p, err := k.host()
	if err != nil {
		return wire.KeptAnswer{}, err
	}
	select {
	case <-p.kept: // of a question that was given up
	default:
	}
	p.request(wire.Request{Keep: &r})
	select {
	case answer := <-p.kept:
		if answer.Error != "" {
			return answer, errors.New(cleaned(answer.Error))
		}
		return answer, nil
	case <-p.gone:
		return wire.KeptAnswer{}, errors.New("the process of the living values has ended")
	case <-ctx.Done():
		return wire.KeptAnswer{}, ctx.Err()
	}
}

// Restore brings a kept value back as a living variable, of the cell with that number. The value of
// a variable of that name is replaced.
func (k *Kernel) Restore(number int, about wire.Kept, out Output) error {
	for _, need := range about.Needs {
		if n := k.seen.Load().Lookup(need); n == nil || n.What() != "type" {
			return fmt.Errorf("it needs the type %s, which a cell declares: run that cell first", need)
		}
	}
	var code strings.Builder
	for _, name := range slices.Sorted(maps.Keys(about.Imports)) {
		fmt.Fprintf(&code, "import %s %q\n", name, about.Imports[name])
	}
	const alias = cells.Mark + "kept"
	fmt.Fprintf(&code, "import %s %q\nvar %s %s\n%s.Read(%q, &%s)\n",
		alias, module+"kept", about.Name, about.Type, alias, about.Name, about.Name)
	var compile *cells.Error
	err := k.Run(number, code.String(), out)
	if errors.As(err, &compile) {
		return fmt.Errorf("its type %s is not what it was: %s", about.Type, compile.Problems[0].Text)
	}
	var failure *Failure
	if errors.As(err, &failure) {
		return errors.New(failure.Text)
	}
	return err
}
