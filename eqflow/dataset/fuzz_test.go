package dataset

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/eqflow/gonb-eqflow/internal/printable"
)

// The fuzz targets feed files to the readers. Reading ends with a valid set or an error in one
// line, without a panic, and takes no more memory than a stated multiple of the file.

// fuzzFile reads a file of the given extension.
func fuzzFile(t *testing.T, extension string, content []byte, factor uint64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	set, err := readSet("fuzzed"+extension, bytes.NewReader(content), int64(len(content)), 0, 0)
	runtime.ReadMemStats(&after)
	if used, most := after.TotalAlloc-before.TotalAlloc, factor*uint64(len(content))+4<<20; used > most {
		t.Errorf("%d bytes were allocated for a file of %d", used, len(content))
	}
	if err != nil {
		if text := err.Error(); text != printable.Line(text) || len(text) > 4000 {
			t.Errorf("an error of %d bytes: %q", len(err.Error()), err)
		}
		return
	}
	if err := set.Batch.Validate(); err != nil || set.Batch.Len() == 0 {
		t.Errorf("an invalid set of %d configurations: %v", set.Batch.Len(), err)
	}
	for _, a := range set.Arrays {
		if a.Len() != set.Batch.Len() || a.Validate() != nil {
			t.Errorf("array %q has %d values for %d configurations", a.Name, a.Len(), set.Batch.Len())
		}
	}
	if _, err := set.LogWeights(); err == nil && extension == ".npz" {
		if _, err := DecodeArrays(bytes.NewReader(content), int64(len(content))); err != nil {
			t.Logf("an array that is passed over cannot be read: %v", err)
		}
	}
}

// addFiles adds the project's own files of an extension to the seeds.
func addFiles(f *testing.F, extension string) {
	f.Helper()
	paths, err := filepath.Glob("testdata/*" + extension)
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
}

// encoded is the content of a file that Write writes.
func encoded(f *testing.F, extension string) []byte {
	f.Helper()
	set := someSet()
	if extension == ".npy" {
		set.Arrays = nil
	}
	set, err := set.completed()
	if err != nil {
		f.Fatal(err)
	}
	write, err := encoders[extension](set)
	if err != nil {
		f.Fatal(err)
	}
	var out bytes.Buffer
	if err := write(&out); err != nil {
		f.Fatal(err)
	}
	return out.Bytes()
}

func FuzzNpy(f *testing.F) {
	addFiles(f, ".npy")
	f.Add(encoded(f, ".npy"))
	f.Fuzz(func(t *testing.T, content []byte) { fuzzFile(t, ".npy", content, 64) })
}

// The zip checksums of every file are renewed, so that mutations reach the arrays. Deflate packs a
// thousand bytes into one.
func FuzzNpz(f *testing.F) {
	addFiles(f, ".npz")
	f.Add(encoded(f, ".npz"))
	f.Fuzz(func(t *testing.T, content []byte) { fuzzFile(t, ".npz", mend(content), 8*1032) })
}

func FuzzXYZ(f *testing.F) {
	f.Add(encoded(f, ".xyz"))
	for _, text := range []string{
		"2\n\nAr 0 0 0\nAr 1 0 0\n",
		"1\nProperties=species:S:1:pos:R:3 Lattice=\"9 0 0 0 9 0 0 0 9\" pbc=\"T T T\" energy=-1\nH 0 0 0\n",
		"2\nproperties = id:I:1:pos:R:2:forces:R:2 dim=2\n1 0 0 1 1\n2 1 1 0 0\n",
		"1\nstep 3\n1 0.5 0.5 0.5\n1\nstep 4\n1 0.5 0.5 0.25\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, content []byte) { fuzzFile(t, ".xyz", content, 512) })
}

// Arrays of any name are read as they were written, or not written.
func FuzzArrays(f *testing.F) {
	f.Add("u", []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, 3)
	f.Add("flow/weights", []byte{0, 0, 0, 0}, 1)
	f.Fuzz(func(t *testing.T, name string, values []byte, width int) {
		if width < 1 || width > 16 {
			return
		}
		values = values[:len(values)/width*width]
		a := Array{Name: name, Shape: []int{len(values) / width, width}, U8: values}
		path := filepath.Join(t.TempDir(), "a.npz")
		if WriteArrays(path, Arrays{a}, false) != nil {
			return
		}
		got, err := ReadArrays(path)
		if memberName(name+".npy") == name {
			if err != nil || len(got) != 1 || !bytes.Equal(got[0].U8, values) {
				t.Errorf("array %q is read as %v, %v", name, got, err)
			}
		}
	})
}
