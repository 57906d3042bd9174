package cells

import (
	"fmt"
	"go/token"
	"go/types"
	"strconv"
	"strings"
)

// visible returns a name with a capital letter.
func visible(name string) string {
	if token.IsExported(name) {
		return name
	}
	return Mark + name
}

// isMember reports whether an object is a field or a method of a type that a cell declares.
func isMember(object types.Object) bool {
	if object.Pkg() == nil || object.Pkg().Path() != cellPackage {
		return false
	}
	switch o := object.(type) {
	case *types.Var:
		return o.IsField()
	case *types.Func:
		return o.Signature().Recv() != nil
	}
	return false
}

// alias returns the name by which the written package uses another one.
func (u *unit) alias(path string) string {
	if u.aliases[path] == "" {
		u.aliases[path] = fmt.Sprintf("%sp%d", Mark, len(u.aliases))
	}
	return u.aliases[path]
}

// reference returns the text that means a living name in the written package.
func (u *unit) reference(n *Name) string {
	text := visible(n.Name)
	switch n.home {
	case u.path:
	case valuesPath:
		return u.alias(valuesPath) + "." + predeclared[n.Name]
	default:
		text = u.alias(n.home) + "." + text
	}
	if isBehindPointer(n.object) {
		return "(*" + text + ")"
	}
	return text
}

// isBehindPointer reports whether the package keeps a variable behind a pointer: a struct or an
// array. For variables of such types the linker wants to know the whole type, which a stub does not
// tell.
func isBehindPointer(object types.Object) bool {
	if _, ok := object.(*types.Var); !ok {
		return false
	}
	switch object.Type().Underlying().(type) {
	case *types.Struct, *types.Array:
		return true
	}
	return false
}

// typeWriter writes types as the written package must name them.
type typeWriter struct {
	*strings.Builder
	unit   *unit
	hidden string // a type that has no name outside its package
}

// typeText returns the text of a type. hidden names a type that another package hides.
func (u *unit) typeText(t types.Type) (text, hidden string) {
	w := &typeWriter{&strings.Builder{}, u, ""}
	w.write(t)
	return w.String(), w.hidden
}

func (w *typeWriter) write(t types.Type) {
	switch t := t.(type) {
	case *types.Basic:
		w.WriteString(t.Name())
	case *types.Alias:
		w.named(t.Obj(), t.TypeArgs())
	case *types.Named:
		w.named(t.Obj(), t.TypeArgs())
	case *types.Pointer:
		w.around("*", t.Elem(), "")
	case *types.Slice:
		w.around("[]", t.Elem(), "")
	case *types.Array:
		w.around(fmt.Sprintf("[%d]", t.Len()), t.Elem(), "")
	case *types.Map:
		w.around("map[", t.Key(), "]")
		w.write(t.Elem())
	case *types.Chan:
		kinds := map[types.ChanDir]string{types.SendRecv: "chan", types.SendOnly: "chan<-", types.RecvOnly: "<-chan"}
		w.around(kinds[t.Dir()]+" (", t.Elem(), ")")
	case *types.Signature:
		w.WriteString("func")
		w.signature(t)
	case *types.Struct:
		w.structure(t)
	case *types.Interface:
		w.contract(t)
	case *types.TypeParam:
		w.WriteString(t.Obj().Name())
	case *types.Union:
		for i := range t.Len() {
			if i > 0 {
				w.WriteString(" | ")
			}
			if t.Term(i).Tilde() {
				w.WriteString("~")
			}
			w.write(t.Term(i).Type())
		}
	}
}

func (w *typeWriter) around(before string, t types.Type, after string) {
	w.WriteString(before)
	w.write(t)
	w.WriteString(after)
}

func (w *typeWriter) named(object *types.TypeName, args *types.TypeList) {
	switch p := object.Pkg(); {
	case p == nil:
		w.WriteString(object.Name())
	case p.Path() == cellPackage:
		n := w.unit.named[object]
		if n == nil {
			n = w.unit.state.holder(object)
		}
		if n == nil {
			w.hidden = object.Name()
			return
		}
		w.WriteString(w.unit.reference(n))
	default:
		if !object.Exported() || object.Parent() != p.Scope() {
			w.hidden = p.Name() + "." + object.Name()
		}
		w.WriteString(w.unit.alias(p.Path()) + "." + object.Name())
	}
	for i := range args.Len() {
		w.WriteString(map[bool]string{true: "[", false: ", "}[i == 0])
		w.write(args.At(i))
	}
	if args.Len() > 0 {
		w.WriteString("]")
	}
}

func (w *typeWriter) signature(t *types.Signature) {
	w.WriteString("(")
	for i := range t.Params().Len() {
		if i > 0 {
			w.WriteString(", ")
		}
		p := t.Params().At(i).Type()
		if s, ok := p.(*types.Slice); ok && t.Variadic() && i == t.Params().Len()-1 {
			w.around("...", s.Elem(), "")
		} else {
			w.write(p)
		}
	}
	w.WriteString(") (")
	for i := range t.Results().Len() {
		w.around("", t.Results().At(i).Type(), ",")
	}
	w.WriteString(")")
}

func (w *typeWriter) structure(t *types.Struct) {
	w.WriteString("struct{")
	for i := range t.NumFields() {
		f := t.Field(i)
		if !f.Embedded() {
			w.WriteString(w.member(f) + " ")
		}
		w.write(f.Type())
		tag := t.Tag(i)
		if !f.Embedded() && !f.Exported() && f.Name() != "_" {
			tag = hiddenTag(tag)
		}
		if tag != "" {
			w.WriteString(" " + strconv.Quote(tag))
		}
		w.WriteString("; ")
	}
	w.WriteString("}")
}

func (w *typeWriter) contract(t *types.Interface) {
	w.WriteString("interface{")
	for i := range t.NumExplicitMethods() {
		m := t.ExplicitMethod(i)
		w.WriteString(w.member(m))
		w.signature(m.Signature())
		w.WriteString("; ")
	}
	for i := range t.NumEmbeddeds() {
		w.around("", t.EmbeddedType(i), "; ")
	}
	w.WriteString("}")
}

// member returns the text of a field's or a method's name.
func (w *typeWriter) member(object types.Object) string {
	switch {
	case object.Exported() || object.Name() == "_":
		return object.Name()
	case isMember(object):
		return Mark + object.Name()
	}
	w.hidden = "a type with the field or method " + object.Name()
	return object.Name()
}
