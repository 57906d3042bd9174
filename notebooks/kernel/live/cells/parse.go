package cells

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
)

// The text around a cell's parts that makes them Go files.
const (
	fileStart = "package " + cellPackage + ";"
	bodyStart = fileStart + "func _(){"
	bodyEnd   = "\n}"
)

// parse reads the parts of a cell.
func (u *unit) parse() error {
	end, start, args := cut(u.code)
	script := u.code[:end]
	u.chunks, u.args, u.bodyAt = split(script), args, start
	u.bases = map[*token.File]int{}
	keep := func(kinds ...chunkKind) string {
		return only(script, u.chunks, func(k chunkKind) bool { return slices.Contains(kinds, k) })
	}
	imported, err := u.parseFile(fileStart, keep(imports), "")
	if err != nil {
		return err
	}
	if u.decls, err = u.parseFile(fileStart, keep(function, declaration), ""); err != nil {
		return err
	}
	u.decls.Decls = append(imported.Decls, u.decls.Decls...)
	statements, err := u.parseFile(bodyStart, keep(statement), bodyEnd)
	if err != nil {
		return err
	}
	u.script = statements.Decls[0].(*ast.FuncDecl).Body.List
	if start >= 0 {
		file, err := u.parseFile(bodyStart, blank(u.code[:start])+u.code[start:], bodyEnd)
		if err != nil {
			return err
		}
		u.body = file.Decls[0].(*ast.FuncDecl).Body
	}
	return nil
}

// parseFile parses a part of the cell between two texts.
func (u *unit) parseFile(before, part, after string) (*ast.File, error) {
	base := u.files.Base()
	file, err := parser.ParseFile(u.files, "", before+part+after, parser.SkipObjectResolution|parser.AllErrors)
	if found := u.files.File(token.Pos(base)); found != nil {
		u.bases[found] = len(before)
	}
	list, ok := err.(scanner.ErrorList)
	if u.tolerant {
		u.broken += len(list)
		return file, nil
	}
	if !ok {
		if err == nil && before == bodyStart && len(file.Decls) != 1 {
			// A bracket too many has closed the function around the statements.
			return nil, u.failure(file.Decls[1].Pos(), "a closing brace without an opening one")
		}
		return file, err
	}
	failure := &Error{Cell: u.number}
	for _, e := range list {
		offset := e.Pos.Offset - len(before)
		line := u.line(min(offset, len(strings.TrimRight(u.code, " \t\n"))))
		text := u.explainSyntax(plain(e.Msg), offset, before == bodyStart)
		failure.Problems = append(failure.Problems, Problem{line, text})
	}
	return nil, failure
}
