package cells

import (
	"go/ast"
	"go/scanner"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// Snapshot returns a copy of the state for questions about unfinished cells (complete.go,
// inspect.go), which may be asked while a cell runs. packages finds the packages that these cells
// import.
func (s *State) Snapshot(packages Packages) *State {
	return &State{
		files: token.NewFileSet(), packages: packages, names: maps.Clone(s.names), imports: maps.Clone(s.imports),
		dots: slices.Clone(s.dots), objects: maps.Clone(s.objects), next: s.next,
	}
}

// Lookup returns the living name, or nil.
func (s *State) Lookup(name string) *Name { return s.names[name] }

// unfinished is the part of a cell before the cursor.
type unfinished struct {
	code   string
	all    []scanned // its tokens
	inside bool      // the cursor is in a string or in a comment
}

// read reads the part of a cell that a cursor stands behind.
func read(code string) unfinished {
	u := unfinished{code: code}
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(code))
	var s scanner.Scanner
	s.Init(file, []byte(code), func(_ token.Position, message string) {
		u.inside = u.inside || strings.Contains(message, "not terminated")
	}, scanner.ScanComments)
	for {
		pos, t, text := s.Scan()
		at := file.Offset(pos)
		switch {
		case t == token.EOF:
			return u
		case t == token.COMMENT:
			u.inside = u.inside || strings.HasPrefix(text, "//") && at+len(text) == len(code)
		case t == token.SEMICOLON && at >= len(strings.TrimRight(code, " \t")): // which the end implies
		default:
			u.all = append(u.all, scanned{at, t, text})
		}
	}
}

// prefix splits the name off that the cursor stands behind.
func (u unfinished) prefix() (rest unfinished, name string) {
	if n := len(u.all); n > 0 {
		last := u.all[n-1]
		if isWord(last) && last.end() == len(u.code) {
			return unfinished{u.code[:last.offset], u.all[:n-1], u.inside}, last.text
		}
	}
	return u, ""
}

// end returns where a name or a literal ends.
func (t scanned) end() int { return t.offset + len(t.text) }

// isWord reports whether a token is a name, or a keyword that may become one.
func isWord(t scanned) bool { return t.token == token.IDENT || t.token.IsKeyword() }

// operand returns where the operand that ends with the last token begins: a name, a literal, or a
// chain of selectors, calls and indices. ok is false if there is none.
func (u unfinished) operand() (start int, ok bool) {
	i := len(u.all) - 1
	for i >= 0 {
		switch t := u.all[i]; {
		case t.token == token.RPAREN, t.token == token.RBRACK, t.token == token.RBRACE:
			if i = u.opening(i); i < 0 {
				return 0, false
			}
			if i == 0 || !endsOperand(u.all[i-1]) {
				return u.all[i].offset, true
			}
			i--
		case t.token == token.IDENT:
			if i < 2 || u.all[i-1].token != token.PERIOD {
				return t.offset, true
			}
			i -= 2
		case t.token == token.STRING:
			return t.offset, true
		default:
			return 0, false
		}
	}
	return 0, false
}

func endsOperand(t scanned) bool {
	switch t.token {
	case token.IDENT, token.RPAREN, token.RBRACK, token.RBRACE:
		return true
	}
	return false
}

// opening returns the index of the bracket that the bracket at i closes, or -1.
func (u unfinished) opening(i int) int {
	depth := 0
	for ; i >= 0; i-- {
		switch u.all[i].token {
		case token.RPAREN, token.RBRACK, token.RBRACE:
			depth++
		case token.LPAREN, token.LBRACK, token.LBRACE:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// open returns the indices of the brackets that are open at the end.
func (u unfinished) open() (all []int) {
	for i, t := range u.all {
		switch t.token {
		case token.LPAREN, token.LBRACK, token.LBRACE:
			all = append(all, i)
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if len(all) > 0 {
				all = all[:len(all)-1]
			}
		}
	}
	return all
}

// ask checks a cell as far as it is written, with its open brackets closed. It returns nil for a
// cell that cannot be read at all.
func (s *State) ask(code string) (u *unit) {
	defer func() {
		if recover() != nil { // the syntax tree of a broken cell may have holes
			u = nil
		}
	}()
	for _, middle := range []string{"", "{}", ":"} { // of an expression, of a for or an if, of a case
		next := s.tolerant(complete(code, middle))
		if next == nil {
			continue
		}
		if u == nil || next.broken < u.broken {
			u = next
		}
		if u.broken == 0 {
			break
		}
	}
	if u != nil {
		_ = u.checkTypes() // what is wrong with the cell is for its run to say
		if u.findOld() {
			_ = u.checkTypes()
		}
	}
	return u
}

// closing are the brackets that close others.
var closing = map[token.Token]string{token.LPAREN: ")", token.LBRACK: "]", token.LBRACE: "}"}

// complete closes the brackets of a cell. middle follows the innermost ones that are no braces.
func complete(code, middle string) string {
	part := read(code)
	all := part.open()
	slices.Reverse(all)
	var b strings.Builder
	b.WriteString(code)
	for _, i := range all {
		if part.all[i].token == token.LBRACE {
			b.WriteString(middle + "\n")
			middle = ""
		}
		b.WriteString(closing[part.all[i].token])
	}
	b.WriteString(middle)
	return b.String()
}

// tolerant parses a cell that may have errors.
func (s *State) tolerant(code string) (u *unit) {
	defer func() {
		if recover() != nil { // the syntax tree of a broken cell may have holes
			u = nil
		}
	}()
	u = &unit{state: s, files: token.NewFileSet(), code: code, path: "cell/0", tolerant: true}
	if u.parse() != nil || u.arrange() != nil {
		return nil
	}
	return u
}

// at returns the smallest expression from one offset to another, or nil.
func (u *unit) at(start, end int) (found ast.Expr) {
	for _, d := range u.decls.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if ok && e.Pos().IsValid() && u.offset(e.Pos()) == start && u.offset(e.End()) == end {
				found = e
			}
			return true
		})
	}
	return found
}

// scopeAt returns the innermost scope at an offset, and the place of the offset.
func (u *unit) scopeAt(offset int) (*types.Scope, token.Pos) {
	best, place := u.pkg.Scope(), token.NoPos
	for file, base := range u.bases {
		at := base + offset
		if at > file.Size() {
			continue
		}
		pos := file.Pos(at)
		for _, scope := range u.info.Scopes {
			if scope.Pos() > pos || pos > scope.End() || u.files.File(scope.End()) != file {
				continue // the functions around statements have an end alone
			}
			if place == token.NoPos || scope.Pos() >= best.Pos() {
				best, place = scope, pos
			}
		}
	}
	return best, place
}
