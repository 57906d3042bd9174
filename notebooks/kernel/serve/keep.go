package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// The words of the magic that keeps values.
const (
	restoreFlag = "--restore"
	dropFlag    = "--drop"
)

// keep keeps values, brings them back or drops them.
func (l *living) keep(ctx context.Context, args []string, out *Output) error {
	var names []string
	flag := ""
	for _, word := range args {
		switch {
		case !strings.HasPrefix(word, "-"):
			names = append(names, word)
		case word != restoreFlag && word != dropFlag || flag != "" && flag != word:
			return fmt.Errorf("it takes names, and one of %s and %s; there is %q", restoreFlag, dropFlag, word)
		default:
			flag = word
		}
	}
	if err := l.kernel.Ready(ctx); err != nil {
		return err
	}
	switch {
	case flag == restoreFlag:
		return l.restore(ctx, names, out)
	case flag == dropFlag && len(names) == 0:
		return errors.New("name the values to drop; %eqflow keep lists them")
	case len(names) == 0:
		return l.listKept(ctx, out)
	}
	return each(names, func(name string) error {
		if flag == dropFlag {
			return l.kernel.Drop(ctx, name)
		}
		about, err := l.kernel.Keep(ctx, name)
		if err == nil {
			out.Print(fmt.Sprintf("kept %s, %s\n", name, sizeOf(about)))
		}
		return err
	})
}

// each calls do for all names. The error tells of every name that failed.
func each(names []string, do func(name string) error) error {
	var failed []string
	for _, name := range names {
		if err := do(name); err != nil {
			failed = append(failed, name+": "+err.Error())
		}
	}
	if len(failed) > 0 {
		return errors.New(strings.Join(failed, "; "))
	}
	return nil
}

// sizeOf describes a kept value in a few words.
func sizeOf(about wire.Kept) string {
	if about.Model {
		return "a model"
	}
	return about.Type + ", " + inUnits(about.Bytes)
}

// listKept lists what is kept.
func (l *living) listKept(ctx context.Context, out *Output) error {
	all, damaged, err := l.kernel.Kept(ctx)
	if err != nil {
		return err
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, about := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", about.Name, sizeOf(about), about.Time.Local().Format("2006-01-02 15:04"))
	}
	_ = w.Flush()
	for _, line := range damaged {
		b.WriteString(line + "\n")
	}
	if len(all) == 0 {
		b.WriteString("nothing is kept; %eqflow keep NAME keeps a variable\n")
	} else {
		b.WriteString("%eqflow keep --restore brings these back\n")
	}
	out.Print(b.String())
	return nil
}

// restore brings values back: those of the names or, without names, all.
func (l *living) restore(ctx context.Context, names []string, out *Output) error {
	all, damaged, err := l.kernel.Kept(ctx)
	if err != nil {
		return err
	}
	byName := map[string]wire.Kept{}
	for _, about := range all {
		byName[about.Name] = about
	}
	if len(names) == 0 {
		for _, about := range all {
			names = append(names, about.Name)
		}
	}
	l.cellMu.Lock()
	count := max(l.count, 1)
	l.cellMu.Unlock()
	err = each(names, func(name string) error {
		about, ok := byName[name]
		if !ok {
			return errors.New("it is not kept; %eqflow keep lists what is")
		}
		err := l.kernel.Restore(count, about, magicOutput{out})
		if err == nil {
			out.Print(fmt.Sprintf("restored %s, %s\n", name, sizeOf(about)))
		}
		return err
	})
	for _, line := range damaged {
		err = errors.Join(err, errors.New(line))
	}
	return err
}

// keepable lists the words that may stand behind the magic.
func (l *living) keepable([]string) []string {
	return slices.Concat(l.kernel.Variables(), []string{restoreFlag, dropFlag})
}

// magicOutput hands what a cell of a magic writes to the magic.
type magicOutput struct{ *Output }

func (o magicOutput) Stream(name, text string) {
	content := map[string]any{"name": name, "text": text}
	o.messages = append(o.messages, publication{"stream", content})
}

func (o magicOutput) Display(data map[string]any, _ string) { o.Show(data) }
func (o magicOutput) Result(map[string]any)                 {}
func (o magicOutput) Interact(any)                          {}
func (o magicOutput) Clear(bool)                            {}
