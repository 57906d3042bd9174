package serve

import (
	"go/scanner"
	"go/token"
	"strings"
)

// complete answers a completion request in a line that names a magic; own is false for all others, which are GoNB's.
func (p *proxy) complete(code string, cursor any) (content map[string]any, own bool) {
	at, _ := cursor.(float64)
	letters := []rune(code)
	before := string(letters[:min(max(int(at), 0), len(letters))])
	line := before[strings.LastIndex(before, "\n")+1:]
	candidates, own := completions(p.launch.Magics, line)
	if !own {
		return nil, false
	}
	word := line[strings.LastIndexAny(line, " \t")+1:]
	return map[string]any{
		"status": "ok", "matches": candidates, "metadata": map[string]any{},
		"cursor_start": len([]rune(before)) - len([]rune(word)), "cursor_end": len([]rune(before)),
	}, true
}

// completions lists what may stand in the place of the last word of a line that begins with the magic word, or with its
// first letters.
func completions(all []Magic, line string) (candidates []string, own bool) {
	words := strings.Fields(line)
	if line == "" || line[0] != '%' || len(words) == 0 {
		return nil, false
	}
	if strings.HasSuffix(line, " ") {
		words = append(words, "")
	}
	last := words[len(words)-1]
	switch {
	case len(words) == 1:
		if len(last) < 2 || !strings.HasPrefix(magicWord, last) {
			return nil, false
		}
		return []string{magicWord}, true
	case words[0] != magicWord:
		return nil, false
	case len(words) == 2:
		for _, m := range append(all[:len(all):len(all)], Magic{Name: "help"}) {
			candidates = append(candidates, m.Name)
		}
	default:
		for _, m := range all {
			if m.Name == words[1] && m.Complete != nil {
				candidates = m.Complete(words[2:])
			}
		}
	}
	matches := []string{}
	for _, c := range candidates {
		if strings.HasPrefix(c, last) {
			matches = append(matches, c)
		}
	}
	return matches, true
}

// isComplete answers whether a console should run a cell or ask for another line: incomplete while a bracket, a string or a
// comment is open, or the last token needs another.
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

// scan reads Go tokens: how many brackets are open at the end, whether something else is, and whether it cannot be Go.
func scan(source string) (depth int, open, wrong bool) {
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(source))
	var s scanner.Scanner
	s.Init(file, []byte(source), func(_ token.Position, message string) {
		if strings.Contains(message, "not terminated") && !strings.Contains(message, "rune") && !strings.HasPrefix(message, "string") {
			open = true // a raw string or a comment goes on in the next line
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
				continue // put in by the scanner
			}
		}
		last = t
	}
}

// needsMore tells whether no statement ends with a token.
func needsMore(t token.Token) bool {
	switch t {
	case token.INC, token.DEC, token.RPAREN, token.RBRACE, token.RBRACK, token.SEMICOLON, token.COLON:
		return false
	}
	return t.IsOperator()
}
