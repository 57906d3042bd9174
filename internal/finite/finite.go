// Package finite turns structs into values that JSON can hold. Numbers that are not finite become
// null.
package finite

import (
	"maps"
	"math"
	"reflect"
	"strings"
)

// Fields returns the exported fields of a struct by their names in JSON. The fields of embedded
// structs are among them. Fields with omitempty are left out where they are zero.
func Fields(of any) map[string]any { return fields(reflect.ValueOf(of)) }

func fields(v reflect.Value) map[string]any {
	out := map[string]any{}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous:
			maps.Copy(out, fields(v.Field(i)))
		case !field.IsExported() || options == "omitempty" && v.Field(i).IsZero():
		default:
			out[name] = value(v.Field(i))
		}
	}
	return out
}

// value returns v with nil in place of numbers that are not finite, at any depth.
func value(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil
		}
	case reflect.Struct:
		return fields(v)
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return value(v.Elem())
	case reflect.Slice, reflect.Array:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = value(v.Index(i))
		}
		return out
	}
	return v.Interface()
}
