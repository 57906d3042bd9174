package serve

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/eqflow/gonb-eqflow/internal/spelling"
)

// magicWord begins the lines that are not for GoNB.
const magicWord = "%eqflow"

// Magic is what a line "%eqflow NAME …" in a cell does.
type Magic struct {
	Name, Usage, Help string
	Run               func(ctx context.Context, args []string, out *Output) error
	// Complete lists what may stand in the place of the last argument. It may be nil.
	Complete func(args []string) []string
}

// Output takes what a magic has to say. It is shown in the cell, before what the rest of the cell prints.
type Output struct {
	messages []said
	line     string
}

// said is one message to be published.
type said struct {
	kind    string
	content map[string]any
}

// Print shows text.
func (o *Output) Print(text string) {
	o.messages = append(o.messages, said{"stream", map[string]any{"name": "stdout", "text": text}})
}

// Show shows something by its MIME types, such as "image/png" (in base64) or "text/html", with "text/plain" beside it.
func (o *Output) Show(data map[string]any) {
	o.messages = append(o.messages, said{"display_data", map[string]any{"data": data, "metadata": map[string]any{}, "transient": map[string]any{}}})
}

// Replace puts a line for GoNB, such as "%env NAME=value", in the magic's place.
func (o *Output) Replace(line string) { o.line = line }

// String is everything that was said, for those who are no notebook: texts, and the names of what is shown otherwise.
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

// magicLine is one line of a cell that names a magic.
type magicLine struct {
	index int
	words []string // after %eqflow
}

// takeMagics returns a cell's lines with those of the magics emptied, so that errors keep their line numbers, and these. A
// cell that is not Go as a whole, "%%script" and its like, has none.
func takeMagics(code string) (rest []string, magics []magicLine) {
	rest = strings.Split(code, "\n")
	if first := strings.TrimSpace(code); strings.HasPrefix(first, "%%") && len(first) > 2 && unicode.IsLetter(rune(first[2])) {
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

// runMagic runs the magic that the words name, "help" for none.
func runMagic(ctx context.Context, all []Magic, words []string, out *Output) error {
	if len(words) == 0 || words[0] == "help" || words[0] == "--help" {
		out.Print(magicHelp(all))
		return nil
	}
	for _, m := range all {
		if m.Name != words[0] {
			continue
		}
		if err := m.Run(ctx, words[1:], out); err != nil {
			return fmt.Errorf("%s %s: %w", magicWord, m.Name, err)
		}
		return nil
	}
	return unknownMagic(all, words[0])
}

func magicHelp(all []Magic) string {
	var b strings.Builder
	b.WriteString("Magics of the eqflow kernel, each on a line of its own:\n\n")
	for _, m := range all {
		fmt.Fprintf(&b, "  %-34s %s\n", strings.TrimSpace(magicWord+" "+m.Name+" "+m.Usage), m.Help)
	}
	fmt.Fprintf(&b, "  %-34s %s\n\nGoNB's own magics: %%help\n", magicWord+" help", "this list")
	return b.String()
}

// unknownMagic says which magic was meant by one that does not exist.
func unknownMagic(all []Magic, word string) error {
	names := []string{"help"}
	for _, m := range all {
		names = append(names, m.Name)
	}
	meant := ""
	if name := spelling.Nearest(word, names); name != "" {
		meant = fmt.Sprintf("did you mean %s %s? ", magicWord, name)
	}
	return fmt.Errorf("there is no magic %q; %s%s help lists them", word, meant, magicWord)
}

func text(v any) string { s, _ := v.(string); return s }
