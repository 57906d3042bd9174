package molecule

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// document is what the elements of one XML file share: the first fault, and the refusals.
type document struct {
	err      error
	refusals []Refusal
	atoms    int // the number of particles; 0 before it is known
}

// element is one XML element. Readers take its attributes and children; finish reports what nobody
// has taken, so that nothing in a file is ignored.
type element struct {
	doc      *document
	name     string
	line     int
	attrs    map[string]string
	children []*element
	text     string
	taken    map[string]bool // attributes
	visited  bool            // the element itself
}

// parseElements reads an XML file and returns its root.
func parseElements(r io.Reader) (*element, error) {
	decoder := xml.NewDecoder(r)
	doc := &document{}
	var root *element
	var open []*element
	for {
		token, err := decoder.Token()
		line, _ := decoder.InputPos()
		if errors.Is(err, io.EOF) && root != nil && len(open) == 0 {
			return root, nil
		}
		if err != nil {
			return nil, brokenXML(err, line)
		}
		switch t := token.(type) {
		case xml.StartElement:
			e := newElement(doc, t, line)
			if len(open) > 0 {
				top := open[len(open)-1]
				top.children = append(top.children, e)
			} else if root == nil {
				root = e
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if text := strings.TrimSpace(string(t)); text != "" && len(open) > 0 {
				open[len(open)-1].text += text
			}
		}
	}
}

func newElement(doc *document, t xml.StartElement, line int) *element {
	e := &element{doc: doc, name: t.Name.Local, line: line, attrs: map[string]string{}, taken: map[string]bool{}}
	for _, a := range t.Attr {
		e.attrs[a.Name.Local] = a.Value
	}
	return e
}

func brokenXML(err error, line int) error {
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it holds no XML; give the file that openmm.XmlSerializer.serialize(system) wrote")
	case errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF"):
		return fmt.Errorf("line %d: the XML is cut short; copy the file again", line)
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: the XML is damaged (%s); copy the file again", syntax.Line, syntax.Msg)
	}
	return fmt.Errorf("cannot be read: %w; copy the file again", err)
}

// failf notes the first fault of the file.
func (e *element) failf(format string, args ...any) {
	if e.doc.err == nil {
		e.doc.err = fmt.Errorf("line %d: <%s>: %s", e.line, e.name, fmt.Sprintf(format, args...))
	}
}

// refuse notes a part of the file that the package does not compute.
func (e *element) refuse(what, needs string) {
	r := Refusal{What: what, Needs: needs}
	if !slices.Contains(e.doc.refusals, r) {
		e.doc.refusals = append(e.doc.refusals, r)
	}
}

// string takes an attribute; its absence is a fault.
func (e *element) string(name string) string {
	value, found := e.attrs[name]
	if !found {
		e.failf("the attribute %q is absent; is the file of another version?", name)
	}
	e.taken[name] = true
	return value
}

// optional takes an attribute that may be absent.
func (e *element) optional(name, absent string) string {
	if _, found := e.attrs[name]; !found {
		return absent
	}
	return e.string(name)
}

// drop takes attributes that do not change the energy of a molecule in free space.
func (e *element) drop(names ...string) {
	for _, name := range names {
		e.taken[name] = true
	}
}

// float takes an attribute that is a finite number.
func (e *element) float(name string) float64 {
	text := e.string(name)
	v, err := strconv.ParseFloat(text, 64)
	if e.doc.err == nil && (err != nil || math.IsNaN(v) || math.IsInf(v, 0)) {
		e.failf("%s=%q is not a finite number; correct the parameter", name, text)
	}
	return v
}

// optionalFloat takes an attribute that is a number or absent.
func (e *element) optionalFloat(name string, absent float64) float64 {
	if _, found := e.attrs[name]; !found {
		return absent
	}
	return e.float(name)
}

// int takes an attribute that is a whole number.
func (e *element) int(name string) int {
	text := e.string(name)
	v, err := strconv.Atoi(text)
	if e.doc.err == nil && err != nil {
		e.failf("%s=%q is not a whole number; correct the file", name, text)
	}
	return v
}

// atom takes an attribute that is the number of a particle, from 0.
func (e *element) atom(name string) int {
	i := e.int(name)
	if e.doc.err == nil && (i < 0 || i >= e.doc.atoms) {
		e.failf("%s=\"%d\" is no particle: the system has %d; correct the file", name, i, e.doc.atoms)
		return 0
	}
	return i
}

// distinct is a fault if two of the atoms of one term are the same.
func (e *element) distinct(atoms ...int) {
	for k, i := range atoms {
		if slices.Contains(atoms[:k], i) {
			e.failf("names particle %d twice; correct the file", i)
		}
	}
}

// child takes the only child of a name; nil if it is absent.
func (e *element) child(name string) *element {
	var found *element
	for _, c := range e.children {
		if c.name != name {
			continue
		}
		if found != nil {
			c.failf("appears twice; correct the file")
		}
		found = c
		c.visited = true
	}
	return found
}

// list takes the child of a name and returns its children of the name item, all of which it takes.
func (e *element) list(name, item string) []*element {
	parent := e.child(name)
	if parent == nil {
		e.failf("<%s> is absent; is the file complete?", name)
		return nil
	}
	return parent.all(item)
}

// all takes the children of a name.
func (e *element) all(item string) []*element {
	var out []*element
	for _, c := range e.children {
		if c.name == item {
			c.visited = true
			out = append(out, c)
		}
	}
	return out
}

// empty refuses the children of a child that is expected to have none.
func (e *element) empty(name, needs string) {
	c := e.child(name)
	if c == nil {
		return
	}
	if len(c.children) > 0 {
		e.refuse(forceName(e)+" with "+name, needs)
		c.skip()
	}
}

// skip takes everything below the element, which a refusal or its meaning accounts for.
func (e *element) skip() {
	e.visited, e.text = true, ""
	for name := range e.attrs {
		e.taken[name] = true
	}
	for _, c := range e.children {
		c.skip()
	}
}

// finish notes the first attribute, element or text that nobody has taken.
func (e *element) finish() {
	if !e.visited {
		e.failf("is an unknown element; this version reads none of that name, and ignores nothing")
	}
	for _, name := range slices.Sorted(maps.Keys(e.attrs)) {
		if !e.taken[name] {
			e.failf("has an unknown attribute %s=%q; this version reads none of that name, and ignores nothing",
				name, e.attrs[name])
		}
	}
	if e.text != "" {
		e.failf("has unexpected text %.20q; correct the file", e.text)
	}
	for _, c := range e.children {
		c.finish()
	}
}
