// Package cells compiles the cells of a notebook to Go packages whose variables, functions and
// types live on.
//
// A cell is a script: statements, declarations and a last expression. cut and split take it apart
// (split.go). The type checker reads it as one package together with everything that earlier cells
// have declared, so that names without a capital letter are visible too (check.go, imports.go). The
// cell is then written as a package of its own (emit.go): its variables become variables of the
// package, and names of earlier cells become names of their packages. All names that other cells
// may use get a capital letter, Mark (emit.go), which outputs drop. The text of the cell is
// otherwise kept, line by line, so that errors name the lines that the user sees.
//
// Questions about a cell that is not finished are answered by the same type checker (query.go,
// complete.go, inspect.go).
//
// State holds the living names (state.go). A name that is declared again with the same type is the
// same variable, so that functions see its new value. With another type it is a new variable.
package cells

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// Mark is the capital letter that makes a name visible to other cells. It is a letter of an
// orthography that Go code hardly uses, and looks like an apostrophe.
const Mark = "Ꞌ"

// Problem is an error of the compiler. Line counts from 1, and is 0 without a place.
type Problem struct {
	Line int
	Text string
}

// Error lists what is wrong with a cell: at least one problem.
type Error struct {
	Cell     int
	Problems []Problem
}

// Error returns the first problem with its place.
func (e *Error) Error() string {
	p := e.First()
	if p.Line == 0 {
		return fmt.Sprintf("cell %d: %s", e.Cell, p.Text)
	}
	return fmt.Sprintf("cell %d, line %d: %s", e.Cell, p.Line, p.Text)
}

// First returns the first problem. An error without problems, which no compiler makes, has one too.
func (e *Error) First() Problem {
	if len(e.Problems) == 0 {
		return Problem{Text: "the compiler says nothing"}
	}
	return e.Problems[0]
}

// Unsupported is the error for a cell that only GoNB can run.
type Unsupported struct{ Why string }

func (e *Unsupported) Error() string { return "the cell cannot live: " + e.Why }

// Cell is a checked and written cell.
type Cell struct {
	Number int      // as the user sees it
	Path   string   // the import path of its package
	Source string   // its package, or "" if there is nothing to run
	Args   []string // for os.Args, of a line %%

	names   []*Name           // that it declares
	imports map[string]string // that it adds, by local name
	dots    []string          // packages that it imports with a dot
	blank   []string          // packages that it imports for their effects
}

// Compile checks a cell and writes it as a package. number is the cell's number as the user sees
// it. The state does not change until Commit. The error is an *Error or an *Unsupported.
func (s *State) Compile(number int, code string) (*Cell, error) {
	u := &unit{state: s, files: s.files, number: number, code: code, path: fmt.Sprintf("cell/%d", s.next)}
	if err := u.parse(); err != nil {
		return nil, err
	}
	if err := u.check(); err != nil {
		return nil, err
	}
	u.resolve()
	s.next++
	return u.emit()
}

// unit is a cell on its way through the compiler.
type unit struct {
	state  *State
	number int
	code   string
	path   string

	files  *token.FileSet
	bases  map[*token.File]int // where the cell's first byte is
	chunks []chunk
	args   []string
	bodyAt int            // where the cell's own main begins, or -1
	decls  *ast.File      // types, constants and functions
	script []ast.Stmt     // the statements
	body   *ast.BlockStmt // of the cell's own main, or nil

	pkg     *types.Package
	info    *types.Info
	unused  map[token.Pos]bool // variables that nothing uses
	result  *ast.ExprStmt      // the last expression, or nil
	steps   []step             // of Run, in order
	named   map[types.Object]*Name
	defined []*Name
	edits   []edit
	aliases map[string]string // local names of imported packages, by path

	replaced map[*ast.Ident]bool // names of packages in whose place another one stands

	tolerant bool // of errors: the cell is not finished
	broken   int  // the number of errors of a parser that is tolerant
}

// step is a statement at the top of a cell.
type step struct {
	node  ast.Node
	names []*ast.Ident   // that it defines, for := and var
	spec  *ast.ValueSpec // of a var
}

// offset returns the place of a node in the cell's text.
func (u *unit) offset(pos token.Pos) int {
	file := u.files.File(pos)
	if file == nil {
		return -1
	}
	return min(file.Offset(pos)-u.bases[file], len(u.code))
}

// line returns the line of an offset, from 1.
func (u *unit) line(offset int) int {
	if offset < 0 {
		return 0
	}
	return 1 + strings.Count(u.code[:min(offset, len(u.code))], "\n")
}

// failure returns an *Error.
func (u *unit) failure(pos token.Pos, format string, args ...any) error {
	return &Error{u.number, []Problem{{u.line(u.offset(pos)), fmt.Sprintf(format, args...)}}}
}
