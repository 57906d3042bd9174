package gonb

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// gonbPrefix may stand before a line for GoNB, so that Go's tools take the line for a comment.
const gonbPrefix = "//gonb:"

// errNoCommand is the error for a cell in another language that does not name the program.
var errNoCommand = errors.New("%%script needs the name of a program")

// defuse returns a cell without what ends GoNB. Lines of "%" or "!" followed by nothing but blanks
// become blank, and keep their length, so that positions in the cell stay right. A command without
// the program or the path that GoNB takes for granted is an error.
func defuse(code string) (string, error) {
	lines := strings.Split(code, "\n")
	first := gonbWords(strings.TrimPrefix(lines[0], gonbPrefix))
	if len(first) == 1 && first[0] == "%%script" {
		return "", errNoCommand
	}
	for i := 0; i < len(lines); i++ {
		command := strings.TrimPrefix(lines[i], gonbPrefix)
		if command == "" || command[0] != '%' && command[0] != '!' {
			continue
		}
		end := i // a backslash at the end of a line joins the next one
		joined := command[1:]
		for strings.HasSuffix(joined, `\`) {
			joined = strings.TrimSuffix(joined, `\`) + " "
			if end++; end == len(lines) {
				break
			}
			joined += strings.TrimPrefix(lines[end], gonbPrefix)
		}
		end = min(end, len(lines)-1)
		if strings.Trim(joined, " \t") == "" && (len(command) > 1 || end > i) {
			for j := i; j <= end; j++ {
				lines[j] = strings.Repeat(" ", len(lines[j]))
			}
		}
		if words := gonbWords(joined); command[0] == '%' && len(words) > 0 && slices.Contains(words[1:], "") &&
			slices.Contains([]string{"cd", "capture", "%writefile"}, words[0]) {
			return "", fmt.Errorf("%%%s with an empty path", words[0])
		}
		i = end
	}
	return strings.Join(lines, "\n"), nil
}

// gonbWords splits a line into words as GoNB does: blanks separate words, and quotes hold a word
// together, which may be empty.
func gonbWords(line string) (all []string) {
	started, quoted, word := false, false, []byte{}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case !quoted && (c == ' ' || c == '\t' || c == '\n'):
			if started {
				all = append(all, string(word))
			}
			started, word = false, nil
		case c == '"':
			started, quoted = true, !quoted
		case c == '\\' && quoted:
			if i++; i < len(line) {
				started, word = true, append(word, line[i])
			}
		default:
			started, word = true, append(word, c)
		}
	}
	if started {
		all = append(all, string(word))
	}
	return all
}
