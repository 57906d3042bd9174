package dataset

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write writes data to a file in a new folder and returns its path.
func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func npyOf(data []float64, shape ...int) []byte { return appendNpy(nil, Float64("x", data, shape...)) }

// claiming returns a file of eight numbers whose header claims another shape.
func claiming(shape string) []byte {
	data := npyOf(make([]float64, 8), 1, 8)
	surplus := strings.Repeat(" ", len(shape)-len("(1, 8)"))
	return bytes.Replace(data, []byte("(1, 8), }"+surplus), []byte(shape+", }"), 1)
}

// wrongInput lists files that Read must refuse, with a part of the message.
func wrongInput(t *testing.T) []struct{ path, message string } {
	npy, npz := mustRead(t, "testdata/c_f8.npy"), mustRead(t, "testdata/plain.npz")
	return []struct{ path, message string }{
		{filepath.Join(t.TempDir(), "absent.npz"), "does not exist"},
		{t.TempDir() + "/", "ending"},
		{write(t, "data.txt", npy), "ending"},
		{write(t, "empty.npy", nil), "is empty"},
		{write(t, "text.npy", []byte("x,y\n1,2\n")), "not a NumPy file"},
		{write(t, "text.npz", []byte("x,y\n1,2\n")), "not an .npz"},
		{write(t, "single.npz", npy), "name it .npy"},
		{write(t, "cut.npy", npy[:len(npy)-3]), "cut off"},
		{write(t, "cuthead.npy", npy[:40]), "cut off"},
		{write(t, "cut.npz", npz[:len(npz)-30]), "cut .npz"},
		{write(t, "claim.npy", claiming("(9999999999999999999, 8)")), "cannot be read"},
		{write(t, "over.npy", claiming("(1099511627776, 1099511627776)")), "impossible shape"},
		{write(t, "huge.npy", claiming("(99999999, 8)")), "cut off"},
		{write(t, "nan.npy", npyOf([]float64{0, 1, 2, 3, 4, 5, 6, math.NaN()}, 1, 4, 2)), "NaN"},
		{write(t, "inf.npy", npyOf([]float64{0, 1, 2, 3, 4, 5, 6, math.Inf(1)}, 1, 8)), "Inf"},
		{write(t, "none.npy", npyOf([]float64{}, 0, 4, 2)), "no configuration"},
		{write(t, "other.npy", npyOf(make([]float64, 9), 1, 3, 3)), "(1, 3, 3)"},
		{write(t, "flat.npy", npyOf(make([]float64, 9), 1, 9)), "another system"},
		{write(t, "one.npy", npyOf(make([]float64, 8), 4, 2)), "x[None]"},
		{write(t, "vector.npy", npyOf(make([]float64, 8), 8)), "reshape"},
		{"testdata/objects.npy", "astype"},
		{"testdata/complex.npy", "complex numbers (type <c8); save the real part"},
		{"testdata/ambiguous.npz", "a (3, 4, 2), b (3, 4, 2)"},
		{write(t, "empty.xyz", []byte("\n\n")), "no configuration"},
		{write(t, "text.xyz", []byte("hello\n")), "line 1"},
		{write(t, "cut.xyz", []byte("4\n\nA 0 0 0\nA 1 1 0\n")), "cut off"},
		{write(t, "word.xyz", []byte("4\n\nA 0 0 z\n")), "not a coordinate"},
		{write(t, "nan.xyz", []byte("4\n\nA 0 0 0\nA 1 nan 0\nA 0 0 0\nA 0 0 0\n")), "NaN"},
		{write(t, "other.xyz", []byte("1\n\nA 0 0 0\n")), "another system"},
		{write(t, "solid.xyz", []byte("4\n\nA 0 0 1\nA 1 0 0\nA 0 0 0\nA 0 0 0\n")), "outside the first 2"},
	}
}

func TestWrongInputGivesOneClearLine(t *testing.T) {
	for _, c := range wrongInput(t) {
		_, err := Read(c.path, 4, 2)
		if !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v does not match ErrInput", c.path, err)
			continue
		}
		text := err.Error()
		if !strings.Contains(text, c.message) || !strings.Contains(text, c.path) || strings.Contains(text, "\n") {
			t.Errorf("%s: %q does not contain %q", filepath.Base(c.path), text, c.message)
		}
	}
}

func TestManifestGuardsTheData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "set.npz")
	if err := Write(path, fullSet(), false); err != nil {
		t.Fatal(err)
	}
	arrays, err := ReadArrays(path)
	if err != nil {
		t.Fatal(err)
	}
	arrays[0].F64[3] += 1
	if err := WriteArrays(path, arrays, true); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, 4, 2); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), "manifest") {
		t.Errorf("changed data: %v", err)
	}
	if _, err := Read(path, 2, 4); !errors.Is(err, ErrInput) {
		t.Errorf("another system: %v", err)
	}
}

// TestDamageNeverPanics changes every byte of real files, and truncates them at every byte. A read
// may succeed if only a value is damaged.
func TestDamageNeverPanics(t *testing.T) {
	files := []string{"testdata/c_f8.npy", "testdata/c_f16.npy", "testdata/plain.npz", "testdata/compressed.npz"}
	xyz := filepath.Join(t.TempDir(), "set.xyz")
	if err := Write(xyz, fullSet(), false); err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, xyz) {
		data := mustRead(t, file)
		path := filepath.Join(t.TempDir(), "damaged"+filepath.Ext(file))
		for i := 0; i < len(data); i++ {
			for _, damaged := range [][]byte{
				data[:i], replaced(data, i, data[i]^0x55), replaced(data, i, 0xff), replaced(data, i, '9'),
			} {
				if err := os.WriteFile(path, damaged, 0o644); err != nil {
					t.Fatal(err)
				}
				if _, err := Read(path, 4, 2); err != nil && !errors.Is(err, ErrInput) {
					t.Fatalf("%s, byte %d: %v does not match ErrInput", file, i, err)
				}
			}
		}
	}
}

func replaced(data []byte, i int, b byte) []byte {
	out := bytes.Clone(data)
	out[i] = b
	return out
}

func TestWriteRefusesInvalidSets(t *testing.T) {
	dir := t.TempDir()
	clash := fullSet()
	clash.Arrays = append(clash.Arrays, Float64("x", []float64{1}))
	nan := fullSet()
	nan.Batch.X[1] = math.NaN()
	for name, set := range map[string]Set{
		"a.npy": fullSet(), "a.npz": clash, "b.npz": nan, "c.npz": {}, "a.csv": fullSet(), "no/a.npz": fullSet(),
	} {
		if err := Write(filepath.Join(dir, name), set, false); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("files remain: %v", left)
	}
}
