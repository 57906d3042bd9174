package cells

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// hiddenTag returns the tag of a field without a capital letter. encoding/json and encoding/xml
// must still pass over the field when it has got a capital letter.
func hiddenTag(tag string) string {
	hidden := `json:"-" xml:"-"`
	if tag == "" || strings.HasPrefix(tag, hidden) {
		return hidden
	}
	return hidden + " " + tag // the first of two tags of one name counts
}

// hideFields notes the edits that give fields without a capital letter their tags.
func (u *unit) hideFields() {
	for _, d := range u.decls.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			s, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range s.Fields.List {
				u.hideField(f)
			}
			return true
		})
	}
}

func (u *unit) hideField(f *ast.Field) {
	for _, name := range f.Names {
		if token.IsExported(name.Name) || name.Name == "_" {
			return // which shares its tag with the others
		}
	}
	if len(f.Names) == 0 {
		return
	}
	if f.Tag == nil {
		at := u.offset(f.Type.End())
		u.edits = append(u.edits, edit{at, at, " " + strconv.Quote(hiddenTag(""))})
		return
	}
	if tag, err := strconv.Unquote(f.Tag.Value); err == nil {
		at := u.offset(f.Tag.Pos())
		u.edits = append(u.edits, edit{at, at + len(f.Tag.Value), strconv.Quote(hiddenTag(tag))})
	}
}
