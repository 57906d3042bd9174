// Package docker holds the container image and checks it without a container engine. BuildKit's own
// front end translates the Dockerfile, and Compose's own loader reads compose.yaml. With the build
// tag chroot, a test also builds the cpu target in a Debian of its own and runs it.
//
// laws.go has the rules that the image must keep, files.go the texts that it is made of,
// translate.go the translation of the Dockerfile.
package docker

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// Files holds the texts that the image is made of, and the texts of the clone that it must agree
// with.
type Files struct {
	Dockerfile, Start, Compose, Overrides []byte
	GoMod                                 []byte // the main module's
	Lab                                   []byte // notebooks/kernel/lab/environment.go, which pins JupyterLab
	Wheels                                []byte // xla/wheels.go, which pins XLA's plugins
}

// Read reads the files of the clone at root.
func Read(root string) (Files, error) {
	var f Files
	var failures []error
	for path, text := range map[string]*[]byte{
		"docker/Dockerfile": &f.Dockerfile, "docker/start.sh": &f.Start,
		"docker/compose.yaml": &f.Compose, "docker/overrides.json": &f.Overrides,
		"go.mod": &f.GoMod, "notebooks/kernel/lab/environment.go": &f.Lab, "xla/wheels.go": &f.Wheels,
	} {
		var err error
		*text, err = os.ReadFile(filepath.Join(root, path))
		failures = append(failures, err)
	}
	if err := errors.Join(failures...); err != nil {
		return f, fmt.Errorf("docker: %s is not a clone: %w", root, err)
	}
	return f, nil
}

var (
	goDirective = regexp.MustCompile(`(?m)^go (\S+)$`)
	cudaWheel   = regexp.MustCompile(`project: "jax-cuda13-pjrt", version: "([^"]+)"`)
)

// pins are the versions that the clone declares.
type pins struct {
	golang    string   // Go's version in go.mod
	jupyter   []string // pip requirements of JupyterLab
	overrides string   // JupyterLab's settings
	cuda      string   // version of XLA's CUDA plugin and of the packages that go with it
}

// pins reads the versions that the clone declares.
func (f Files) pins() (pins, error) {
	var p pins
	for _, find := range []struct {
		what string
		re   *regexp.Regexp
		in   []byte
		to   *string
	}{
		{"go directive in go.mod", goDirective, f.GoMod, &p.golang},
		{"jax-cuda13-pjrt in xla/wheels.go", cudaWheel, f.Wheels, &p.cuda},
	} {
		match := find.re.FindSubmatch(find.in)
		if match == nil {
			return p, fmt.Errorf("docker: there is no %s; update this check to where the version is now", find.what)
		}
		*find.to = string(match[1])
	}
	file, err := parser.ParseFile(token.NewFileSet(), "environment.go", f.Lab, 0)
	if err != nil {
		return p, fmt.Errorf("docker: notebooks/kernel/lab/environment.go: %w", err)
	}
	p.jupyter = stringsOf(file, "requirements")
	overrides := stringsOf(file, "overrides")
	if len(p.jupyter) == 0 || len(overrides) != 1 {
		return p, errors.New("docker: notebooks/kernel/lab/environment.go does not declare requirements and " +
			"overrides; " +
			"update this check to where they are now")
	}
	p.overrides = overrides[0]
	return p, nil
}

// stringsOf lists the string literals in the declaration of a variable or constant of the package.
func stringsOf(file *ast.File, name string) []string {
	var out []string
	if object := file.Scope.Lookup(name); object != nil {
		ast.Inspect(object.Decl.(ast.Node), func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				out = append(out, text)
				return err == nil
			}
			return true
		})
	}
	return out
}
