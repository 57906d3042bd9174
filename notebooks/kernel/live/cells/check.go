package cells

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"runtime"
	"strings"
)

// oldSuffix marks a name that means an earlier cell's variable in a cell that declares the name
// again.
const oldSuffix = Mark + "old"

// check finds the types of a cell.
func (u *unit) check() error {
	if err := u.arrange(); err != nil {
		return err
	}
	problems := u.checkTypes()
	if u.findOld() {
		problems = u.checkTypes()
	}
	if u.importOthers(problems) {
		problems = u.checkTypes()
	}
	if len(problems) > 0 {
		return &Error{u.number, problems}
	}
	return nil
}

// arrange moves what a script defines to the declarations, and turns the rest into a function.
func (u *unit) arrange() error {
	declared := map[string]bool{}
	for _, d := range u.decls.Decls {
		if err := u.checkDeclaration(d, declared); err != nil {
			return err
		}
	}
	rest, moved, err := u.arrangeScript(declared)
	if err != nil {
		return err
	}
	u.addImports(u.mentioned(), declared)
	u.decls.Decls = append(append(u.decls.Decls, moved...), procedure(rest))
	if u.body != nil {
		u.decls.Decls = append(u.decls.Decls, procedure(u.body.List))
	}
	return nil
}

// arrangeScript separates what a script defines from its other statements, and notes its steps.
func (u *unit) arrangeScript(declared map[string]bool) (rest []ast.Stmt, moved []ast.Decl, err error) {
	for i, statement := range u.script {
		s := step{node: statement}
		switch n := statement.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				break
			}
			spec, err := u.define(n, declared)
			if err != nil {
				return nil, nil, err
			}
			s.names = identifiers(n.Lhs)
			moved = append(moved, &ast.GenDecl{Tok: token.VAR, TokPos: n.Pos(), Specs: []ast.Spec{spec}})
			u.steps = append(u.steps, s)
			continue
		case *ast.DeclStmt:
			if specs := variables(n); specs != nil {
				for _, spec := range specs {
					for _, name := range spec.Names {
						declared[name.Name] = true
					}
					u.steps = append(u.steps, step{node: spec, names: spec.Names, spec: spec})
					moved = append(moved, &ast.GenDecl{Tok: token.VAR, TokPos: n.Pos(), Specs: []ast.Spec{spec}})
				}
				continue
			}
		case *ast.ExprStmt:
			if i == len(u.script)-1 && u.bodyAt < 0 {
				u.result = n
			}
		case *ast.EmptyStmt:
			continue
		}
		u.steps = append(u.steps, s)
		rest = append(rest, statement)
	}
	return rest, moved, nil
}

// checkDeclaration records the names of a declaration, and refuses what cannot live.
func (u *unit) checkDeclaration(d ast.Decl, declared map[string]bool) error {
	switch d := d.(type) {
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				declared[s.Name.Name] = true
				if name, ok := s.Type.(*ast.Ident); ok && u.state.names[name.Name] != nil && !u.declares(name.Name) {
					// The type checker looks for a cycle behind a bare name, and knows no earlier
					// cells.
					s.Type = &ast.ParenExpr{Lparen: name.Pos(), X: name, Rparen: name.End()}
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					declared[name.Name] = true
				}
			case *ast.ImportSpec:
				if s.Path.Value == `"C"` {
					return &Unsupported{"it imports C"}
				}
			}
		}
	case *ast.FuncDecl:
		if d.Recv == nil {
			if d.Name.Name != "init" && d.Name.Name != "main" {
				declared[d.Name.Name] = true
			}
			return nil
		}
		base := receiverType(d.Recv.List[0].Type)
		if base == nil || u.declares(base.Name) {
			return nil
		}
		if n := u.state.names[base.Name]; n != nil {
			return u.failure(d.Name.Pos(), "%s is a type of cell %d, and Go wants all methods of a type beside it: "+
				"declare %s and its methods in one cell, or write a function", base.Name, n.Cell, base.Name)
		}
	}
	return nil
}

// declares reports whether the cell declares a type of that name.
func (u *unit) declares(name string) bool {
	for _, d := range u.decls.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			if t, ok := s.(*ast.TypeSpec); ok && t.Name.Name == name {
				return true
			}
		}
	}
	return false
}

// receiverType returns the name of a receiver's type.
func receiverType(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		return e
	case *ast.StarExpr:
		return receiverType(e.X)
	case *ast.ParenExpr:
		return receiverType(e.X)
	case *ast.IndexExpr:
		return receiverType(e.X)
	case *ast.IndexListExpr:
		return receiverType(e.X)
	}
	return nil
}

// define returns the declaration of the variables that := defines at the top of a cell. Names that
// the cell has defined before are assigned.
func (u *unit) define(n *ast.AssignStmt, declared map[string]bool) (*ast.ValueSpec, error) {
	spec, fresh := &ast.ValueSpec{Values: n.Rhs}, 0
	for _, e := range n.Lhs {
		name, ok := e.(*ast.Ident)
		if !ok {
			return nil, u.failure(e.Pos(), "non-name on left side of :=")
		}
		if declared[name.Name] || name.Name == "_" {
			name = &ast.Ident{NamePos: name.NamePos, Name: "_"}
		} else {
			fresh++
			declared[name.Name] = true
		}
		spec.Names = append(spec.Names, name)
	}
	if fresh == 0 {
		return nil, u.failure(n.TokPos, "no new variables on left side of :=")
	}
	return spec, nil
}

func identifiers(list []ast.Expr) []*ast.Ident {
	var names []*ast.Ident
	for _, e := range list {
		names = append(names, e.(*ast.Ident))
	}
	return names
}

// variables returns the specs of a var, or nil for another declaration.
func variables(n *ast.DeclStmt) []*ast.ValueSpec {
	g := n.Decl.(*ast.GenDecl)
	if g.Tok != token.VAR {
		return nil
	}
	specs := []*ast.ValueSpec{}
	for _, s := range g.Specs {
		specs = append(specs, s.(*ast.ValueSpec))
	}
	return specs
}

// procedure wraps statements for the type checker.
func procedure(list []ast.Stmt) ast.Decl {
	return &ast.FuncDecl{
		Name: ast.NewIdent("_"), Type: &ast.FuncType{Params: &ast.FieldList{}}, Body: &ast.BlockStmt{List: list},
	}
}

// checkTypes runs the type checker, and returns the problems that are problems in a cell too.
func (u *unit) checkTypes() []Problem {
	u.pkg = types.NewPackage(cellPackage, cellPackage)
	u.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
		Uses: map[*ast.Ident]types.Object{}, Implicits: map[ast.Node]types.Object{},
	}
	if u.tolerant {
		u.info.Scopes = map[ast.Node]*types.Scope{}
	}
	u.named, u.unused = map[types.Object]*Name{}, map[token.Pos]bool{}
	u.insertLiving()
	var problems []Problem
	config := types.Config{
		Importer: u.state.packages, Sizes: types.SizesFor("gc", runtime.GOARCH),
		Error: func(err error) {
			var e types.Error
			if !errors.As(err, &e) || u.tolerates(e) {
				return
			}
			problems = append(problems, Problem{u.line(u.offset(e.Pos)), u.explain(plain(e.Msg))})
		},
	}
	_ = types.NewChecker(&config, u.files, u.pkg, u.info).Files([]*ast.File{u.decls}) // Error has them all
	return problems
}

// insertLiving makes the living names that the cell mentions visible to the type checker.
func (u *unit) insertLiving() {
	m := u.mentioned()
	insert := func(n *Name, as string) {
		object := n.object
		if as != n.Name {
			object = types.NewVar(object.Pos(), object.Pkg(), as, object.Type())
		}
		if u.pkg.Scope().Insert(object) == nil {
			u.named[object] = n
		}
	}
	declared := u.ownNames()
	for name, n := range u.state.names {
		switch {
		case !m.names[name]:
		case !declared[name]:
			insert(n, name)
		case n.IsVariable():
			insert(n, name+oldSuffix)
		}
	}
	for name := range predeclared {
		if n := u.state.predeclared(name); n != nil && m.names[name] && !declared[name] {
			insert(n, name)
		}
	}
}

// ownNames returns the names that the cell declares at its top, imports included.
func (u *unit) ownNames() map[string]bool {
	names := map[string]bool{}
	for _, d := range u.decls.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names[d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					names[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range s.Names {
						names[name.Name] = true
					}
				case *ast.ImportSpec:
					names[u.localName(s)] = true
				}
			}
		}
	}
	return names
}

// tolerates reports whether an error of the type checker is none in a cell. It notes unused
// variables.
func (u *unit) tolerates(e types.Error) bool {
	switch {
	case strings.Contains(e.Msg, "declared and not used"):
		u.unused[e.Pos] = true
		return true
	case e.Soft && strings.Contains(e.Msg, "imported and not used"), e.Soft && strings.Contains(e.Msg, "imported as"):
		return true
	case u.result != nil && u.result.Pos() <= e.Pos && e.Pos < u.result.End() &&
		strings.HasSuffix(e.Msg, "is not used"):
		return true // the cell shows it
	case strings.HasPrefix(e.Msg, "initialization cycle"):
		return true // the cell initialises its variables in its own order
	case strings.HasPrefix(e.Msg, "implicit assignment to unexported field"):
		return true // of a cell's type; for another type the compiler says so again
	}
	return strings.HasPrefix(e.Msg, "\t") // a continuation of another error
}

// plain drops what the compiler has added to names.
func plain(message string) string {
	message = strings.ReplaceAll(message, oldSuffix, "")
	return strings.ReplaceAll(strings.ReplaceAll(message, Mark, ""), cellPackage+".", "")
}

// mixed matches an error about two types of one name.
var mixed = regexp.MustCompile(`^cannot use (\w+)?.*type \*?(\w+)\) as \*?(\w+) value`)

// explain adds to an error what it does not say: that a type of this name was declared twice.
func (u *unit) explain(message string) string {
	found := mixed.FindStringSubmatch(message)
	if found == nil || found[2] != found[3] {
		return message
	}
	from := ""
	if n := u.state.names[found[1]]; n != nil {
		from = fmt.Sprintf(", and %s is of the type that cell %d knew", n.Name, n.Cell)
	}
	return fmt.Sprintf("%s; the type %s was declared again%s: make the value anew", message, found[2], from)
}

// findOld finds names that stand before the statement which declares them. They mean the variable
// of an earlier cell, and get its name. found reports whether there are any.
func (u *unit) findOld() (found bool) {
	ends := map[types.Object]token.Pos{}
	for _, s := range u.steps {
		for _, name := range s.names {
			if object := u.info.Defs[name]; object != nil {
				ends[object] = s.node.End()
			}
		}
	}
	for name, object := range u.info.Uses {
		if end, ok := ends[object]; ok && u.inScript(name) && name.Pos() < end && name.Pos() > token.NoPos {
			name.Name += oldSuffix
			found = true
		}
	}
	return found
}

// inScript reports whether a name stands in a statement at the top of the cell.
func (u *unit) inScript(name *ast.Ident) bool {
	for _, s := range u.steps {
		if s.node.Pos() <= name.Pos() && name.Pos() < s.node.End() {
			return true
		}
	}
	return false
}
