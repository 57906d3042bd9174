package atomic

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// The keys of a checksum in JSON. An object has it among its fields. Any other value stands in an
// object of its own, beside its checksum.
const (
	sealKey        = "eqflow_sha256"
	wrappedSealKey = "eqflow_value_sha256"
	wrappedKey     = "value"
)

// ErrEdited marks a JSON file whose content is not what was written.
var ErrEdited = errors.New("does not hold what was written (its checksum differs); write it again, " +
	"or remove " + sealKey + " from it if the change was intended")

// WriteJSON writes a value to path in one step, as indented JSON with a checksum.
func WriteJSON(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if text, err = Seal(text); err != nil {
		return err
	}
	return WriteFile(path, text)
}

// ReadJSON reads a value that WriteJSON wrote, or any JSON file without a checksum. Its error
// matches ErrEdited if the content is not what was written.
func ReadJSON(path string, value any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if text, err = Unseal(text); err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}

// Seal returns JSON indented and with a checksum. The checksum does not depend on white space or on
// the order of keys.
func Seal(text []byte) ([]byte, error) {
	fields, plain, err := parse(text)
	if err != nil {
		return nil, err
	}
	sealed := bytes.TrimSpace(text)
	switch sum := checksum(plain); {
	case fields == nil || fields[sealKey] != nil || fields[wrappedSealKey] != nil:
		sealed = fmt.Appendf(nil, "{%q: %q, %q: %s}", wrappedSealKey, sum, wrappedKey, sealed)
	case len(fields) == 0:
		sealed = fmt.Appendf(nil, "{%q: %q}", sealKey, sum)
	default: // the fields keep their order
		sealed = fmt.Appendf(nil, "%s, %q: %q}", sealed[:len(sealed)-1], sealKey, sum)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, sealed, "", " "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Unseal returns the JSON that was sealed, and JSON without a checksum as it is. Its error matches
// ErrEdited if the checksum does not fit.
func Unseal(text []byte) ([]byte, error) {
	fields, _, err := parse(text)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{wrappedSealKey, sealKey} {
		seal, found := fields[key]
		if !found {
			continue
		}
		delete(fields, key)
		content, err := json.Marshal(fields)
		if err == nil && key == wrappedSealKey {
			if content = fields[wrappedKey]; content == nil {
				return nil, ErrEdited
			}
		}
		_, plain, wrong := parse(content)
		if err != nil || wrong != nil || string(seal) != fmt.Sprintf("%q", checksum(plain)) {
			return nil, ErrEdited
		}
		return content, nil
	}
	return text, nil
}

// parse returns the fields of an object, nil for another value, and the JSON without white space
// and with sorted fields.
func parse(text []byte) (fields map[string]json.RawMessage, plain []byte, err error) {
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		if err = json.Unmarshal(text, &fields); err != nil {
			return nil, nil, err
		}
		plain, err = json.Marshal(fields)
		return fields, plain, err
	}
	plain, err = json.Marshal(json.RawMessage(text))
	return nil, plain, err
}

func checksum(plain []byte) string {
	sum := sha256.Sum256(plain)
	return hex.EncodeToString(sum[:])
}
