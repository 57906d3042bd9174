package live

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/cells"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// publish lets questions see the state after a cell. They are asked while another cell runs, which
// changes the state.
func (k *Kernel) publish() {
	archives := slices.Collect(maps.Values(k.archives))
	k.seen.Store(&view{k.state.Snapshot(&compiled{toolchain: k.tools}), k.tools, archives})
}

// view is what questions see of a kernel.
type view struct {
	*cells.State
	tools    *toolchain
	archives []string // of the compiled cells
}

// compiled is the packages for questions, which must not wait for a compiler. It compiles a package
// that nothing has used in the background, so that the next question finds it.
type compiled struct {
	*toolchain
	asked sync.Map
}

var errNotCompiled = errors.New("the package is not compiled yet")

func (c *compiled) Import(path string) (*types.Package, error) {
	c.mu.Lock()
	known := path == "unsafe" || c.archives[path] != ""
	c.mu.Unlock()
	if known {
		return c.toolchain.Import(path)
	}
	if _, before := c.asked.LoadOrStore(path, true); !before {
		go func() { _, _ = c.load(path, false) }()
	}
	return nil, errNotCompiled
}

func (c *compiled) Others(name string) []string {
	c.mu.Lock()
	listed := c.standard != nil
	c.mu.Unlock()
	if listed {
		return c.toolchain.Others(name)
	}
	if _, before := c.asked.LoadOrStore("", true); !before {
		go c.toolchain.Others(name)
	}
	return nil
}

// PackageNames lists the names of the packages that cells can use without an import.
func (t *toolchain) PackageNames() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.named))
}

// Complete lists the names that may replace the word before a cursor, which stands at an offset of
// a cell, and where the word begins. It needs a kernel that is Ready, and does not wait for the
// running cell.
func (k *Kernel) Complete(code string, at int) (matches []cells.Match, start int) {
	return k.seen.Load().Complete(code, at)
}

// Inspection is what Inspect has found. Value is nil unless the word is a living variable.
type Inspection struct {
	*cells.Found
	Value *wire.Value
	Doc   string // its comment, for a name of a package
}

// Inspect tells what the word at a cursor means, or the function that is being called there. It
// returns nil for anything else. It needs a kernel that is Ready, and does not wait for the running
// cell.
func (k *Kernel) Inspect(ctx context.Context, code string, at int) *Inspection {
	seen := k.seen.Load()
	found := seen.Inspect(code, at)
	if found == nil {
		return nil
	}
	i := &Inspection{Found: found}
	switch {
	case found.Name != nil && found.Name.IsVariable():
		all, _ := k.Values(ctx) // without an answer the type alone must do
		for _, v := range all {
			if v.Name == found.Name.Name {
				i.Value = &v
			}
		}
	case found.Object != nil && found.Name == nil:
		i.Doc = seen.tools.comment(found.Object)
	}
	return i
}

// comment returns the comment of an object of a package, from its source.
func (t *toolchain) comment(o types.Object) string {
	at := t.files.Position(o.Pos())
	if !at.IsValid() || o.Pkg() == nil {
		return ""
	}
	name := strings.Replace(at.Filename, "$GOROOT", sourceFolder(t.tools), 1)
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return ""
	}
	var comment *ast.CommentGroup
	ast.Inspect(file, func(n ast.Node) bool {
		switch d := n.(type) {
		case *ast.FuncDecl:
			if files.Position(d.Name.Pos()).Line == at.Line {
				comment = d.Doc
			}
			return false
		case *ast.GenDecl:
			if line := files.Position(d.Pos()).Line; line == at.Line {
				comment = d.Doc
			}
		case *ast.TypeSpec:
			if files.Position(d.Pos()).Line == at.Line && d.Doc != nil {
				comment = d.Doc
			}
		case *ast.ValueSpec:
			if files.Position(d.Pos()).Line == at.Line && d.Doc != nil {
				comment = d.Doc
			}
		case *ast.Field:
			if files.Position(d.Pos()).Line == at.Line && d.Doc != nil {
				comment = d.Doc
			}
		}
		return true
	})
	return comment.Text()
}

// Text returns the inspection as a user reads it.
func (i *Inspection) Text() string {
	var b strings.Builder
	b.WriteString(i.Found.Text() + "\n")
	if v := i.Value; v != nil {
		fmt.Fprintf(&b, "\nvalue:  %s\nsize:   about %d bytes\ncell:   %d\n", v.Summary, v.Bytes, v.Cell)
	} else if i.Name != nil && i.Name.Cell > 0 {
		fmt.Fprintf(&b, "\ncell:   %d\n", i.Name.Cell)
	}
	if i.Doc != "" {
		b.WriteString("\n" + i.Doc)
	}
	return b.String()
}

// sourceFolder returns the folder of the standard library's source.
func sourceFolder(tools string) string {
	return filepath.Dir(filepath.Dir(filepath.Dir(tools))) // GOROOT/pkg/tool/linux_amd64
}
