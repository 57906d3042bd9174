package cells

import (
	"fmt"
	"go/types"
	"slices"
)

// What returns "variable", "function", "type" or "constant".
func (n *Name) What() string {
	switch n.object.(type) {
	case *types.Var:
		return "variable"
	case *types.Func:
		return "function"
	case *types.TypeName:
		return "type"
	}
	return "constant"
}

// Spelling returns the name's type as a cell writes it, with the packages that the type names, by
// their names in it, and the types of cells that it names.
func (n *Name) Spelling() (text string, imports map[string]string, needs []string) {
	imports = map[string]string{}
	paths := map[string]string{} // names by path
	text = types.TypeString(n.object.Type(), func(p *types.Package) string {
		if p.Path() == cellPackage {
			return ""
		}
		name, known := paths[p.Path()]
		for i := 0; !known; i++ {
			if name = p.Name(); i > 0 {
				name = fmt.Sprint(name, i+1)
			}
			if known = imports[name] == ""; known {
				imports[name], paths[p.Path()] = p.Path(), name
			}
		}
		return name
	})
	w := &typeWalker{seen: map[types.Type]bool{}}
	w.walk(n.object.Type())
	slices.Sort(w.found)
	return text, imports, slices.Compact(w.found)
}

// typeWalker finds the types of cells that a type names.
type typeWalker struct {
	seen  map[types.Type]bool
	found []string
}

func (w *typeWalker) walk(t types.Type) {
	if t == nil || w.seen[t] {
		return
	}
	w.seen[t] = true
	switch t := t.(type) {
	case *types.Alias:
		w.named(t.Obj(), t.TypeArgs())
	case *types.Named:
		w.named(t.Obj(), t.TypeArgs())
	case *types.Map:
		w.walk(t.Key())
		w.walk(t.Elem())
	case interface{ Elem() types.Type }: // a pointer, slice, array or channel
		w.walk(t.Elem())
	case *types.Struct:
		for f := range t.Fields() {
			w.walk(f.Type())
		}
	case *types.Signature:
		for v := range t.Params().Variables() {
			w.walk(v.Type())
		}
		for v := range t.Results().Variables() {
			w.walk(v.Type())
		}
	}
}

func (w *typeWalker) named(object *types.TypeName, args *types.TypeList) {
	if object.Pkg() != nil && object.Pkg().Path() == cellPackage {
		w.found = append(w.found, object.Name())
	}
	for t := range args.Types() {
		w.walk(t)
	}
}
