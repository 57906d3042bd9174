// Package printable keeps the contents of foreign files from breaking a line of text. A damaged
// file can hold line ends, or the escape sequences of a terminal, in the place of a name.
package printable

import (
	"strings"
	"unicode"
)

// Line returns the text with "?" for each rune that cannot be printed on one line.
func Line(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
