package live

import (
	"fmt"
	"go/types"
	"maps"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/cells"
)

// hostMain returns the main package of the host. It names everything that cells may use, since the
// linker leaves out what nobody names. A cell that uses more is linked in a slower way.
func (t *toolchain) hostMain() string {
	var imports, kept strings.Builder
	for n, path := range slices.Sorted(maps.Keys(t.archives)) {
		if !t.keeps(path) {
			continue
		}
		p, err := t.importer.Import(path)
		if err != nil || p.Name() == "main" {
			continue
		}
		alias := fmt.Sprintf("p%d", n)
		if names := named(p, alias); names != "" {
			fmt.Fprintf(&imports, "import %s %q\n", alias, path)
			kept.WriteString(names)
		}
	}
	return "package main\n\nimport \"" + module + "host\"\n" + imports.String() +
		"\nvar kept = []any{\n" + kept.String() + "}\n\nfunc main() { host.Main(kept) }\n"
}

// keeps reports whether the host holds a whole package.
func (t *toolchain) keeps(path string) bool {
	if t.offered[path] || path == module+"values" || path == module+"kept" {
		return true
	}
	for _, prefix := range []string{
		"github.com/janpfeifer/gonb/gonbui", "github.com/gomlx/gomlx/core/graph", "gonum.org/v1/gonum/stat",
		gonb.Module + "/",
	} {
		if strings.HasPrefix(path, prefix) {
			return isPublic(path) && !strings.Contains(path, "/kernel/live/")
		}
	}
	return isPublic(path) && t.rank[path] <= 0 && path != "unsafe"
}

// named returns a list of what a package exports, as Go code.
func named(p *types.Package, alias string) string {
	var b strings.Builder
	for _, name := range p.Scope().Names() {
		object := p.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		switch o := object.(type) {
		case *types.Func:
			if o.Signature().TypeParams().Len() == 0 {
				fmt.Fprintf(&b, "%s.%s,\n", alias, name)
			}
		case *types.Var:
			fmt.Fprintf(&b, "&%s.%s,\n", alias, name)
		case *types.TypeName:
			if cells.IsPlain(o.Type()) {
				fmt.Fprintf(&b, "(*%s.%s)(nil),\n", alias, name)
			}
		}
	}
	return b.String()
}
