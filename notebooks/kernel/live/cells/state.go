package cells

import (
	"go/token"
	"go/types"
	"maps"
	"slices"
)

// Name is a living name.
type Name struct {
	Name   string
	Cell   int          // the number of the cell that declared it last, as the user sees it
	object types.Object // as the type checker knows it
	home   string       // the import path of the cell's package that holds it
	first  int          // the number of the cell in home
}

// IsVariable reports whether the name is a variable, and not a function, a type or a constant.
func (n *Name) IsVariable() bool {
	_, ok := n.object.(*types.Var)
	return ok
}

// Type returns the name's type as a cell would write it.
func (n *Name) Type() string { return types.TypeString(n.object.Type(), briefly) }

// briefly qualifies names as Go code does, and names of cells not at all.
func briefly(p *types.Package) string {
	if p.Path() == cellPackage {
		return ""
	}
	return p.Name()
}

// cellPackage is the path of all cells' packages for the type checker. With one path, names without
// a capital letter are visible in all cells.
const cellPackage = "main"

// State is everything that the cells so far have declared.
type State struct {
	files    *token.FileSet
	packages Packages
	names    map[string]*Name
	imports  map[string]string      // paths by local name
	dots     []string               // paths of dot imports
	objects  map[types.Object]*Name // all that cells ever declared
	next     int                    // the number of the next package
}

// Packages finds the packages that cells import.
type Packages interface {
	// Import returns a package for the type checker.
	Import(path string) (*types.Package, error)
	// Named lists the import paths of the packages of that name which cells may use without an
	// import, the likeliest first.
	Named(name string) []string
	// Others lists likewise the packages that must be compiled first.
	Others(name string) []string
}

// NewState returns the state of a kernel that has run no cell.
func NewState(packages Packages) *State {
	return &State{
		files: token.NewFileSet(), packages: packages, names: map[string]*Name{}, imports: map[string]string{},
		objects: map[types.Object]*Name{}, next: 1,
	}
}

// Commit adds what a cell declares to the state, once its package is part of the process.
func (s *State) Commit(c *Cell) {
	for _, n := range c.names {
		s.names[n.Name], s.objects[n.object] = n, n
	}
	maps.Copy(s.imports, c.imports)
	for _, path := range c.dots {
		if !slices.Contains(s.dots, path) {
			s.dots = append(s.dots, path)
		}
	}
}

// Names returns the living names in alphabetical order.
func (s *State) Names() []*Name {
	var all []*Name
	for _, n := range s.names {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b *Name) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

// Variables returns the names of the living variables in alphabetical order.
func (s *State) Variables() []string {
	var names []string
	for _, n := range s.Names() {
		if n.IsVariable() {
			names = append(names, n.Name)
		}
	}
	return names
}

// Variables returns the names of the variables that a cell declares.
func (c *Cell) Variables() []string {
	var names []string
	for _, n := range c.names {
		if n.IsVariable() {
			names = append(names, n.Name)
		}
	}
	return names
}

// Renewed returns a state without names, which keeps the imports: the state of a kernel whose
// values have been lost. Its packages get other numbers.
func (s *State) Renewed() *State {
	n := NewState(s.packages)
	n.imports, n.dots, n.next = s.imports, s.dots, s.next
	return n
}
