package cells

import (
	"go/token"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// named matches the parser's word about a function with a name inside another function.
var named = regexp.MustCompile(`^expected '\(', found (\w+)$`)

// explainSyntax returns a parser's message about the place at offset in the cell, in the words of
// somebody who does not see what stands around the cell's parts. inside reports that the part is
// the inside of a function.
func (u *unit) explainSyntax(message string, offset int, inside bool) string {
	rest := ""
	if offset >= 0 && offset < len(u.code) {
		rest = u.code[offset:]
	}
	atEnd := strings.TrimSpace(rest) == ""
	cause, found, _ := strings.Cut(message, ", found ")
	first, _, _ := strings.Cut(rest, "\n")
	switch {
	case found == "'EOF'":
		return "the cell ends too early: a bracket is still open"
	case found == "'}'" && cause == "expected declaration":
		return "a closing brace without an opening one"
	case inside && atEnd && found == "'}'":
		return cause + ", found the end of the cell"
	case strings.HasPrefix(rest, mainMark) && u.bodyAt >= 0 && offset >= u.bodyAt:
		return "a cell has one line %%, and its own main follows that line"
	case found == "'ILLEGAL'" && rest != "":
		r, _ := utf8.DecodeRuneInString(rest)
		return cause + ", found " + string(r)
	case inside && named.MatchString(message) && strings.HasPrefix(first, named.FindStringSubmatch(message)[1]):
		return "a function with a name stands above the line %%, or in a cell without one"
	}
	return message
}

// ForProgram returns a script as a program's source that GoNB understands: declarations, the line
// %%, and the statements that main runs. A cell that has its own main stays as it is.
func ForProgram(code string) string {
	_, start, _ := cut(code)
	chunks := split(code)
	isStatement := func(c chunk) bool {
		return c.kind == statement && !strings.HasPrefix(code[c.start:], token.VAR.String()+" ")
	}
	if start >= 0 || !slices.ContainsFunc(chunks, isStatement) {
		return code
	}
	var above, below strings.Builder
	for _, c := range chunks {
		to := &above
		if isStatement(c) {
			to = &below
		}
		// A comment belongs to what follows it: cgo reads the one above its import.
		to.WriteString(strings.TrimLeft(code[commentAbove(code, c.start):c.end], "\n") + "\n")
	}
	return above.String() + mainMark + "\n" + below.String()
}

// commentAbove returns where the comment begins that stands directly above a place, or the place.
func commentAbove(code string, at int) int {
	above := strings.TrimRight(code[:at], " \t")
	if strings.HasSuffix(above, "*/\n") {
		if begin := strings.LastIndex(above, "/*"); begin >= 0 {
			return begin
		}
	}
	for {
		lines := strings.TrimSuffix(above, "\n")
		begin := strings.LastIndex(lines, "\n") + 1
		if lines == above || !strings.HasPrefix(lines[begin:], "//") {
			return min(at, len(above))
		}
		above = above[:begin]
	}
}
