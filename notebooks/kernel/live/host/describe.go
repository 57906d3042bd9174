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
		value := wire.Value{Name: name, Type: v.Type().String(), Cell: p.cell}
		if h.stop == nil {
			value.Bytes, value.Summary = size(v, 0), summary(v)
		} else {
			value.Bytes, value.Summary = glimpse(v)
		}
		all = append(all, value)
	}
	slices.SortFunc(all, func(a, b wire.Value) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// glimpse returns the size and the summary of a value that the running cell may change meanwhile.
// It follows no pointer and calls no method, since to read a map that is written ends the process.
func glimpse(v reflect.Value) (bytes int64, summary string) {
	bytes = int64(v.Type().Size())
	if v.Type() == reflect.TypeFor[particle.Batch]() {
		b := v.Interface().(particle.Batch)
		return bytes + 8*int64(len(b.X)), shape(b)
	}
	switch v.Kind() {
	case reflect.Bool, reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return bytes, fmt.Sprint(v)
	case reflect.String:
		return bytes + int64(v.Len()), fmt.Sprintf("%d bytes", v.Len())
	case reflect.Slice:
		return bytes + int64(v.Len())*int64(v.Type().Elem().Size()), fmt.Sprintf("%d elements", v.Len())
	case reflect.Map, reflect.Chan:
		return bytes, fmt.Sprintf("%d elements", v.Len())
	}
	return bytes, ""
}

// shape returns the shape of configurations.
func shape(b particle.Batch) string {
	if b.N*b.D == 0 {
		return "no configurations"
	}
	return fmt.Sprintf("%d configurations of %d particles in %d dimensions", len(b.X)/(b.N*b.D), b.N, b.D)
}

// summary returns the shape of a value or, for small values, the value. No cell runs meanwhile.
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
		return shape(b)
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
