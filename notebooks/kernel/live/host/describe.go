package host

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// widest is the number of letters of a value's summary.
const widest = 60

// describe describes the living variables in alphabetical order.
func (h *host) describe() []wire.Value {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []wire.Value{}
	for name, p := range h.declared {
		v := reflect.ValueOf(p.pointer).Elem()
		value := wire.Value{
			Name: name, Type: v.Type().String(), Cell: p.cell, Bytes: size(v, 0), Summary: summary(v),
		}
		all = append(all, value)
	}
	slices.SortFunc(all, func(a, b wire.Value) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// summary returns the shape of a value or, for small values, the value. It may read a value that
// the running cell changes: a torn value is shown wrongly once.
func summary(v reflect.Value) (s string) {
	defer func() {
		if r := recover(); r != nil {
			s = fmt.Sprint("its String panics: ", r)
		}
	}()
	if source, ok := v.Interface().(figure.ConfigurationSource); ok && v.Kind() == reflect.Struct {
		return summary(reflect.ValueOf(source.Configurations()))
	}
	if b, ok := v.Interface().(particle.Batch); ok {
		return fmt.Sprintf("%d configurations of %d particles in %d dimensions", b.Len(), b.N, b.D)
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Chan:
		if v.IsNil() {
			return "nil"
		}
		if v.Len() > 8 || v.Kind() == reflect.Chan {
			return fmt.Sprintf("%d elements", v.Len())
		}
	case reflect.Func:
		return ""
	case reflect.Pointer:
		if v.IsNil() {
			return "nil"
		}
		if _, ok := v.Interface().(fmt.Stringer); !ok {
			return ""
		}
	}
	line, _, _ := strings.Cut(fmt.Sprintf("%v", v.Interface()), "\n")
	if letters := []rune(line); len(letters) > widest {
		return string(letters[:widest-1]) + "…"
	}
	return line
}

// deepest is the number of pointers that size follows.
const deepest = 4

// size returns the bytes that a value holds, roughly: it follows few pointers, and takes the
// elements of slices and maps for alike.
func size(v reflect.Value, depth int) int64 {
	own := int64(v.Type().Size())
	if depth > deepest {
		return own
	}
	switch v.Kind() {
	case reflect.String:
		return own + int64(v.Len())
	case reflect.Slice:
		if v.Len() == 0 {
			return own
		}
		return own + int64(v.Len())*size(v.Index(0), depth+1)
	case reflect.Map:
		iterator := v.MapRange()
		if !iterator.Next() {
			return own
		}
		return own + int64(v.Len())*(size(iterator.Key(), depth+1)+size(iterator.Value(), depth+1))
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return own
		}
		return own + size(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			own += size(v.Field(i), depth+1) - int64(v.Field(i).Type().Size())
		}
	}
	return own
}
