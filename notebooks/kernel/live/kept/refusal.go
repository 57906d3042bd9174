package kept

import (
	"encoding"
	"encoding/gob"
	"fmt"
	"reflect"

	"github.com/eqflow/gonb-eqflow/eqflow"
)

// Refusal says why a value cannot be kept. It is empty for a value that comes back as it was. What
// gob would leave out without a word is refused too.
func Refusal(v reflect.Value) string {
	if empty(v) {
		return "it is nil"
	}
	w := walker{plain: map[reflect.Type]bool{}, above: map[uintptr]bool{}}
	return w.refusal(v, "it")
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		return v.IsNil()
	}
	return false
}

// walker looks for what cannot be kept.
type walker struct {
	plain map[reflect.Type]bool // whether all values of the type can be kept
	above map[uintptr]bool      // the pointers that lead to the present value
}

func (w *walker) refusal(v reflect.Value, place string) string {
	t := v.Type()
	if writesItself(t) || w.isPlain(t) {
		return ""
	}
	switch v.Kind() {
	case reflect.Func:
		return place + " is a function, and code is no data: keep what the function is made of"
	case reflect.Chan:
		return place + " is a channel, which connects goroutines of this process"
	case reflect.UnsafePointer, reflect.Uintptr:
		return place + " is a place in this process's memory"
	case reflect.Interface:
		if basic(v.Elem().Kind()) && v.Elem().Type().PkgPath() == "" {
			return ""
		}
		return fmt.Sprintf("%s holds a %s in the interface %s, and files know no type behind an interface",
			place, v.Elem().Type(), t)
	case reflect.Pointer:
		return w.pointer(v, place)
	case reflect.Struct:
		return w.structure(v, place)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if why := w.element(v.Index(i), fmt.Sprintf("element %d of %s", i, place)); why != "" {
				return why
			}
		}
	case reflect.Map:
		for each := v.MapRange(); each.Next(); {
			for _, part := range []reflect.Value{each.Key(), each.Value()} {
				if why := w.element(part, fmt.Sprintf("element %v of %s", each.Key(), place)); why != "" {
					return why
				}
			}
		}
	}
	return ""
}

// element is refusal for an element, which must not be nil.
func (w *walker) element(v reflect.Value, place string) string {
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		return place + " is nil, which files cannot tell from a zero"
	}
	return w.refusal(v, place)
}

func (w *walker) pointer(v reflect.Value, place string) string {
	if v.Type() == reflect.TypeFor[*eqflow.Model]() {
		return place + " is a model within another value: give the model a variable of its own, and keep that"
	}
	if w.above[v.Pointer()] {
		return place + " leads back to itself"
	}
	w.above[v.Pointer()] = true
	defer delete(w.above, v.Pointer())
	return w.refusal(v.Elem(), place)
}

func (w *walker) structure(v reflect.Value, place string) string {
	t := v.Type()
	if t.NumField() == 0 {
		return fmt.Sprintf("%s is a %s without fields, of which files know nothing", place, t)
	}
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported():
			return fmt.Sprintf("%s is a %s, whose field %s only its package can read", place, t, f.Name)
		case f.Type.Kind() == reflect.Func || f.Type.Kind() == reflect.Chan || f.Type.Kind() == reflect.Pointer ||
			f.Type.Kind() == reflect.Interface:
			if v.Field(i).IsNil() {
				continue // and is nil again
			}
		}
		if why := w.refusal(v.Field(i), place+"."+f.Name); why != "" {
			return why
		}
	}
	return ""
}

// writesItself reports whether a type has its own way to a file and back.
func writesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[gob.GobEncoder]()) && p.Implements(reflect.TypeFor[gob.GobDecoder]()) ||
		p.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()) &&
			p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]())
}

func basic(k reflect.Kind) bool {
	return reflect.Bool <= k && k <= reflect.Complex128 && k != reflect.Uintptr || k == reflect.String
}

// isPlain reports whether all values of a type can be kept, so that large ones need no walk.
func (w *walker) isPlain(t reflect.Type) (plain bool) {
	if known, ok := w.plain[t]; ok {
		return known
	}
	w.plain[t] = false // for a type that leads to itself
	defer func() { w.plain[t] = plain }()
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return w.isPlain(t.Elem())
	case reflect.Map:
		return w.isPlain(t.Key()) && w.isPlain(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !t.Field(i).IsExported() || !w.isPlain(t.Field(i).Type) {
				return writesItself(t)
			}
		}
		return t.NumField() > 0
	}
	return basic(t.Kind())
}
