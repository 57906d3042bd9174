package cells

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"strconv"
	"strings"
)

// valuesPath is the package that gives a cell its context.
const valuesPath = "github.com/eqflow/gonb-eqflow/notebooks/kernel/live/values"

// mentions are the names in a cell: all of them, and for those before a dot the names after it.
type mentions struct {
	names     map[string]bool
	selectors map[string][]string
}

func (u *unit) mentioned() mentions {
	m := mentions{map[string]bool{}, map[string][]string{}}
	all := tokens(strings.TrimPrefix(u.code, mainMark))
	for i, t := range all {
		if t.token != token.IDENT {
			continue
		}
		m.names[t.text] = true
		if i+2 < len(all) && all[i+1].token == token.PERIOD && all[i+2].token == token.IDENT {
			m.selectors[t.text] = append(m.selectors[t.text], all[i+2].text)
		}
	}
	return m
}

// addImports puts the imports that a cell needs before its declarations: imports of earlier cells,
// and packages that need no import. declared are the names that the cell declares itself.
func (u *unit) addImports(m mentions, declared map[string]bool) {
	own := map[string]bool{}
	for _, d := range u.decls.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			for _, s := range g.Specs {
				own[u.localName(s.(*ast.ImportSpec))] = true
			}
		}
	}
	var added []ast.Spec
	add := func(name, path string) {
		spec := &ast.ImportSpec{Path: &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(path)}}
		if name != "" {
			spec.Name = ast.NewIdent(name)
		}
		added = append(added, spec)
	}
	for name, selected := range m.selectors {
		if own[name] || declared[name] || u.state.names[name] != nil {
			continue
		}
		if path := u.state.imports[name]; path != "" {
			add(name, path)
		} else if path := u.guess(name, selected); path != "" {
			add(name, path)
		}
	}
	for _, path := range u.state.dots {
		add(".", path)
	}
	if len(added) > 0 {
		u.decls.Decls = append([]ast.Decl{&ast.GenDecl{Tok: token.IMPORT, Lparen: 1, Specs: added}}, u.decls.Decls...)
	}
}

// importOthers adds imports of packages that the cell names, which no cell has used. added reports
// whether there are any.
func (u *unit) importOthers(problems []Problem) (added bool) {
	selectors := u.mentioned().selectors
	var specs []ast.Spec
	for _, p := range problems {
		name, ok := strings.CutPrefix(p.Text, "undefined: ")
		if !ok || len(selectors[name]) == 0 {
			continue
		}
		if path := u.choose(u.state.packages.Others(name), selectors[name]); path != "" {
			specs = append(specs, &ast.ImportSpec{Path: &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(path)}})
		}
		delete(selectors, name)
	}
	if len(specs) > 0 {
		u.decls.Decls = append([]ast.Decl{&ast.GenDecl{Tok: token.IMPORT, Lparen: 1, Specs: specs}}, u.decls.Decls...)
	}
	return len(specs) > 0
}

// localName returns the name by which a cell uses an import.
func (u *unit) localName(s *ast.ImportSpec) string {
	if s.Name != nil {
		return s.Name.Name
	}
	p, _ := strconv.Unquote(s.Path.Value)
	if known, err := u.state.packages.Import(p); err == nil {
		return known.Name()
	}
	return path.Base(p)
}

// guess returns the path of a package by its name and by the names that the cell uses of it.
func (u *unit) guess(name string, selected []string) string {
	return u.choose(u.state.packages.Named(name), selected)
}

// choose returns the first of several packages that has the names which the cell uses, or else the
// first.
func (u *unit) choose(paths, selected []string) string {
	for _, path := range paths {
		p, err := u.state.packages.Import(path)
		if err != nil {
			continue
		}
		all := true
		for _, s := range selected {
			all = all && (p.Scope().Lookup(s) != nil || !token.IsExported(s))
		}
		if all {
			return path
		}
	}
	if len(paths) > 0 {
		return paths[0] // the compiler then says what the package does not have
	}
	return ""
}

// predeclared are the names that every cell has, unless it declares them itself, with their names
// in package values: the running cell's context, and the function that clears its output.
var predeclared = map[string]string{"ctx": "Ctx", "clearOutput": "ClearOutput"}

// predeclared returns what a predeclared name means in a cell, or nil.
func (s *State) predeclared(name string) *Name {
	p, err := s.packages.Import(valuesPath)
	if err != nil {
		return nil
	}
	var object types.Object
	in := types.NewPackage(cellPackage, cellPackage)
	switch known := p.Scope().Lookup(predeclared[name]).(type) {
	case *types.Var:
		object = types.NewVar(token.NoPos, in, name, known.Type())
	case *types.Func:
		object = types.NewFunc(token.NoPos, in, name, known.Signature())
	default:
		return nil
	}
	return &Name{Name: name, object: object, home: valuesPath}
}
