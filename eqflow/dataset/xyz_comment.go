package dataset

import "strings"

// pair is one key=value pair of an extended XYZ comment line.
type pair struct{ key, value string }

// parseComment returns the key=value pairs of a comment line. Blanks around "=" are allowed. Values
// with spaces are in quotes (with the escapes \" and \\) or in braces. Words without "=" are
// skipped, so that a free-text comment is no error.
func parseComment(line string) []pair {
	var pairs []pair
	for {
		line = strings.TrimLeft(line, " \t")
		end := strings.IndexAny(line, "= \t")
		if end < 0 {
			return pairs
		}
		key, rest := line[:end], strings.TrimLeft(line[end:], " \t")
		if line = rest; !strings.HasPrefix(rest, "=") {
			continue
		}
		var value string
		value, line = cutValue(strings.TrimLeft(rest[1:], " \t"))
		pairs = append(pairs, pair{strings.Trim(key, `"'`), value})
	}
}

// cutValue splits text after its first value.
func cutValue(text string) (value, rest string) {
	if strings.HasPrefix(text, `"`) {
		return cutQuoted(text[1:])
	}
	if strings.HasPrefix(text, "{") {
		value, rest, _ = strings.Cut(text[1:], "}")
		return value, rest
	}
	end := strings.IndexAny(text, " \t")
	if end < 0 {
		return text, ""
	}
	return text[:end], text[end:]
}

// cutQuoted splits text after the closing quote of its first value, whose opening quote is already
// removed.
func cutQuoted(text string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		case text[i] == '"':
			return b.String(), text[i+1:]
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), ""
}
