package cells

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Match is a name that may stand at the cursor. Kind is a word of Jupyter: "function", "instance",
// "class", "module", "keyword" or "property".
type Match struct{ Name, Kind, Signature string }

// Complete lists the names that may replace the word before the cursor, which stands at an offset
// of the cell. start is where the word begins.
func (s *State) Complete(code string, at int) (matches []Match, start int) {
	part := read(code[:at])
	if part.inside {
		return nil, at
	}
	part, word := part.prefix()
	start = at - len(word)
	if n := len(part.all); word == "" && n > 0 && part.all[n-1].end() == at && part.all[n-1].token.IsLiteral() {
		return nil, at // a number or a string
	}
	c := &completer{state: s, word: word, seen: map[string]bool{}}
	if n := len(part.all); n > 0 && part.all[n-1].token == token.PERIOD {
		c.members(unfinished{part.code[:part.all[n-1].offset], part.all[:n-1], false})
	} else {
		c.names(part)
	}
	return c.matches, start
}

// completer collects matches.
type completer struct {
	state   *State
	word    string
	seen    map[string]bool
	matches []Match
}

func (c *completer) add(m Match) {
	if strings.HasPrefix(m.Name, c.word) && !c.seen[m.Name] && m.Name != "_" && !strings.Contains(m.Name, Mark) {
		c.seen[m.Name] = true
		c.matches = append(c.matches, m)
	}
}

func (c *completer) object(o types.Object) {
	m := Match{Name: o.Name(), Kind: "instance"}
	switch o := o.(type) {
	case *types.Func, *types.Builtin:
		m.Kind = "function"
	case *types.TypeName:
		m.Kind = "class"
	case *types.PkgName:
		m.Kind = "module"
	case *types.Nil:
		m.Kind = "keyword"
	case *types.Var:
		if o.IsField() {
			m.Kind = "property"
		}
	}
	if _, universal := o.(*types.Builtin); !universal && o.Type() != nil && m.Kind != "class" && m.Kind != "module" {
		m.Signature = plain(strings.TrimPrefix(types.TypeString(o.Type(), briefly), "func"))
	}
	c.add(m)
}

// scope adds the names of a scope in alphabetical order.
func (c *completer) scope(s *types.Scope, visible func(types.Object) bool) {
	for _, name := range s.Names() {
		if o := s.Lookup(name); strings.HasPrefix(name, c.word) && visible(o) {
			c.object(o)
		}
	}
}

// members adds what may stand behind the dot that ends a part of a cell.
func (c *completer) members(part unfinished) {
	start, ok := part.operand()
	if !ok {
		return
	}
	u := c.state.ask(part.code)
	if u == nil {
		return
	}
	end := len(strings.TrimRight(part.code, " \t\n"))
	e := u.at(start, end)
	if name, ok := e.(*ast.Ident); ok {
		scope, pos := u.scopeAt(start)
		if _, o := scope.LookupParent(name.Name, pos); o == nil || isPackage(o) {
			c.pack(name.Name, o)
			return
		}
	}
	if tv := u.info.Types[e]; e != nil && tv.Type != nil {
		c.ofType(tv.Type)
	}
}

func isPackage(o types.Object) bool { _, ok := o.(*types.PkgName); return ok }

// pack adds what a package exports. o is the package if the cell imports it.
func (c *completer) pack(name string, o types.Object) {
	if p := c.state.packageOf(name, o); p != nil {
		c.scope(p.Scope(), types.Object.Exported)
	}
}

// packageOf returns the package that a name means in a cell, or nil.
func (s *State) packageOf(name string, o types.Object) *types.Package {
	if p, ok := o.(*types.PkgName); ok {
		return p.Imported()
	}
	paths := s.packages.Named(name)
	if path := s.imports[name]; path != "" {
		paths = []string{path}
	} else if len(paths) == 0 {
		paths = s.packages.Others(name)
	}
	for _, path := range paths {
		if p, err := s.packages.Import(path); err == nil {
			return p
		}
	}
	return nil
}

// ofType adds the fields and methods of a type, those of the type itself first.
func (c *completer) ofType(t types.Type) {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	visible := func(o types.Object) bool {
		return o.Exported() || o.Pkg() != nil && o.Pkg().Path() == cellPackage
	}
	level := []types.Type{t}
	seen := map[types.Type]bool{}
	for len(level) > 0 {
		var next []types.Type
		for _, t := range level {
			if seen[t] {
				continue
			}
			seen[t] = true
			if s, ok := t.Underlying().(*types.Struct); ok {
				for f := range s.Fields() {
					if visible(f) {
						c.object(f)
					}
					if f.Embedded() {
						next = append(next, deref(f.Type()))
					}
				}
			}
		}
		level = next
	}
	if !types.IsInterface(t) {
		t = types.NewPointer(t)
	}
	for m := range types.NewMethodSet(t).Methods() {
		if o := m.Obj(); visible(o) {
			c.object(o)
		}
	}
}

func deref(t types.Type) types.Type {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

// names adds the names that may begin an operand: the fields of a composite literal, what the cell
// declares, what lives, and packages.
func (c *completer) names(part unfinished) {
	const here = "here" + Mark
	u := c.state.ask(part.code + here)
	if u != nil {
		c.fields(u, len(part.code), len(part.code)+len(here))
		scope, pos := u.scopeAt(len(part.code))
		for ; scope != nil && scope != types.Universe; scope = scope.Parent() {
			c.scope(scope, func(o types.Object) bool {
				_, found := scope.LookupParent(o.Name(), pos)
				return found == o
			})
		}
	}
	for _, n := range c.state.Names() {
		c.object(n.object)
	}
	for name := range predeclared {
		if n := c.state.predeclared(name); n != nil {
			c.object(n.object)
		}
	}
	if c.word == "" {
		return // packages and keywords are too many
	}
	for _, name := range c.packages() {
		c.add(Match{Name: name, Kind: "module"})
	}
	c.scope(types.Universe, func(types.Object) bool { return true })
	for t := token.BREAK; t <= token.VAR; t++ {
		c.add(Match{Name: t.String(), Kind: "keyword"})
	}
}

// packages lists the names of packages that begin with the word.
func (c *completer) packages() (all []string) {
	for name := range c.state.imports {
		all = append(all, name)
	}
	if known, ok := c.state.packages.(interface{ PackageNames() []string }); ok {
		all = append(all, known.PackageNames()...)
	}
	slices.Sort(all)
	return all
}

// fields adds the fields of the composite literal that a name at an offset may be a key of.
func (c *completer) fields(u *unit, start, end int) {
	var inner *ast.CompositeLit
	for _, d := range u.decls.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			if l, ok := n.(*ast.CompositeLit); ok {
				for _, e := range l.Elts {
					if u.offset(e.Pos()) == start && u.offset(e.End()) == end {
						inner = l
					}
				}
			}
			return true
		})
	}
	if inner == nil || u.info.Types[inner].Type == nil {
		return
	}
	s, ok := deref(u.info.Types[inner].Type).Underlying().(*types.Struct)
	if !ok {
		return
	}
	for f := range s.Fields() {
		if f.Exported() || f.Pkg().Path() == cellPackage {
			c.object(f)
		}
	}
}
