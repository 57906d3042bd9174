package gonb

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// wire writes a message from its four JSON texts, with a right signature.
func wire(key Signer, texts ...string) [][]byte {
	parts := make([][]byte, len(texts))
	for i, text := range texts {
		parts[i] = []byte(text)
	}
	return append([][]byte{[]byte("front"), delimiter, []byte(key.sign(parts))}, parts...)
}

// Each fault of a message is told apart, and none is read before the signature is right.
func TestDecodeRefuses(t *testing.T) {
	const header = `{"msg_id":"1","msg_type":"execute_request"}`
	key := Signer("key")
	deep := strings.Repeat("[", 100_000)
	unsigned := wire(key, header, "{}", "{}", "{}")
	unsigned[2] = nil
	changed := wire(key, header, "{}", "{}", "{}")
	changed[6] = []byte(`{"code":"other"}`)
	for name, c := range map[string]struct {
		frames [][]byte
		want   error
	}{
		"good":                 {wire(key, header, "{}", "{}", "{}"), nil},
		"null parent":          {wire(key, header, "null", "null", "{}"), nil},
		"no frames":            {nil, ErrNoMessage},
		"no delimiter":         {[][]byte{{}, {}, {}, {}, {}, {}, {}}, ErrNoMessage},
		"too few frames":       {wire(key, header, "{}", "{}", "{}")[:6], ErrNoMessage},
		"empty signature":      {unsigned, ErrSignature},
		"another key":          {wire(Signer("other"), header, "{}", "{}", "{}"), ErrSignature},
		"changed content":      {changed, ErrSignature},
		"wrong JSON, unsigned": {wire(Signer("other"), deep, deep, deep, deep), ErrSignature},
		"header null":          {wire(key, "null", "{}", "{}", "{}"), ErrHeader},
		"header empty":         {wire(key, "{}", "{}", "{}", "{}"), ErrHeader},
		"header of numbers":    {wire(key, `{"msg_id":1,"msg_type":2}`, "{}", "{}", "{}"), ErrHeader},
		"header deep":          {wire(key, deep, "{}", "{}", "{}"), ErrHeader},
		"header huge": {wire(key, `{"msg_id":"`+strings.Repeat("a", maxHeader)+`","msg_type":"b"}`, "{}", "{}", "{}"),
			ErrHeader},
		"parent a string":   {wire(key, header, `"a"`, "{}", "{}"), ErrHeader},
		"metadata an array": {wire(key, header, "{}", "[]", "{}"), ErrHeader},
		"content null":      {wire(key, header, "{}", "{}", "null"), ErrContent},
		"content an array":  {wire(key, header, "{}", "{}", "[1]"), ErrContent},
		"content a string":  {wire(key, header, "{}", "{}", `"a"`), ErrContent},
		"content a number":  {wire(key, header, "{}", "{}", "1"), ErrContent},
		"content deep":      {wire(key, header, "{}", "{}", deep), ErrContent},
		"content cut":       {wire(key, header, "{}", "{}", `{"a":`), ErrContent},
	} {
		m, err := key.Decode(c.frames)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", name, err, c.want)
		}
		if (err == nil || err == ErrContent) && m.Header.Type != "execute_request" {
			t.Errorf("%s: the header is %+v", name, m.Header)
		}
	}
}

// A message with an absent content is written with an empty one, which all readers accept.
func TestFramesWriteNoNull(t *testing.T) {
	raw, err := Signer("key").Frames(Message{Header: NewHeader("a", "b")})
	if err != nil || slices.ContainsFunc(raw.Frames, func(f []byte) bool { return bytes.Equal(f, []byte("null")) }) {
		t.Errorf("written %q, %v", raw.Frames, err)
	}
}

// No JSON with a right signature ends the process, and what is read is the same after it was
// written again. The seeds are in testdata/fuzz.
func FuzzDecode(f *testing.F) {
	key := Signer("key")
	f.Fuzz(func(t *testing.T, header, parent, metadata, content string) {
		m, err := key.Decode(wire(key, header, parent, metadata, content))
		if err != nil {
			return
		}
		raw, err := key.Frames(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := key.Decode(raw.Frames)
		if err != nil || again.Header != m.Header || again.Parent != m.Parent ||
			!reflect.DeepEqual(again.Content, m.Content) || len(again.Metadata) != len(m.Metadata) {
			text, _ := json.Marshal(m)
			t.Errorf("%s becomes %q, %v", text, raw.Frames, err)
		}
	})
}

// No frames end the process, whatever they hold.
func FuzzFrames(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		frames := bytes.Split(data, []byte{0})
		for _, key := range []Signer{nil, Signer("key")} {
			if m, err := key.Decode(frames); err == nil && m.Header.Type == "" {
				t.Errorf("%q is read as %+v", frames, m)
			}
		}
	})
}
