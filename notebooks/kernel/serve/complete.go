package serve

import (
	"go/scanner"
	"go/token"
	"strings"
)

// complete answers a completion request in a line that names a magic. ok is false for all other
// lines, which GoNB completes.
func complete(magics []Magic, code string, cursor any) (content map[string]any, ok bool) {
	at, _ := cursor.(float64)
	letters := []rune(code)
	before := string(letters[:min(max(int(at), 0), len(letters))])
	line := before[strings.LastIndex(before, "\n")+1:]
	matches, ok := completions(magics, line)
	if !ok {
		return nil, false
	}
	word := line[strings.LastIndexAny(line, " \t")+1:]
	return map[string]any{
		"status": "ok", "matches": matches, "metadata": map[string]any{},
		"cursor_start": len([]rune(before)) - len([]rune(word)), "cursor_end": len([]rune(before)),
	}, true
}

// completions lists the words that may replace the last word of a line. ok is false for a line that
// does not begin with the magic word or its first letters.
func completions(magics []Magic, line string) (matches []string, ok bool) {
	words := strings.Fields(line)
	if line == "" || line[0] != '%' || len(words) == 0 {
		return nil, false
	}
	if strings.HasSuffix(line, " ") {
		words = append(words, "")
	}
	last := words[len(words)-1]
	if len(words) == 1 {
		if len(last) < 2 || !strings.HasPrefix(magicWord, last) {
			return nil, false
		}
		return []string{magicWord}, true
	}
	if words[0] != magicWord {
		return nil, false
	}
	matches = []string{}
	for _, candidate := range candidates(magics, words[1:]) {
		if strings.HasPrefix(candidate, last) {
			matches = append(matches, candidate)
		}
	}
	return matches, true
}

// candidates lists the words that can stand in the place of the last of the words after the magic
// word.
func candidates(magics []Magic, words []string) (all []string) {
	if len(words) == 1 {
		for _, m := range magics {
			all = append(all, m.Name)
		}
		return append(all, "help")
	}
	for _, m := range magics {
		if m.Name == words[0] && m.Complete != nil {
			return m.Complete(words[1:])
		}
	}
	return nil
}

// isComplete answers whether a console should run a cell or ask for another line. A cell is
// incomplete while a bracket, a string or a comment is open, or while its last token needs another
// one.
func isComplete(code string) map[string]any {
	lines := strings.Split(strings.TrimRight(code, " \t\n"), "\n")
	if last := lines[len(lines)-1]; strings.HasPrefix(last, "%") || strings.HasPrefix(last, "!") {
		if strings.HasSuffix(last, `\`) {
			return map[string]any{"status": "incomplete", "indent": ""}
		}
		return map[string]any{"status": "complete"}
	}
	var source strings.Builder
	for _, line := range lines {
		if !strings.HasPrefix(line, "%") && !strings.HasPrefix(line, "!") {
			source.WriteString(line)
		}
		source.WriteByte('\n')
	}
	depth, open, wrong := scan(source.String())
	switch {
	case wrong || depth < 0:
		return map[string]any{"status": "invalid"}
	case open || depth > 0:
		return map[string]any{"status": "incomplete", "indent": strings.Repeat("\t", max(depth, 0))}
	}
	return map[string]any{"status": "complete"}
}

// scan reads Go tokens. depth is the number of brackets that are open at the end; open reports
// whether a string, a comment or an expression is; wrong reports whether the source cannot be Go.
func scan(source string) (depth int, open, wrong bool) {
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(source))
	var s scanner.Scanner
	s.Init(file, []byte(source), func(_ token.Position, message string) {
		if continues(message) {
			open = true
		} else {
			wrong = true
		}
	}, 0)
	last := token.SEMICOLON
	for {
		_, t, text := s.Scan()
		switch t {
		case token.EOF:
			return depth, open || needsMore(last), wrong
		case token.LPAREN, token.LBRACE, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			if depth--; depth < 0 {
				return depth, open, wrong
			}
		case token.SEMICOLON:
			if text == "\n" {
				continue // inserted by the scanner
			}
		}
		last = t
	}
}

// continues reports whether an error of the scanner is about a raw string or a comment, which may
// continue in the next line.
func continues(message string) bool {
	return strings.Contains(message, "not terminated") &&
		!strings.Contains(message, "rune") && !strings.HasPrefix(message, "string")
}

// needsMore reports whether no statement ends with a token.
func needsMore(t token.Token) bool {
	switch t {
	case token.INC, token.DEC, token.RPAREN, token.RBRACE, token.RBRACK, token.SEMICOLON, token.COLON:
		return false
	}
	return t.IsOperator()
}
