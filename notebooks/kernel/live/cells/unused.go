package cells

import (
	"go/ast"
	"go/token"
)

// useUnused notes edits that use the variables which nothing uses, since the compiler refuses such
// variables, and a cell need not.
func (u *unit) useUnused() {
	var stack []ast.Node
	for _, d := range u.decls.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			stack = append(stack, n)
			if name, ok := n.(*ast.Ident); ok && u.unused[name.Pos()] {
				u.use(name, stack)
			}
			return true
		})
	}
}

// use notes the edit that uses a variable. stack leads to the place where it is declared.
func (u *unit) use(name *ast.Ident, stack []ast.Node) {
	for i := len(stack) - 1; i > 0; i-- {
		inside, done := useInside(stack[i-1], stack[i])
		if !done {
			continue
		}
		if inside != token.NoPos {
			at := u.offset(inside) + 1
			u.edits = append(u.edits, edit{at, at, " _ = " + name.Name + ";"})
			return
		}
		at := u.offset(stack[i].End())
		u.edits = append(u.edits, edit{at, at, "; _ = " + name.Name})
		return
	}
}

// useInside says where a variable that node declares can be used. done is false if that is further
// up. inside is the brace or colon after which the variable can be used, or NoPos for the end of
// node.
func useInside(parent, node ast.Node) (inside token.Pos, done bool) {
	switch p := parent.(type) {
	case *ast.BlockStmt:
		return token.NoPos, true
	case *ast.CaseClause:
		_, done = node.(ast.Stmt)
		return token.NoPos, done
	case *ast.CommClause:
		if node == p.Comm {
			return p.Colon, true
		}
		return token.NoPos, true
	case *ast.IfStmt:
		return p.Body.Lbrace, node == p.Init
	case *ast.ForStmt:
		return p.Body.Lbrace, node == p.Init
	case *ast.RangeStmt:
		return p.Body.Lbrace, node == p.Key || node == p.Value
	case *ast.SwitchStmt:
		return firstColon(p.Body), node == p.Init
	case *ast.TypeSwitchStmt:
		return firstColon(p.Body), node == p.Init || node == p.Assign
	}
	return token.NoPos, false
}

// firstColon returns the place after which the first case of a switch begins.
func firstColon(body *ast.BlockStmt) token.Pos {
	if len(body.List) == 0 {
		return token.NoPos
	}
	return body.List[0].(*ast.CaseClause).Colon
}
