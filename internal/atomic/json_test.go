package atomic

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// values are JSON of every kind, objects with the seal's own keys among them.
var values = []string{
	`{"a": 1, "b": [1, 2.5e-300], "c": {"x": "<&>"}}`, `{}`, `[1, 2, 3]`, `3`, `"text"`, `null`, `true`,
	`{"eqflow_sha256": "mine"}`, `{"eqflow_value_sha256": "mine", "value": 4}`, `{"value": 4}`,
}

// A sealed value is read as it was, also with other white space and another order of its fields.
func TestSealedIsRead(t *testing.T) {
	for _, text := range values {
		sealed, err := Seal([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, sealed); err != nil {
			t.Fatal(err)
		}
		for _, form := range [][]byte{sealed, compact.Bytes()} {
			got, err := Unseal(form)
			if err != nil || !equal(t, got, []byte(text)) {
				t.Errorf("%s: read as %s, %v", text, got, err)
			}
		}
	}
	reordered := `{"eqflow_sha256": "` + sealOf(t, `{"a":1,"b":2}`) + `", "b": 2, "a": 1}`
	if _, err := Unseal([]byte(reordered)); err != nil {
		t.Errorf("another order: %v", err)
	}
}

func sealOf(t *testing.T, text string) string {
	t.Helper()
	sealed, err := Seal([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var fields struct {
		Sum string `json:"eqflow_sha256"`
	}
	if err := json.Unmarshal(sealed, &fields); err != nil || fields.Sum == "" {
		t.Fatalf("%s: %v", sealed, err)
	}
	return fields.Sum
}

func equal(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

// seals counts the keys of checksums. A flipped bit in such a key makes a file without a checksum.
func seals(text []byte) int {
	return bytes.Count(text, []byte(`"`+sealKey+`"`)) + bytes.Count(text, []byte(`"`+wrappedSealKey+`"`))
}

// No single flipped bit is read as another value.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	for _, text := range values {
		sealed, err := Seal([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for k := range sealed {
			for bit := range 8 {
				flipped := bytes.Clone(sealed)
				flipped[k] ^= 1 << bit
				got, err := Unseal(flipped)
				if err == nil && seals(flipped) == seals(sealed) && !equal(t, got, []byte(text)) {
					t.Fatalf("%s with bit %d of byte %d flipped is read as %s", sealed, bit, k, got)
				}
			}
		}
	}
}

// Files without a checksum are read, and others only with the right one.
func TestReadJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.json")
	var got map[string]float64
	if err := os.WriteFile(path, []byte(`{"u": 2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReadJSON(path, &got); err != nil || got["u"] != 2 {
		t.Errorf("without a checksum: %v, %v", got, err)
	}
	if err := WriteJSON(path, map[string]float64{"u": 3}); err != nil {
		t.Fatal(err)
	}
	if err := ReadJSON(path, &got); err != nil || got["u"] != 3 {
		t.Errorf("with its checksum: %v, %v", got, err)
	}
	text := bytes.Replace([]byte(content(t, path)), []byte(": 3"), []byte(": 4"), 1)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReadJSON(path, &got); !errors.Is(err, ErrEdited) {
		t.Errorf("edited: %v", err)
	}
}
