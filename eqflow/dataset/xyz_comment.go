package dataset

import "strings"

// pair is one key=value of an extended XYZ comment line.
type pair struct{ key, value string }

// parseComment splits key=value pairs; values with spaces stand in quotes (with \" and \\) or braces. Words without "="
// are passed over, so that a free-text comment is no error.
func parseComment(line string) []pair {
	var pairs []pair
	for {
		line = strings.TrimLeft(line, " \t")
		end := strings.IndexAny(line, "= \t")
		if end < 0 {
			return pairs
		}
		key := line[:end]
		if line[end] != '=' {
			line = line[end:]
			continue
		}
		var value string
		value, line = cutValue(line[end+1:])
		pairs = append(pairs, pair{key, value})
	}
}

// cutValue takes one value off the front of the text.
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
