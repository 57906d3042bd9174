package host

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"reflect"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// longest is the number of bytes of a result's text that are shown.
const longest = 20_000

// show sends the results of a cell's last expression. A last result that is an error ends the cell,
// and a nil error is not shown.
func (h *host) show(results []any) {
	h.displays.settleAll()
	if n := len(results); n > 1 {
		if err, ok := results[n-1].(error); ok && err != nil {
			panic(returned{err})
		}
		if results[n-1] == nil {
			results = results[:n-1]
		}
	}
	if len(results) == 1 {
		if err, ok := results[0].(error); ok && err != nil {
			panic(returned{err})
		}
		if results[0] == nil {
			return
		}
		h.send(wire.Event{Result: bundle(results[0])})
		return
	}
	h.send(wire.Event{Result: map[string]any{"text/plain": shorten(fmt.Sprintln(results...))}})
}

// bundle returns a value in all forms that it has, by MIME type. The methods are gophernotes'.
func bundle(v any) map[string]any {
	forms := map[string]any{"text/plain": plain(v)}
	if own, err := figure.Bundle(v); err == nil && !isNumbers(v) {
		for kind, data := range own {
			if _, says := v.(fmt.Stringer); kind != "text/plain" || !says { // the value's own text says more
				forms[kind] = encoded(data)
			}
		}
	}
	for kind, form := range methods {
		if data, ok := form(v); ok {
			forms[kind] = encoded(data)
		}
	}
	return forms
}

// isNumbers reports whether a value is a list of numbers, whose text says more than a histogram.
func isNumbers(v any) bool { _, ok := v.([]float64); return ok }

// encoded returns data as a message carries it.
func encoded(data any) any {
	if raw, ok := data.([]byte); ok {
		return base64.StdEncoding.EncodeToString(raw)
	}
	return data
}

// methods are the forms that a value may have besides its text.
var methods = map[string]func(v any) (any, bool){
	"text/html":        text(hasHTML.HTML),
	"text/markdown":    text(hasMarkdown.Markdown),
	"text/latex":       text(hasLaTeX.LaTeX),
	"image/svg+xml":    text(hasSVG.SVG),
	"image/png":        picture,
	"image/jpeg":       jpeg,
	"application/json": object,
}

// The forms that are text.
type (
	hasHTML     interface{ HTML() string }
	hasMarkdown interface{ Markdown() string }
	hasLaTeX    interface{ LaTeX() string }
	hasSVG      interface{ SVG() string }
)

func text[T any](form func(T) string) func(v any) (any, bool) {
	return func(v any) (any, bool) {
		t, ok := v.(T)
		if !ok {
			return nil, false
		}
		return form(t), true
	}
}

func picture(v any) (any, bool) {
	switch v := v.(type) {
	case interface{ PNG() []byte }:
		return v.PNG(), true
	case interface{ PNG() ([]byte, error) }:
		data, err := v.PNG()
		return data, err == nil
	case image.Image:
		var b bytes.Buffer
		err := png.Encode(&b, v)
		return b.Bytes(), err == nil
	}
	return nil, false
}

func jpeg(v any) (any, bool) {
	if v, ok := v.(interface{ JPEG() []byte }); ok {
		return v.JPEG(), true
	}
	return nil, false
}

func object(v any) (any, bool) {
	if v, ok := v.(interface{ JSON() map[string]any }); ok {
		data := v.JSON()
		_, err := json.Marshal(data)
		return data, err == nil
	}
	return nil, false
}

// plain returns a value's text.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return shorten(v)
	case fmt.Stringer, error:
		return shorten(fmt.Sprint(v))
	}
	if reflect.TypeOf(v).Kind() == reflect.Func { // its address says nothing
		return reflect.TypeOf(v).String()
	}
	return shorten(fmt.Sprintf("%+v", v))
}

// shorten cuts the middle out of a long text.
func shorten(s string) string {
	if len(s) <= longest {
		return s
	}
	return s[:longest/2] + fmt.Sprintf(" … (%d bytes in all) … ", len(s)) + s[len(s)-longest/4:]
}
