package cells

import (
	"go/ast"
	"go/types"
)

// printed are the functions of fmt that write to the standard output.
var printed = map[string]bool{"Print": true, "Printf": true, "Println": true}

// editPrints notes the edits that let the cell print by functions which know the goroutine's cell.
func (u *unit) editPrints() {
	u.replaced = map[*ast.Ident]bool{}
	for _, d := range u.decls.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			name, ok := s.X.(*ast.Ident)
			if !ok || !printed[s.Sel.Name] {
				return true
			}
			if p, ok := u.info.Uses[name].(*types.PkgName); ok && p.Imported().Path() == "fmt" {
				u.replaced[name] = true
				start := u.offset(name.Pos())
				u.edits = append(u.edits, edit{start, start + len(name.Name), u.alias(valuesPath)})
			}
			return true
		})
	}
}
