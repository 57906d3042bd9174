package cells

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// The names of what the compiler adds to a package.
const (
	// The compiler treats a package main of a plugin in a way of its own.
	writtenPackage = cellPackage + Mark

	runName  = Mark + Mark + "Run"
	bodyName = Mark + Mark + "Body"
	mainName = Mark + Mark + "Main"
	initName = Mark + Mark + "Init"
	funcTail = Mark + Mark // of a function whose name is a variable
)

// edit replaces a range of the cell's text.
type edit struct {
	start, end int
	text       string
}

// FileName returns the name that a cell has in positions.
func FileName(number int) string { return fmt.Sprintf("cell[%d]", number) }

// emit writes the package.
func (u *unit) emit() (*Cell, error) {
	inits := u.renameAll()
	u.hideFields()
	u.useUnused()
	u.editSteps()
	u.editPrints()
	slices.SortStableFunc(u.edits, func(a, b edit) int { return a.start - b.start })
	var body strings.Builder
	if err := u.writeVariables(&body); err != nil {
		return nil, err
	}
	runs := u.writeRun(&body, inits)
	for _, c := range u.chunks {
		if c.kind == function || c.kind == declaration {
			u.writeLines(&body, c.start, "", u.text(c.start, c.end), "")
			runs = true
		}
	}
	if u.body != nil {
		body.WriteString("func " + bodyName + "() {\n")
		u.writeLines(&body, u.bodyAt, "", u.text(u.bodyAt, len(u.code)), "\n}")
	}
	c := &Cell{Number: u.number, Path: u.path, Args: u.args, names: u.defined}
	imported, dots := u.usedImports()
	u.addedImports(c)
	if !runs && len(c.blank) == 0 {
		return c, nil
	}
	var head strings.Builder
	head.WriteString("package " + writtenPackage + "\n\n")
	// The linker wants to know these two packages by the cell.
	head.WriteString("import _ \"runtime\"\nimport _ \"runtime/cgo\"\n")
	add := func(name, path string) { fmt.Fprintf(&head, "import %s %q\n", name, path) }
	for _, name := range slices.Sorted(maps.Keys(imported)) {
		add(name, imported[name])
	}
	for _, path := range slices.Sorted(maps.Keys(u.aliases)) {
		add(u.aliases[path], path)
	}
	for _, path := range dots {
		add(".", path)
	}
	for _, path := range c.blank {
		add("_", path)
	}
	c.Source = head.String() + "\n" + body.String()
	return c, nil
}

// text returns a range of the cell's text with the edits.
func (u *unit) text(start, end int) string {
	var b strings.Builder
	for _, e := range u.edits {
		if e.start < start || e.end > end {
			continue
		}
		b.WriteString(u.code[start:e.start] + e.text)
		start = e.end
	}
	return b.String() + u.code[start:end]
}

// writeLines writes text that begins at an offset of the cell, with the line's number before it.
func (u *unit) writeLines(b *strings.Builder, offset int, before, text, after string) {
	line := u.line(offset)
	fmt.Fprintf(b, "//line %s:%d\n%s%s%s\n", FileName(u.number), line, before, text, after)
}

// renameAll notes the edits that make the cell's names visible. It returns the number of functions
// init.
func (u *unit) renameAll() (inits int) {
	embedded := map[*ast.Ident]bool{}
	for name, object := range u.info.Uses {
		text := ""
		if n := u.named[object]; n != nil {
			text = u.reference(n)
			_, isType := object.(*types.TypeName)
			embedded[name] = isType
		} else if isMember(object) {
			text = visible(object.Name())
		}
		u.rename(name, text)
	}
	for name, object := range u.info.Defs {
		switch {
		case object == nil || name.Name == "_" || embedded[name]:
		case u.named[object] != nil:
			u.rename(name, u.definition(object))
		case isMember(object):
			u.rename(name, visible(object.Name()))
		}
	}
	for _, d := range u.decls.Decls {
		f, ok := d.(*ast.FuncDecl)
		switch {
		case !ok || f.Recv != nil:
		case f.Name.Name == "main":
			u.rename(f.Name, mainName)
		case f.Name.Name == "init":
			u.rename(f.Name, fmt.Sprintf("%s%d", initName, inits))
			inits++
		}
	}
	return inits
}

// definition returns the text of a name where it is declared.
func (u *unit) definition(object types.Object) string {
	if _, ok := object.(*types.Func); ok && hasPlace(object) {
		return visible(object.Name()) + funcTail
	}
	return u.reference(u.named[object])
}

func (u *unit) rename(name *ast.Ident, text string) {
	original := strings.TrimSuffix(name.Name, oldSuffix)
	if start := u.offset(name.Pos()); start >= 0 && text != "" && text != original && name.Pos() != token.NoPos {
		u.edits = append(u.edits, edit{start, start + len(original), text})
	}
}

// editSteps turns the definitions at the top of the cell into assignments.
func (u *unit) editSteps() {
	for _, s := range u.steps {
		n, ok := s.node.(*ast.AssignStmt)
		if !ok || len(s.names) == 0 {
			continue
		}
		at := u.offset(n.TokPos)
		u.edits = append(u.edits, edit{at, at + len(":="), "="})
		for _, name := range s.names {
			if u.info.Defs[name] == nil && name.Name != "_" { // defined before in this cell
				if object := u.pkg.Scope().Lookup(name.Name); u.named[object] != nil {
					u.rename(name, u.reference(u.named[object]))
				}
			}
		}
	}
}

// writeVariables declares the variables whose place is in this package.
func (u *unit) writeVariables(b *strings.Builder) error {
	for _, n := range u.defined {
		if n.home != u.path || !hasPlace(n.object) {
			continue
		}
		text, hidden := u.typeText(n.object.Type())
		if hidden != "" {
			return u.failure(n.object.Pos(), "%s has the type %s, which has no name outside its package: "+
				"keep it in a function or below a line %%%%, or give it an interface type by var", n.Name, hidden)
		}
		if isBehindPointer(n.object) {
			text = "= new(" + text + ")"
		}
		u.writeLines(b, u.offset(n.object.Pos()), "var ", visible(n.Name)+" "+text, "")
	}
	return nil
}

// writeRun writes the function that runs the cell. It reports whether there is anything to run.
func (u *unit) writeRun(b *strings.Builder, inits int) (runs bool) {
	fmt.Fprintf(b, "func init() { %s.Load(%s) }\n\nfunc %s() {\n", u.alias(valuesPath), runName, runName)
	for _, n := range u.defined {
		t, isType := n.object.(*types.TypeName)
		switch {
		case isType && IsPlain(t.Type()): // the linker must not leave it out, since later cells use it
			fmt.Fprintf(b, "%s.Keep((*%s)(nil))\n", u.alias(valuesPath), u.reference(n))
		case !hasPlace(n.object):
		case n.IsVariable():
			fmt.Fprintf(b, "%s.Declare(%q, &%s, %d)\n", u.alias(valuesPath), n.Name, u.reference(n), u.number)
		default:
			fmt.Fprintf(b, "%s = %s\n", u.reference(n), visible(n.Name)+funcTail)
		}
	}
	for i := range inits {
		fmt.Fprintf(b, "%s%d()\n", initName, i)
	}
	for _, s := range u.steps {
		u.writeStep(b, s)
	}
	if u.body != nil {
		b.WriteString(bodyName + "()\n")
	}
	main := u.pkg.Scope().Lookup("main") != nil
	if main {
		b.WriteString(mainName + "()\n")
	}
	b.WriteString("}\n")
	return len(u.defined) > 0 || len(u.steps) > 0 || u.body != nil || main
}

// IsPlain reports whether a type can stand alone: it has no type parameters, and is no constraint.
func IsPlain(t types.Type) bool {
	if g, ok := t.(interface{ TypeParams() *types.TypeParamList }); ok && g.TypeParams().Len() > 0 {
		return false
	}
	i, ok := t.Underlying().(*types.Interface)
	return !ok || i.IsMethodSet()
}

func (u *unit) writeStep(b *strings.Builder, s step) {
	start, end := u.offset(s.node.Pos()), u.offset(s.node.End())
	switch {
	case s.spec != nil:
		u.writeVar(b, s.spec)
	case u.result != nil && s.node == u.result && u.shows():
		u.writeLines(b, start, u.alias(valuesPath)+".Show(", u.text(start, end), ")")
	case u.result != nil && s.node == u.result && u.hasOneValue():
		u.writeLines(b, start, "_ = ", u.text(start, end), "")
	default:
		u.writeLines(b, start, "", u.text(start, end), "")
	}
}

// writeVar writes a var at the top of a cell as assignments.
func (u *unit) writeVar(b *strings.Builder, spec *ast.ValueSpec) {
	start, end := u.offset(spec.Pos()), u.offset(spec.End())
	var names []string
	blank := true
	for _, name := range spec.Names {
		at := u.offset(name.Pos())
		names = append(names, u.text(at, at+len(name.Name)))
		blank = blank && name.Name == "_"
	}
	switch {
	case blank:
		u.writeLines(b, start, "var ", u.text(start, end), "")
	case len(spec.Values) > 0:
		from, to := u.offset(spec.Values[0].Pos()), u.offset(spec.Values[len(spec.Values)-1].End())
		u.writeLines(b, start, strings.Join(names, ", ")+" = ", u.text(from, to), "")
	default:
		kind := u.text(u.offset(spec.Type.Pos()), u.offset(spec.Type.End()))
		for _, name := range names {
			if name != "_" {
				u.writeLines(b, start, name+" = *new(", kind, ")")
			}
		}
	}
}

// shows reports whether the last expression has a value that the cell shows.
func (u *unit) shows() bool {
	last := u.chunks[len(u.chunks)-1]
	for _, c := range u.chunks {
		if c.kind == statement {
			last = c
		}
	}
	tv := u.info.Types[u.result.X]
	return !last.silent && !tv.IsVoid() && !u.prints(u.result.X)
}

// hasOneValue reports whether the last expression has one value, which a statement may not leave
// unused.
func (u *unit) hasOneValue() bool {
	tv := u.info.Types[u.result.X]
	_, several := tv.Type.(*types.Tuple)
	return !tv.IsVoid() && !several
}

// prints reports whether an expression is a call of fmt's functions that print, whose results
// nobody wants to see.
func (u *unit) prints(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	object := u.info.Uses[selector.Sel]
	if object == nil || object.Pkg() == nil {
		return false
	}
	name := object.Name()
	return object.Pkg().Path() == "fmt" && strings.Contains(name, "rint") && !strings.HasPrefix(name, "S")
}

// usedImports returns the imports that the cell's text uses.
func (u *unit) usedImports() (byName map[string]string, dots []string) {
	byName = map[string]string{}
	selected := map[*ast.Ident]bool{}
	for _, d := range u.decls.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				selected[s.Sel] = true
			}
			return true
		})
	}
	for name, object := range u.info.Uses {
		if p, ok := object.(*types.PkgName); ok {
			if u.replaced[name] {
				continue
			}
			byName[p.Name()] = p.Imported().Path()
			continue
		}
		p := object.Pkg()
		if p != nil && p.Path() != cellPackage && object.Parent() == p.Scope() && !selected[name] &&
			!slices.Contains(dots, p.Path()) {
			dots = append(dots, p.Path())
		}
	}
	slices.Sort(dots)
	return byName, dots
}

// addedImports notes the imports that the cell itself writes, for later cells.
func (u *unit) addedImports(c *Cell) {
	c.imports = map[string]string{}
	for _, d := range u.decls.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.IMPORT || !g.TokPos.IsValid() {
			continue
		}
		for _, s := range g.Specs {
			spec := s.(*ast.ImportSpec)
			path := strings.Trim(spec.Path.Value, "\"`")
			switch name := u.localName(spec); name {
			case ".":
				c.dots = append(c.dots, path)
			case "_":
				c.blank = append(c.blank, path)
			default:
				c.imports[name] = path
			}
		}
	}
}
