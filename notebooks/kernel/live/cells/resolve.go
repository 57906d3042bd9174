package cells

import (
	"go/ast"
	"go/token"
	"go/types"
)

// resolve gives every name that the cell declares its place: the earlier variable of the same name
// and type, or else the cell's own package.
func (u *unit) resolve() {
	u.aliases = map[string]string{}
	for _, s := range u.steps {
		for _, name := range s.names {
			if object := u.info.Defs[name]; object != nil && name.Name != "_" {
				u.own(object)
			}
		}
	}
	for _, d := range u.decls.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			object, _ := u.info.Defs[d.Name].(*types.Func)
			if d.Recv == nil && object != nil && d.Name.Name != "_" && d.Name.Name != "init" && d.Name.Name != "main" {
				u.own(object)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					u.ownUnlessBlank(s.Name)
				case *ast.ValueSpec:
					if d.Tok == token.CONST {
						for _, name := range s.Names {
							u.ownUnlessBlank(name)
						}
					}
				}
			}
		}
	}
}

func (u *unit) ownUnlessBlank(name *ast.Ident) {
	if object := u.info.Defs[name]; object != nil && name.Name != "_" {
		u.own(object)
	}
}

// own makes an object a living name of this cell.
func (u *unit) own(object types.Object) {
	n := &Name{Name: object.Name(), Cell: u.number, object: object, home: u.path, first: u.number}
	if before := u.state.names[n.Name]; before != nil && hasPlace(before.object) && hasPlace(object) &&
		before.IsVariable() == n.IsVariable() && types.Identical(before.object.Type(), object.Type()) {
		n.home, n.first = before.home, before.first
	}
	u.named[object] = n
	u.defined = append(u.defined, n)
}

// hasPlace reports whether an object is a variable, or a function that is kept in one. The
// functions that call it then call what it is declared as later.
func hasPlace(object types.Object) bool {
	switch o := object.(type) {
	case *types.Var:
		return true
	case *types.Func:
		return o.Signature().TypeParams().Len() == 0
	}
	return false
}

// holder returns the name of an object that an earlier cell declared, be it living or replaced.
func (s *State) holder(object types.Object) *Name { return s.objects[object] }
