package cells

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// Found is what a word of a cell means.
type Found struct {
	Name    *Name          // the living name, or nil
	Object  types.Object   // nil for a package
	Package *types.Package // nil unless the word is a package
	Type    string         // of the word, as a cell would write it
}

// Inspect tells what the word at an offset of a cell means or, within the brackets of a call and
// behind no word, the function that is called. It returns nil for anything else.
func (s *State) Inspect(code string, at int) *Found {
	word, ok := wordAt(code, at)
	if !ok {
		return nil
	}
	for _, text := range []string{code, code[:word.end]} { // the latter for a cell with errors behind it
		if u := s.ask(text); u != nil {
			if f := u.meaning(word); f != nil {
				return f
			}
		}
	}
	return nil
}

// word is a name in a cell, as a range of bytes.
type word struct {
	text       string
	start, end int
	selected   bool // a dot stands before it
}

// wordAt finds the name at an offset, or the function of the innermost call that is open there.
func wordAt(code string, at int) (word, bool) {
	all := read(code).all
	for i, t := range all {
		if t.token == token.IDENT && t.offset <= at && at <= t.offset+len(t.text) {
			return newWord(all, i), true
		}
	}
	part := read(code[:at])
	open := part.open()
	for n := len(open) - 1; n >= 0; n-- {
		i := open[n]
		if part.all[i].token == token.LPAREN && i > 0 && part.all[i-1].token == token.IDENT {
			return newWord(part.all, i-1), true
		}
	}
	return word{}, false
}

func newWord(all []scanned, i int) word {
	t := all[i]
	return word{t.text, t.offset, t.offset + len(t.text), i > 0 && all[i-1].token == token.PERIOD}
}

// meaning returns what a word means in a checked cell, or nil.
func (u *unit) meaning(w word) *Found {
	var name *ast.Ident
	for _, d := range u.decls.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Pos().IsValid() && u.offset(id.Pos()) == w.start {
				name = id
			}
			return true
		})
	}
	var o types.Object
	if name != nil {
		if o = u.info.Uses[name]; o == nil {
			o = u.info.Defs[name]
		}
	}
	if o == nil && !w.selected {
		scope, pos := u.scopeAt(w.start)
		_, o = scope.LookupParent(w.text, pos)
	}
	if p, ok := o.(*types.PkgName); ok || o == nil && !w.selected {
		if ok {
			return &Found{Package: p.Imported()}
		}
		if p := u.state.packageOf(w.text, nil); p != nil {
			return &Found{Package: p}
		}
		return nil
	}
	if o == nil {
		return nil
	}
	f := &Found{Object: o, Name: u.named[o]}
	if f.Name == nil && !w.selected && o.Parent() == u.pkg.Scope() {
		f.Name = u.state.names[w.text] // which the cell declares again
	}
	if o.Type() != nil {
		f.Type = plain(types.TypeString(o.Type(), briefly))
	}
	return f
}

// Text returns the declaration of what was found, as Go writes it.
func (f *Found) Text() string {
	if f.Package != nil {
		return "package " + f.Package.Name() + " // import " + `"` + f.Package.Path() + `"`
	}
	text := types.ObjectString(f.Object, briefly)
	if t, ok := f.Object.(*types.TypeName); ok {
		if s, ok := t.Type().Underlying().(*types.Struct); ok {
			text = "type " + t.Name() + " struct {\n"
			for field := range s.Fields() {
				if field.Exported() || field.Pkg().Path() == cellPackage {
					text += "    " + strings.TrimPrefix(types.ObjectString(field, briefly), "field ") + "\n"
				}
			}
			text += "}"
		}
	}
	return plain(text)
}
