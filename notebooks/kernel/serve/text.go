package serve

import "strings"

// textState says where a line of Go begins: in code, in a raw string or in a comment of several
// lines.
type textState struct{ end string }

// outside reports whether the next line begins in code.
func (s *textState) outside() bool { return s.end == "" }

// read reads a line.
func (s *textState) read(line string) {
	for line != "" {
		if s.end != "" {
			_, rest, found := strings.Cut(line, s.end)
			if !found {
				return
			}
			s.end, line = "", rest
			continue
		}
		at := strings.IndexAny(line, "`\"'/")
		if at < 0 {
			return
		}
		mark := line[at]
		line = line[at+1:]
		switch {
		case mark == '`':
			s.end = "`"
		case mark == '/' && strings.HasPrefix(line, "/"):
			return
		case mark == '/' && strings.HasPrefix(line, "*"):
			s.end = "*/"
		case mark == '"' || mark == '\'':
			line = afterQuote(line, mark)
		}
	}
}

// afterQuote returns what follows the end of a string or a letter.
func afterQuote(line string, mark byte) string {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case mark:
			return line[i+1:]
		}
	}
	return ""
}
