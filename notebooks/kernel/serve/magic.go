package serve

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/eqflow/gonb-eqflow/internal/spelling"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// magicWord begins the lines of a cell that are not for GoNB.
const magicWord = "%eqflow"

// Magic is the action of a line "%eqflow NAME …" in a cell.
type Magic struct {
	Name, Usage, Help string
	Run               func(ctx context.Context, args []string, out *Output) error
	// Complete lists the words that may replace the last argument. It may be nil.
	Complete func(args []string) []string
	// Beside reports that the magic may run beside a cell: it needs neither GoNB nor the cell's
	// end.
	Beside bool
}

// Output receives a magic's output. The cell shows it before the output of its other lines.
type Output struct {
	messages []publication
	request  *gonb.Message // of the magic's cell, or nil
	line     string
}

// publication is a message for Jupyter's output channel.
type publication struct {
	kind    string
	content map[string]any
}

// Print shows text.
func (o *Output) Print(text string) {
	o.messages = append(o.messages, publication{"stream", map[string]any{"name": "stdout", "text": text}})
}

// Show shows data by MIME type, such as "image/png" (in base64) or "text/html", with "text/plain"
// beside it.
func (o *Output) Show(data map[string]any) {
	content := map[string]any{"data": data, "metadata": sizes(data), "transient": map[string]any{}}
	o.messages = append(o.messages, publication{"display_data", content})
}

// Replace puts a line for GoNB, such as "%env NAME=value", in the magic's place.
func (o *Output) Replace(line string) { o.line = line }

// String returns the whole output as text, with the MIME type in the place of pictures and the
// like.
func (o *Output) String() string {
	var b strings.Builder
	for _, m := range o.messages {
		b.WriteString(text(m.content["text"]))
		data, _ := m.content["data"].(map[string]any)
		for kind, v := range data {
			if kind == "text/plain" {
				b.WriteString(text(v) + "\n")
			} else {
				b.WriteString("[" + kind + "]\n")
			}
		}
	}
	return b.String()
}

// magicLine is a line of a cell that names a magic.
type magicLine struct {
	index int
	words []string // after %eqflow
}

// extractMagics returns the lines of a cell and its magics. The lines of the magics are emptied, so
// that errors keep their line numbers. A cell in another language, such as "%%script", has no
// magics.
func extractMagics(code string) (rest []string, magics []magicLine) {
	rest = strings.Split(code, "\n")
	first := strings.TrimSpace(code)
	if strings.HasPrefix(first, "%%") && len(first) > 2 && unicode.IsLetter(rune(first[2])) {
		return rest, nil
	}
	for i, line := range rest {
		words := strings.Fields(line)
		if len(words) > 0 && words[0] == magicWord && strings.HasPrefix(line, "%") {
			magics, rest[i] = append(magics, magicLine{i, words[1:]}), ""
		}
	}
	return rest, magics
}

// runMagic runs the magic that the first word names. Without words it prints the help.
func runMagic(ctx context.Context, magics []Magic, words []string, out *Output) error {
	if len(words) == 0 || words[0] == "help" || words[0] == "--help" {
		out.Print(magicHelp(magics))
		return nil
	}
	for _, m := range magics {
		if m.Name != words[0] {
			continue
		}
		if err := m.Run(ctx, words[1:], out); err != nil {
			return fmt.Errorf("%s %s: %w", magicWord, m.Name, err)
		}
		return nil
	}
	return unknownMagic(magics, words[0])
}

func magicHelp(magics []Magic) string {
	var b strings.Builder
	b.WriteString("Magics of the eqflow kernel, each on a line of its own:\n\n")
	for _, m := range magics {
		b.WriteString(magicLineOfHelp(m))
	}
	fmt.Fprintf(&b, "  %-34s %s\n\nGoNB's own magics: %%help\n", magicWord+" help", "this list")
	return b.String()
}

// inspectMagic answers an inspection in a line that names a magic: the line of the help about the
// magic that the line names, or the whole help. ok is false for all other lines, about which GoNB
// answers.
func inspectMagic(magics []Magic, code string, cursor any) (content map[string]any, ok bool) {
	at, _ := cursor.(float64)
	letters := []rune(code)
	position := min(max(int(at), 0), len(letters))
	begin := strings.LastIndex(string(letters[:position]), "\n") + 1
	line, _, _ := strings.Cut(string(letters[:position])[begin:]+string(letters[position:]), "\n")
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != magicWord || !strings.HasPrefix(line, magicWord) {
		return nil, false
	}
	help := magicHelp(magics)
	for _, m := range magics {
		if len(words) > 1 && m.Name == words[1] {
			help = magicLineOfHelp(m)
		}
	}
	return map[string]any{
		"status": "ok", "found": true, "metadata": map[string]any{}, "data": map[string]any{"text/plain": help},
	}, true
}

func magicLineOfHelp(m Magic) string {
	return fmt.Sprintf("  %-34s %s\n", strings.TrimSpace(magicWord+" "+m.Name+" "+m.Usage), m.Help)
}

// unknownMagic returns the error for an unknown magic, with the magic of the nearest spelling.
func unknownMagic(magics []Magic, word string) error {
	names := []string{"help"}
	for _, m := range magics {
		names = append(names, m.Name)
	}
	suggestion := ""
	if name := spelling.Nearest(word, names); name != "" {
		suggestion = fmt.Sprintf("did you mean %s %s? ", magicWord, name)
	}
	return fmt.Errorf("there is no magic %q; %s%s help lists them", word, suggestion, magicWord)
}

func text(v any) string { s, _ := v.(string); return s }
