package dataset

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// sample returns the configurations that testdata/make.py saved: [3, 4, 2], (k−10)/4.
func sample() particle.Batch {
	b := particle.NewBatch(3, 4, 2)
	for k := range b.X {
		b.X[k] = float64(k-10) / 4
	}
	return b
}

func TestReadsFilesOfNumPy(t *testing.T) {
	whole := sample()
	for k := range whole.X {
		whole.X[k] = float64(k)
	}
	patterns := []string{"c_*.npy", "big_*.npy", "fortran*.npy", "int_*.npy", "plain.npz", "compressed.npz"}
	for _, pattern := range patterns {
		paths, _ := filepath.Glob("testdata/" + pattern)
		if len(paths) == 0 {
			t.Errorf("no file matches %s", pattern)
		}
		for _, path := range paths {
			want := sample()
			if strings.Contains(path, "int_") {
				want = whole
			}
			set, err := Read(path, 4, 2)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			if !reflect.DeepEqual(set.Batch, want) {
				t.Errorf("%s: read %v, want %v", path, set.Batch, want)
			}
		}
	}
}

func TestShapeFromFile(t *testing.T) {
	for _, c := range []struct {
		path string
		n, d int
	}{{"c_f4.npy", 0, 0}, {"c_f4.npy", 4, 0}, {"fortran_flat.npy", 4, 0}, {"fortran_flat.npy", 0, 2}} {
		set, err := Read("testdata/"+c.path, c.n, c.d)
		if err != nil || set.Batch.N != 4 || set.Batch.D != 2 || set.Batch.Len() != 3 {
			t.Errorf("%v: %v %v", c, set.Batch, err)
		}
	}
}

func TestReadsOtherArrays(t *testing.T) {
	set, err := Read("testdata/plain.npz", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	u, ok := set.Arrays.Get("u")
	if want := []float64{-2.5, -0.5, 1.5}; !ok || !reflect.DeepEqual(u.F64, want) {
		t.Errorf("u = %v, want %v", u.F64, want)
	}
	if len(set.Arrays) != 1 { // the text array is skipped
		t.Errorf("arrays %v, want [u]", set.Arrays.Names())
	}
}

func fullSet() Set {
	b := sample()
	b.X[0] = 0.1 // inexact in float32
	return Set{
		Batch: b,
		Manifest: Manifest{
			System: "dw4", Spec: json.RawMessage(`{"b":-4,"note":"a \"quoted\" \\ one"}`), Seed: 1<<63 + 5,
			Settings: json.RawMessage(`{"steps":10}`), CreatedBy: "test",
		},
		Arrays: Arrays{Float64("u", []float64{-22.5, 1e-300, 1.0 / 3}), Float64("log_q", []float64{1, 2, 3})},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"set.npz", "set.xyz"} {
		path := filepath.Join(t.TempDir(), name)
		want := fullSet()
		if err := Write(path, want, false); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		want, _ = want.completed()
		unescaped := strings.NewReplacer(`\u0022`, `\"`, `\u005c`, `\\`).Replace(string(got.Manifest.Spec))
		got.Manifest.Spec = json.RawMessage(unescaped)
		got.Source = ""
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read\n%+v\nwant\n%+v", name, got, want)
		}
	}
}

func TestSingleRoundsAndStoresFloat32(t *testing.T) {
	path := filepath.Join(t.TempDir(), "set.npz")
	set := fullSet()
	set.Single = true
	if err := Write(path, set, false); err != nil {
		t.Fatal(err)
	}
	if set.Batch.X[0] != 0.1 {
		t.Error("Write changed the caller's coordinates")
	}
	arrays, err := ReadArrays(path)
	if err != nil {
		t.Fatal(err)
	}
	if x, _ := arrays.Get("x"); len(x.F32) != 24 {
		t.Errorf("x holds %d float32 values, want 24", len(x.F32))
	}
	if got, err := Read(path, 4, 2); err != nil || got.Batch.X[0] != float64(float32(0.1)) {
		t.Errorf("read %v, %v", got.Batch.X, err)
	}
}

func TestRefusesToOverwrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "set.npz")
	for _, write := range []func(bool) error{
		func(overwrite bool) error { return Write(path, fullSet(), overwrite) },
		func(overwrite bool) error { return WriteArrays(path, fullSet().Arrays, overwrite) },
	} {
		os.Remove(path)
		if err := write(false); err != nil {
			t.Fatal(err)
		}
		err := write(false)
		if !errors.Is(err, ErrInput) || !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "--force") {
			t.Errorf("second write: %v", err)
		}
		if err := write(true); err != nil {
			t.Error(err)
		}
	}
	left, _ := os.ReadDir(filepath.Dir(path))
	if len(left) != 1 {
		t.Errorf("files remain: %v", left)
	}
}

func TestHashDependsOnNumbersAndShapeOnly(t *testing.T) {
	a, b := sample(), sample()
	if Hash(a) != Hash(b) {
		t.Error("equal batches have different hashes")
	}
	b.N, b.D = 2, 4
	if Hash(a) == Hash(b) {
		t.Error("another shape has the same hash")
	}
	b = sample()
	b.X[23] += 1e-15
	if Hash(a) == Hash(b) {
		t.Error("another number has the same hash")
	}
}

func TestPlainXYZ(t *testing.T) {
	text := "2\nfree text = odd\nAr 1 2 0\nAr -1 0.5 0.0\n2\n\nAr 0 0 0 9 9\r\nAr 1e0 1 0\n\n"
	path := write(t, "a.xyz", []byte(text))
	set, err := Read(path, 2, 2)
	if want := []float64{1, 2, -1, 0.5, 0, 0, 1, 1}; err != nil || !reflect.DeepEqual(set.Batch.X, want) {
		t.Errorf("read %v, %v; want %v", set.Batch.X, err, want)
	}
	if set, err = Read(path, 0, 0); err != nil || set.Batch.N != 2 || set.Batch.D != 3 {
		t.Errorf("without n and d: %v, %v", set.Batch, err)
	}
}

func TestPropertiesGiveTheColumns(t *testing.T) {
	text := "1\nProperties=id:I:1:species:S:1:mass:R:1:pos:R:3 energy=-1.5 Lattice=\"1 0 0 0 1 0 0 0 1\"\n" +
		"7 Ar 39.9 1 2 3\n"
	path := write(t, "a.xyz", []byte(text))
	set, err := Read(path, 1, 3)
	if err != nil || !reflect.DeepEqual(set.Batch.X, []float64{1, 2, 3}) || set.Arrays[0].F64[0] != -1.5 {
		t.Errorf("read %+v, %v", set, err)
	}
}

// ASE rounds the coordinates and does not restore the escapes.
func TestManifestSurvivesASE(t *testing.T) {
	manifest := `"{\"system\":\"a\u0022b\u005c\",\"particles\":1,\"dim\":2,\"sha256\":\"00\"}"`
	text := "1\nProperties=species:S:1:pos:R:3 dim=2 eqflow_manifest=" + manifest + ` pbc="F F F"` + "\nX 0.10000000 0 0\n"
	set, err := Read(write(t, "a.xyz", []byte(text)), 0, 0)
	if err != nil || set.Manifest.System != `a"b\` || set.Manifest.SHA256 != "" {
		t.Errorf("%+v, %v", set.Manifest, err)
	}
}
