package dataset

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// mend renews the zip checksums of an archive, as a program that edits it would. It leaves what it
// does not understand as it is.
func mend(file []byte) []byte {
	out, le := bytes.Clone(file), binary.LittleEndian
	end := bytes.LastIndex(out, []byte("PK\x05\x06"))
	if end < 0 || end+22 > len(out) {
		return out
	}
	at := int(le.Uint32(out[end+16:]))
	for at+46 <= len(out) && bytes.HasPrefix(out[at:], []byte("PK\x01\x02")) {
		local, size := int(le.Uint32(out[at+42:])), int(le.Uint32(out[at+20:]))
		if local+30 > len(out) {
			return out
		}
		data := local + 30 + int(le.Uint16(out[local+26:])) + int(le.Uint16(out[local+28:]))
		if data+size > len(out) {
			return out
		}
		sum := crc32.ChecksumIEEE(out[data : data+size])
		le.PutUint32(out[at+16:], sum)
		le.PutUint32(out[local+14:], sum)
		at += 46 + int(le.Uint16(out[at+28:])) + int(le.Uint16(out[at+30:])) + int(le.Uint16(out[at+32:]))
	}
	return out
}

// someSet has arrays of every kind, one that Read passes over among them.
func someSet() Set {
	return Set{
		Batch:    particle.Batch{X: []float64{0, 1, 2, 3, 4, 5, 0.1, 7}, N: 2, D: 2},
		Manifest: Manifest{System: "dw2", Seed: 3, Settings: json.RawMessage(`{"a":1}`)},
		Arrays:   Arrays{Float64("u", []float64{-1.5, 2}), Float32("w", []float32{1, 2}), Int64("k", []int64{3, 4})},
	}
}

func written(t *testing.T, set Set, name string) (path string, content []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := Write(path, set, false); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, content
}

// Whatever bit of a file is flipped, with or without new zip checksums, the file is refused or read
// as it was.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	for _, name := range []string{"set.npz", "set.xyz"} {
		path, content := written(t, someSet(), name)
		want, err := Read(path, 2, 2)
		if err != nil {
			t.Fatal(err)
		}
		for bit := 0; bit < 8*len(content); bit++ {
			flipped := bytes.Clone(content)
			flipped[bit/8] ^= 1 << (bit % 8)
			flipped = mend(flipped)
			got, err := decodeSet(decoders[extension(name)], bytes.NewReader(flipped), int64(len(flipped)), 2, 2)
			switch same := reflect.DeepEqual(got, want); {
			case err != nil && strings.Contains(err.Error(), "\n"):
				t.Fatalf("%s, bit %d: %v", name, bit, err)
			case err == nil && !same && got.Remark == "" && !keyOfXYZ(content, bit/8):
				t.Fatalf("%s with bit %d flipped (%q) is read as %+v", name, bit, around(flipped, bit/8), got)
			}
		}
	}
}

// keyOfXYZ reports whether a byte is in the first comment line of an .xyz. A change there makes it
// a file of another program.
func keyOfXYZ(content []byte, at int) bool {
	lines := bytes.SplitAfterN(content, []byte("\n"), 3)
	return content[0] != 'P' && at < len(lines[0])+len(lines[1])
}

func around(content []byte, at int) []byte { return content[max(0, at-20):min(len(content), at+20)] }

// rewritten returns an .npz after a change of its arrays, with the checksums that it had.
func rewritten(t *testing.T, content []byte, change func(members map[string][]byte)) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	members := map[string][]byte{}
	for _, file := range z.File {
		rc, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		if members[strings.TrimSuffix(file.Name, ".npy")], err = io.ReadAll(rc); err != nil {
			t.Fatal(err)
		}
	}
	change(members)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, data := range members {
		member, err := w.Create(name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := member.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Arrays that were edited, swapped, removed, added or given another type are refused by the name of
// the array, whichever function reads them. Without its checksums the same file is read.
func TestChangedArraysAreRefused(t *testing.T) {
	_, content := written(t, someSet(), "set.npz")
	for what, c := range map[string]struct {
		change func(map[string][]byte)
		want   string
	}{
		"edited": {func(m map[string][]byte) { m["u"][len(m["u"])-1] ^= 1 }, `array "u" does not hold the values`},
		"edited x": {func(m map[string][]byte) { m["x"][len(m["x"])-1] ^= 1 },
			"without the arrays manifest and eqflow_checksum"},
		"swapped": {func(m map[string][]byte) { m["w"], m["u"] = m["u"], m["w"] }, "was written as"},
		"missing": {func(m map[string][]byte) { delete(m, "k") }, `lacks the array "k"`},
		"added":   {func(m map[string][]byte) { m["log_w"] = m["u"] }, `holds an array "log_w"`},
		"new type": {func(m map[string][]byte) { m["u"] = appendNpy(nil, Int64("u", []int64{1, 2})) },
			"was written as (2,) <f8"},
		"manifest": {func(m map[string][]byte) {
			m["manifest"] = bytes.Replace(m["manifest"], []byte(`dw2`), []byte(`dw3`), 1)
		},
			`array "manifest" does not hold`},
	} {
		path := filepath.Join(t.TempDir(), "set.npz")
		if err := os.WriteFile(path, rewritten(t, content, c.change), 0o600); err != nil {
			t.Fatal(err)
		}
		_, set := Read(path, 2, 2)
		_, arrays := ReadArrays(path)
		for by, err := range map[string]error{"Read": set, "ReadArrays": arrays, "Verify": Verify(path)} {
			if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), checksumArray) {
				t.Errorf("%s, %s: %v, want %q", what, by, err, c.want)
			}
		}
		drop := func(m map[string][]byte) { c.change(m); delete(m, checksumArray); delete(m, "manifest") }
		if err := os.WriteFile(path, rewritten(t, content, drop), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path, 2, 2); err != nil {
			t.Errorf("%s without checksums: %v", what, err)
		}
	}
}

// A file that NumPy saved again with all its arrays, compressed or in another order, is read. A
// file without checksums is told from one with them.
func TestUnchangedArraysAreRead(t *testing.T) {
	path, content := written(t, someSet(), "set.npz")
	want, err := Read(path, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	if checked, err := Checked(path); !checked || err != nil || Verify(path) != nil {
		t.Errorf("checked %t, %v, %v", checked, err, Verify(path))
	}
	if names := namesIn(t, path); names != "x u w k manifest" {
		t.Errorf("ReadArrays gives %s", names)
	}
	again := rewritten(t, content, func(map[string][]byte) {})
	old := rewritten(t, content, func(m map[string][]byte) { delete(m, checksumArray) })
	for what, text := range map[string][]byte{"again": again, "old": old} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path, 2, 2)
		if err != nil || !reflect.DeepEqual(got.Batch, want.Batch) || len(got.Arrays) != len(want.Arrays) {
			t.Errorf("%s: %v", what, err)
		}
		if checked, err := Checked(path); checked != (what == "again") || err != nil {
			t.Errorf("%s: checked %t, %v", what, checked, err)
		}
	}
	if err := WriteArrays(path, Arrays{Bytes(checksumArray, nil)}, true); err == nil {
		t.Error("an array of the name of the checksums was written")
	}
	later := Arrays{Bytes(checksumArray, []byte(`{"eqflow_checksum":2}`))}
	text, err := EncodeArrays(later)
	if err != nil {
		t.Fatal(err)
	}
	_, err = DecodeArrays(bytes.NewReader(text), int64(len(text)))
	if err == nil || !strings.Contains(err.Error(), "later") {
		t.Errorf("checksums of a later version: %v", err)
	}
}

func namesIn(t *testing.T, path string) string {
	t.Helper()
	arrays, err := ReadArrays(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(arrays.Names(), " ")
}

// An .xyz that was cut between two frames, or edited in eqflow's own form, is refused. What another
// program wrote is read, with a remark.
func TestEditedXYZ(t *testing.T) {
	path, content := written(t, someSet(), "set.xyz")
	frame := strings.Index(string(content), "\n2\n") + 1
	edited := strings.Replace(string(content), " 7 ", " 8 ", 1)
	energy := strings.Replace(string(content), "energy=2", "energy=3", 1)
	theirs := strings.Replace(edited, "}\"\n", "}\" pbc=\"F F F\"\n", 1) // as ASE has it
	for what, c := range map[string]struct{ text, refusal, remark string }{
		"as it was": {string(content), "", ""},
		"cut":       {string(content[:frame]), "does not hold the text", ""},
		"edited":    {edited, "does not hold the text", ""},
		"energy":    {energy, "does not hold the text", ""},
		"theirs":    {theirs, "", "another program rounded or changed them"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := Read(path, 2, 2)
		if (err != nil) != (c.refusal != "") || err != nil && !strings.Contains(err.Error(), c.refusal) {
			t.Errorf("%s: %v, want %q", what, err, c.refusal)
		}
		if !strings.Contains(set.Remark, c.remark) || (set.Remark != "") != (c.remark != "") {
			t.Errorf("%s: remark %q, want %q", what, set.Remark, c.remark)
		}
	}
}
