package cells

import (
	"go/parser"
	"go/scanner"
	"go/token"
	"strings"
)

// chunkKind says what a piece of a cell is.
type chunkKind int

const (
	statement chunkKind = iota // also a var, which is initialised where it stands
	function                   // a function or method with a name
	imports
	declaration // a type or const
	clause      // the package of a file, which means nothing in a cell
)

// chunk is one statement or declaration at the top of a cell, as a range of bytes.
type chunk struct {
	kind       chunkKind
	start, end int
	silent     bool // a semicolon ends it, so that its value is not shown
}

// scanned is a token of a cell.
type scanned struct {
	offset int
	token  token.Token
	text   string
}

// tokens returns the tokens of Go source, with the semicolons that line ends imply. Errors are left
// to the parser.
func tokens(code string) []scanned {
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(code))
	var s scanner.Scanner
	s.Init(file, []byte(code), func(token.Position, string) {}, 0)
	var all []scanned
	for {
		pos, t, text := s.Scan()
		if t == token.EOF {
			return all
		}
		all = append(all, scanned{file.Offset(pos), t, text})
	}
}

// split cuts a script into the statements and declarations at its top.
func split(code string) []chunk {
	var chunks []chunk
	all := tokens(code)
	for i := 0; i < len(all); {
		if all[i].token == token.SEMICOLON {
			i++
			continue
		}
		first, depth := i, 0
		for ; i < len(all); i++ {
			if depth <= 0 && all[i].token == token.SEMICOLON && !inHeader(code, all[first:i+1]) {
				break
			}
			switch all[i].token {
			case token.LPAREN, token.LBRACE, token.LBRACK:
				depth++
			case token.RPAREN, token.RBRACE, token.RBRACK:
				depth--
			}
		}
		c := chunk{kind: kindOf(all[first:i]), start: all[first].offset, end: len(code)}
		if i < len(all) {
			c.end, c.silent = all[i].offset, all[i].text == ";"
		}
		chunks = append(chunks, c)
	}
	return chunks
}

// inHeader reports whether the semicolon at the end of some tokens belongs to the head of a for, an
// if or a switch: the text before it is then no statement.
func inHeader(code string, all []scanned) bool {
	last := all[len(all)-1]
	if last.text != ";" {
		return false // a line's end
	}
	for _, t := range all {
		if t.token == token.FOR || t.token == token.IF || t.token == token.SWITCH {
			text := bodyStart + code[all[0].offset:last.offset] + bodyEnd
			_, err := parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution)
			return err != nil
		}
	}
	return false
}

// kindOf tells a chunk's kind from its tokens.
func kindOf(all []scanned) chunkKind {
	switch all[0].token {
	case token.PACKAGE:
		return clause
	case token.IMPORT:
		return imports
	case token.TYPE, token.CONST:
		return declaration
	case token.FUNC:
		if isNamed(all[1:]) {
			return function
		}
	}
	return statement
}

// isNamed reports whether the tokens after func name a function or a method. The tokens of a
// function literal do not.
func isNamed(all []scanned) bool {
	if len(all) == 0 || all[0].token != token.LPAREN {
		return len(all) > 0 && all[0].token == token.IDENT
	}
	depth := 0
	for i, t := range all {
		switch t.token {
		case token.LPAREN:
			depth++
		case token.RPAREN:
			if depth--; depth == 0 {
				return i+2 < len(all) && all[i+1].token == token.IDENT && all[i+2].token == token.LPAREN
			}
		}
	}
	return false
}

// mainMark begins the line after which a cell's own main stands.
const mainMark = "%%"

// cut finds a cell's line %%. The script ends before it, at end, and the cell's own main begins
// after it, at start, which is -1 without such a line. args are the words on the line, for os.Args.
func cut(code string) (end, start int, args []string) {
	offset := 0
	for line := range strings.Lines(code) {
		if strings.HasPrefix(line, mainMark) {
			rest := strings.TrimPrefix(strings.TrimRight(line, "\r\n"), mainMark)
			if strings.ContainsAny(rest, "(=") { // a statement, not words for os.Args
				return offset, offset + len(mainMark), nil
			}
			return offset, offset + len(line), strings.Fields(rest)
		}
		offset += len(line)
	}
	return len(code), -1, nil
}

// blank replaces everything but line ends by spaces.
func blank(text string) string {
	b := []byte(text)
	for i := range b {
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
	return string(b)
}

// only returns code with everything blank but the chunks that keep holds for.
func only(code string, chunks []chunk, keep func(chunkKind) bool) string {
	b := []byte(blank(code))
	for _, c := range chunks {
		if keep(c.kind) {
			end := c.end
			if c.silent {
				end++ // its semicolon
			}
			copy(b[c.start:end], code[c.start:end])
		}
	}
	return string(b)
}
