package serve

import (
	"context"
	"fmt"
	"html"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// describeLimit is the time in which the process of the living values must describe them.
const describeLimit = 10 * time.Second

// magics are the magics of a kernel whose values live on.
func (l *living) magics() []Magic {
	return []Magic{
		{Name: "vars", Run: l.showValues, Beside: true, Help: "the living variables: type, value or shape, size, cell"},
		{Name: outputMagic, Usage: "[CELL]", Run: l.showOutput, Beside: true,
			Help: "what a cell has written and shown so far, and goes on to write; alone: the running or latest cell"},
		{Name: "keep", Usage: "[NAME…] [--restore|--drop]", Run: l.keep, Complete: l.keepable,
			Help: "writes living values to disk, brings them back or removes them; alone lists them"},
		{Name: "reset", Run: l.reset, Help: "forgets all variables, functions and types"},
	}
}

// showValues shows the living variables, and what the compiled cells take.
func (l *living) showValues(ctx context.Context, args []string, out *Output) error {
	if len(args) > 0 {
		return fmt.Errorf("it takes no words, and there is %q", args[0])
	}
	if err := l.kernel.Ready(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, describeLimit)
	defer stop()
	all, err := l.kernel.Values(ctx)
	if err != nil {
		return err
	}
	n, bytes := l.kernel.Footprint()
	footer := fmt.Sprintf("%d compiled cells take %s of memory until the kernel is restarted", n, inUnits(bytes))
	out.Show(map[string]any{"text/plain": valuesText(all) + footer, "text/html": valuesHTML(all, footer)})
	return nil
}

var valueHeaders = []string{"name", "type", "value", "size", "cell"}

func valueRow(v wire.Value) []string {
	return []string{v.Name, v.Type, v.Summary, inUnits(v.Bytes), fmt.Sprint(v.Cell)}
}

func valuesText(all []wire.Value) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(valueHeaders, "\t"))
	for _, v := range all {
		fmt.Fprintln(w, strings.Join(valueRow(v), "\t"))
	}
	_ = w.Flush()
	return b.String()
}

func valuesHTML(all []wire.Value, footer string) string {
	var b strings.Builder
	row := func(kind string, cells []string) {
		b.WriteString("<tr>")
		for _, cell := range cells {
			fmt.Fprintf(&b, `<%s style="text-align:left">%s</%s>`, kind, html.EscapeString(cell), kind)
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("<table>\n")
	row("th", valueHeaders)
	for _, v := range all {
		row("td", valueRow(v))
	}
	b.WriteString("</table>\n<p>" + html.EscapeString(footer) + "</p>")
	return b.String()
}

// inUnits returns a number of bytes with its unit.
func inUnits(bytes int64) string {
	switch {
	case bytes < 10_000:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 10_000_000:
		return fmt.Sprintf("%d kB", bytes/1000)
	}
	return fmt.Sprintf("%d MB", bytes/1_000_000)
}

// reset forgets everything that cells have declared.
func (l *living) reset(ctx context.Context, _ []string, out *Output) error {
	lost, err := l.kernel.Reset(ctx)
	if err != nil {
		return err
	}
	if len(lost) == 0 {
		out.Print("there were no variables\n")
		return nil
	}
	out.Print("forgotten: " + strings.Join(lost, ", ") + "\n")
	return nil
}
