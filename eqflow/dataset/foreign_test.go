package dataset

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// file is one file in an archive.
type file struct {
	name string
	data []byte
}

// npzOf writes an archive of the given files, compressed by zip's method, and returns its path.
func npzOf(t *testing.T, method uint16, files ...file) string {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "a.npz", buf.Bytes())
}

// stored writes an uncompressed archive.
func stored(t *testing.T, files ...file) string { return npzOf(t, zip.Store, files...) }

// withMethod writes an archive that claims another method or other flags for its only array.
func withMethod(t *testing.T, method, flags uint16) string {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	data := sampleFile("x.npy").data
	w, err := z.CreateRaw(&zip.FileHeader{
		Name: "x.npy", Method: method, Flags: flags, CRC32: crc32.ChecksumIEEE(data),
		CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "a.npz", buf.Bytes())
}

// sampleFile is the array of sample under the given name.
func sampleFile(name string) file { return file{name, npyOf(sample().X, 3, 4, 2)} }

// typed returns an array with the given element type and shape, in NumPy's notation.
func typed(descr, shape string, values []byte) []byte {
	text := fmt.Sprintf("{'descr': %s, 'fortran_order': False, 'shape': %s, }\n", descr, shape)
	data := append([]byte("\x93NUMPY\x01\x00"), byte(len(text)), byte(len(text)>>8))
	return append(append(data, text...), values...)
}

const (
	recordType = "[('id', '<i8'), ('pos', '<f8', (4, 2))]"
	objectType = "'|O'"
)

func TestForeignArraysAreRead(t *testing.T) {
	version3 := sampleFile("x.npy").data
	version3[6] = 3 // with a header length of four bytes
	version3 = slices.Insert(version3, 10, 0, 0)
	meta := file{"meta.npy", typed(objectType, "(3,)", []byte("..."))}
	names := file{"names.npy", typed("'<U1'", "(1,)", []byte("a\x00\x00\x00"))}
	macOS := file{"__MACOSX/._x.npy", []byte{0, 5, 22, 7}}
	forces := file{"forces.npy", npyOf(make([]float64, 24), 3, 4, 2)}
	for name, path := range map[string]string{
		"without .npy":           stored(t, sampleFile("x")),
		"macOS":                  stored(t, sampleFile("x.npy"), macOS, file{"._x.npy", nil}, file{"a/", nil}),
		"version 3":              write(t, "a.npy", version3),
		"deflated":               npzOf(t, zip.Deflate, sampleFile("x.npy")),
		"forces":                 stored(t, forces, sampleFile("positions.npy")),
		"objects beside x":       stored(t, meta, sampleFile("x.npy")),
		"text beside positions":  stored(t, names, sampleFile("r.npy")),
		"column beside":          stored(t, sampleFile("arr_0.npy"), file{"e.npy", npyOf([]float64{1, 2, 3}, 3, 1)}),
		"a path":                 stored(t, sampleFile("./x.npy"), file{"run/__MACOSX/._x.npy", nil}),
		"a path of Windows":      stored(t, sampleFile(`run\\positions.npy`)),
		"whole positions":        stored(t, file{"positions.npy", sampleFile("").data}, forces),
		"another file":           stored(t, file{"README", []byte("hello")}, sampleFile("x.npy")),
		"plain method and flags": withMethod(t, zip.Store, 0),
	} {
		set, err := Read(path, 4, 2)
		if err != nil || !reflect.DeepEqual(set.Batch, sample()) {
			t.Errorf("%s: %v, %v", name, set.Batch, err)
		}
	}
}

func TestForeignArraysAreRefused(t *testing.T) {
	mask := typed("'|b1'", "(1, 4, 2)", make([]byte, 8))
	record, complexes := typed(recordType, "(5,)", nil), file{"x.npy", typed("'<c16'", "(1, 4, 2)", nil)}
	pickled := file{"positions.npy", typed(objectType, "(3,)", []byte("pickle"))}
	forces := file{"forces.npy", npyOf(make([]float64, 24), 3, 4, 2)}
	for name, c := range map[string]struct{ path, message string }{
		"twice":             {stored(t, sampleFile("x.npy"), sampleFile("x.npy")), `two arrays "x"`},
		"with and without":  {stored(t, sampleFile("x"), sampleFile("x.npy")), `two arrays "x"`},
		"bzip2":             {withMethod(t, 12, 0), "compressed with bzip2"},
		"LZMA":              {withMethod(t, 14, 0), "compressed with LZMA"},
		"another method":    {withMethod(t, 77, 0), "compressed with method 77"},
		"encrypted":         {withMethod(t, zip.Store, 1), "encrypted"},
		"pickled positions": {stored(t, pickled, forces), "could be the configurations, holds pickled"},
		"pickled and other": {stored(t, pickled, sampleFile("arr_0.npy")), "numpy.stack(list(array))"},
		"forces alone":      {stored(t, forces), "no other array that is certain to be the configurations"},
		"folder of forces":  {stored(t, file{"forces/x.npy", sampleFile("").data}), "certain to be"},
		"velocities":        {stored(t, sampleFile("vel.npy")), "certain to be"},
		"latent":            {stored(t, sampleFile("latent.npy")), "certain to be"},
		"slopes":            {stored(t, sampleFile("dU_dx.npy")), "certain to be"},
		"two paths":         {stored(t, sampleFile("x.npy"), sampleFile("./x.npy")), `two arrays "x"`},
		"positions, a mask": {stored(t, file{"positions.npy", mask}, sampleFile("a.npy")), "2 other arrays"},
		"two in one .npy":   {write(t, "a.npy", slices.Repeat(sampleFile("").data, 2)), "goes on after"},
		"complex":           {stored(t, complexes), `"x" holds complex numbers (type <c16)`},
		"record in npz":     {stored(t, file{"x.npy", record}), "array['pos']"},
		"record":            {write(t, "a.npy", record), "its array x holds records"},
		"mask":              {write(t, "a.npy", mask), "(1, 4, 2) holds true and false"},
		"mask in npz":       {stored(t, file{"x.npy", mask}), "array x (1, 4, 2) holds true and"},
		"text":              {stored(t, file{"x.npy", typed("'<U3'", "(1, 4, 2)", nil)}), "holds text"},
	} {
		_, err := Read(c.path, 4, 2)
		if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v does not say %q", name, err, c.message)
		}
		if strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: the file is whole, and the error is %v", name, err)
		}
	}
}

// An array that Read does not return needs no memory, however large it is.
func TestOtherArraysNeedNoMemory(t *testing.T) {
	big := npyOf(make([]float64, 4<<20), 4<<20) // 32 MiB
	path := npzOf(t, zip.Deflate, file{"a.npy", big}, file{"b.npy", big}, sampleFile("x.npy"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	set, err := Read(path, 4, 2)
	runtime.ReadMemStats(&after)
	if err != nil || len(set.Arrays) != 0 || len(set.Skipped) != 2 {
		t.Fatalf("%+v, %v", set, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("reading allocates %d MiB", grown>>20)
	}
	if want := "is (4194304,) float64, not one number for each of the 3 configurations"; set.Skipped[0].Reason != want {
		t.Errorf("passed over because it %s", set.Skipped[0].Reason)
	}
}

func TestLogWeights(t *testing.T) {
	inf := math.Inf(1)
	zero, one := []float64{0, 1, 2}, []byte{0, 0, 0, 0x3c, 0, 0x40} // as float64 and float16
	for name, c := range map[string]struct {
		array   []byte
		want    []float64
		message string
	}{
		"float64":       {npyOf(zero, 3), zero, ""},
		"float32":       {appendNpy(nil, Float32("", []float32{0, 1, 2})), zero, ""},
		"float16":       {typed("'<f2'", "(3,)", one), zero, ""},
		"integers":      {appendNpy(nil, Int64("", []int64{0, 1, 2})), zero, ""},
		"bytes":         {appendNpy(nil, Bytes("", []byte{0, 1, 2})), zero, ""},
		"column":        {npyOf(zero, 3, 1), zero, ""},
		"row":           {npyOf(zero, 1, 3), zero, ""},
		"zero weight":   {npyOf([]float64{0, -inf, 2}, 3), []float64{0, -inf, 2}, ""},
		"short":         {npyOf(zero[:2], 2), nil, "is (2,) float64, not one number for each of the 3"},
		"per particle":  {npyOf(make([]float64, 12), 3, 4), nil, "is (3, 4) float64"},
		"scalar":        {npyOf(zero[:1]), nil, "not one number"},
		"mask":          {typed("'|b1'", "(3,)", make([]byte, 3)), nil, "(3,) bool"},
		"complex":       {typed("'<c16'", "(3,)", nil), nil, "complex numbers"},
		"objects":       {typed(objectType, "(3,)", nil), nil, "pickled"},
		"NaN":           {npyOf([]float64{0, math.NaN(), 2}, 3), nil, "NaN for configuration 1"},
		"+Inf":          {npyOf([]float64{0, 1, inf}, 3), nil, "+Inf for configuration 2"},
		"nothing left":  {npyOf([]float64{-inf, -inf, -inf}, 3), nil, "no weight is left"},
		"no log_w here": {nil, nil, ""},
	} {
		files := []file{sampleFile("x.npy")}
		if c.array != nil {
			files = append(files, file{"log_w.npy", c.array})
		}
		set, err := Read(stored(t, files...), 4, 2)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkLogWeights(t, name, set, c.want, c.message)
	}
}

// frames repeats a frame of two particles with the given comment and lines.
func frames(comment string, lines ...string) string {
	return strings.Repeat(fmt.Sprintf("%d\n%s\n%s\n", len(lines), comment, strings.Join(lines, "\n")), 2)
}

func TestForeignXYZ(t *testing.T) {
	solid, plane := []float64{1, 2, 3, 4, 5, 6}, []float64{1, 2, 4, 5}
	numbered := []string{"1 18 1 2 3", "2 18 4 5 6"}
	const properties = "id:I:1:type:I:1:pos:R:3"
	const lattice = `Lattice="9 0 0 0 9 0 0 0 9" `
	species := []string{"Ar 1 2 3", "Ar 4 5 6"}
	flat := []string{"Ar 1 2 0", "Ar 4 5 0"}
	for name, c := range map[string]struct {
		text string
		d    int
		want []float64
	}{
		"Properties":            {frames("Properties="+properties, numbered...), 3, solid},
		"lower case":            {frames("properties="+properties, numbered...), 3, solid},
		"spaced":                {frames("Properties = "+properties+" a = b", numbered...), 0, solid},
		"quoted key":            {frames(`"Properties"=`+properties, numbered...), 3, solid},
		"LAMMPS":                {frames("Atoms. Timestep: 0", "1 1 2 3", "1 4 5 6"), 3, solid},
		"named plain":           {frames("species x y z", species...), 3, solid},
		"velocities":            {frames("", "Ar 1 2 3 9 9 9", "Ar 4 5 6 9 9 9"), 3, solid},
		"plane pos:R:2":         {frames("Properties=species:S:1:pos:R:2", "X 1 2", "X 4 5"), 2, plane},
		"plane pos:R:2 alone":   {frames("Properties=pos:R:2", "1 2", "4 5"), 0, plane},
		"plane bare":            {frames("", "X 1 2", "X 4 5"), 2, plane},
		"plane bare alone":      {frames("", "X 1 2", "X 4 5"), 0, plane},
		"foreign dim":           {frames("dim=3", flat...), 2, plane},
		"foreign dim alone":     {frames("dim=3", flat...), 0, []float64{1, 2, 0, 4, 5, 0}},
		"dim of another kind":   {frames("dim=none", flat...), 2, plane},
		"box as large":          {frames(lattice+`pbc="T T T"`, species...), 3, solid},
		"box of one direction":  {frames(`Lattice="1 0 0 0 1 0 0 0 9" pbc="F F T"`, species...), 3, solid},
		"box without periods":   {frames(`Lattice="1 0 0 0 1 0 0 0 1" pbc="F F F"`, species...), 3, solid},
		"lattice of zeros":      {frames(`Lattice="0 0 0 0 0 0 0 0 0"`, species...), 3, solid},
		"box as a list":         {frames(lattice+`pbc="[true, true, true]"`, species...), 3, solid},
		"byte order mark":       {"\ufeff" + frames("", species...), 3, solid},
		"whole and further":     {frames("", "Ar 1 2 3 0.5", "Ar 4 5 6 0.5"), 3, solid},
		"lower-case properties": {frames("PROPERTIES=species:s:1:Pos:r:3", species...), 3, solid},
	} {
		set, err := Read(write(t, "a.xyz", []byte(c.text)), 2, c.d)
		if want := slices.Concat(c.want, c.want); err != nil || !reflect.DeepEqual(set.Batch.X, want) {
			t.Errorf("%s: %v, %v, want %v", name, set.Batch.X, err, want)
		}
	}
}

func TestForeignXYZIsRefused(t *testing.T) {
	const lattice = `Lattice="5 0 0 0 5 0 0 0 5"`
	species := []string{"Ar 1 2 3", "Ar 4 5 6"}
	moved := frames("Properties=species:S:1:pos:R:3", species...) +
		frames("Properties=species:S:1:pos:R:2", "Ar 1 2", "Ar 4 5")
	for name, c := range map[string]struct {
		text, message string
		d             int
	}{
		"LAMMPS with id":   {frames("Atoms. Timestep: 0", "1 1 1 2 3", "2 1 4 5 6"), "line 3: has 5 columns", 3},
		"charges":          {frames("x y z charge", "0.1 0.2 0.3 0.0", "1.1 0.2 0.3 0.0"), "x in column 1", 3},
		"integral charges": {frames("x y z charge", "1 2 3 0", "4 5 6 0"), "x in column 1", 3},
		"no symbol": {
			frames("", "0.1 0.2 0.3 0.0", "1.1 0.2 0.3 0.0"), `"0.1" in its first column is neither`, 3,
		},
		"bare coordinates":  {frames("", "0.1 0.2 0.3", "1.1 0.2 0.3"), "neither a symbol nor a type", 3},
		"whole coordinates": {frames("", "1 2 3", "4 5 6"), "has 3 columns that begin with the number 1", 3},
		"masses first":      {frames("species mass x y z", "Ar 40 1 2 3", "Ar 40 1 2 3"), "x in column 3", 3},
		"symbol and number": {frames("", "Ar 1 1.5 2.5 3.5", "Ar 2 4.5 5.5 6.5"), "column 2 of every line", 3},
		"box of a cell":     {frames(`cell="9 9 9"`, species...), `has "cell=9 9 9"`, 3},
		"box of i-PI":       {frames("# CELL(abcABC): 9 9 9 90 90 90 Step: 0", species...), "has a box", 3},
		"other key":         {frames("columns=species:S:1:f:R:3:pos:R:3", "Ar 0 0 0 1 2 3"), "not as Properties", 3},
		"no positions":      {frames("Properties=species:S:1:forces:R:3", species...), "no pos:R:3", 3},
		"two positions":     {frames("Properties=pos:R:3:pos:R:3", "1 2 3 4 5 6"), "other positions than one", 3},
		"positions as text": {frames("Properties=species:S:1:pos:S:3", species...), "other positions than one", 3},
		"Properties cut":    {frames("Properties=species:S:1:pos", species...), "not a list of name:type:columns", 3},
		"fewer columns":     {frames("Properties=species:S:1:pos:R:3:q:R:1", species...), "Properties names 5", 3},
		"other Properties":  {moved, "other Properties", 3},
		"periodic": {
			frames(lattice+` pbc="T T T"`, species...), "line 4: has particles further apart than half", 3,
		},
		"periodic by default": {frames(lattice, species...), "unwrap", 3},
		"no box":              {frames(`pbc="T T T"`, species...), "not nine numbers", 3},
		"flat box":            {frames(`Lattice="5 0 0 0 5 0 0 0 0" pbc="T T F"`, species...), "no volume", 3},
		"plane for space":     {frames("", "X 1 2", "X 4 5"), "has 2 coordinates for each particle, not 3", 3},
		"space for plane":     {frames("dim=3", species...), "outside the first 2", 2},
		"plane by its dim":    {frames("dim=2", "Ar 1 2 0", "Ar 3 4 0"), "dim=2", 3},
		"mixed":               {frames("", "Ar 1 2 3", "Ar 1 2"), "has 2 coordinates, unlike", 3},
	} {
		_, err := Read(write(t, "a.xyz", []byte(c.text)), 0, c.d)
		if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v does not say %q", name, err, c.message)
		}
	}
}

func TestXYZWeights(t *testing.T) {
	frame := func(comment string) string { return "1\n" + comment + "\nX 0 0 0\n" }
	for name, c := range map[string]struct {
		text, message string
		want          []float64
	}{
		"all":      {frame("log_w=1") + frame("log_w = -2.5"), "", []float64{1, -2.5}},
		"none":     {frame("") + frame("a=1"), "", nil},
		"first":    {frame("log_w=1") + frame(""), "not one number in every comment line", nil},
		"second":   {frame("") + frame("log_w=1"), "not one number", nil},
		"repeated": {frame("log_w=1 log_w=2") + frame("log_w=1"), "not one number", nil},
		"a word":   {frame("log_w=1") + frame("log_w=high"), "not one number", nil},
		"NaN":      {frame("log_w=1") + frame("log_w=nan"), "NaN for configuration 1", nil},
	} {
		set, err := Read(write(t, "a.xyz", []byte(c.text)), 1, 3)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkLogWeights(t, name, set, c.want, c.message)
	}
}

// The arrays of a model are refused in the same cases, since Read and ReadArrays share the archive.
func TestReadArraysRefusesTwoOfOneName(t *testing.T) {
	path := stored(t, sampleFile("x.npy"), sampleFile("x"))
	_, all := ReadArrays(path)
	_, one := ReadArray(path, "x")
	for _, err := range []error{all, one} {
		if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("two arrays of one name: %v", err)
		}
	}
}

// checkLogWeights wants the log-weights of the set, or an error that contains the message.
func checkLogWeights(t *testing.T, name string, set Set, want []float64, message string) {
	t.Helper()
	got, err := set.LogWeights()
	if !reflect.DeepEqual(got, want) || (err == nil) != (message == "") {
		t.Errorf("%s: %v, %v, want %v", name, got, err, want)
	}
	if err != nil && !strings.Contains(err.Error(), message) {
		t.Errorf("%s: %v does not say %q", name, err, message)
	}
}

// A name that differs between the directory of an archive and its place before the data is damage,
// of which no checksum tells.
func TestNamesAreCompared(t *testing.T) {
	for name, path := range map[string]string{
		"stored":   stored(t, sampleFile("x.npy"), file{"log_w.npy", npyOf(make([]float64, 3), 3)}),
		"deflated": npzOf(t, zip.Deflate, sampleFile("x.npy"), file{"log_w.npy", npyOf(make([]float64, 3), 3)}),
	} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[bytes.LastIndex(data, []byte("log_w"))+4] ^= 1
		_, err = Read(write(t, "flipped.npz", data), 4, 2)
		if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), "another name in the directory") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Weights under another name are an error, unless there are log-weights too.
func TestWeightsOfAnotherNameAreRefused(t *testing.T) {
	w := npyOf(make([]float64, 3), 3)
	for _, name := range []string{
		"w", "W", "weight", "weights", "Weights", "log_W", "LOG_W", "logw", "log_weights", "lw", "ln_w", "log-weights",
		"importance_weights", "weights_log", "group/log_weight",
	} {
		set, err := Read(stored(t, sampleFile("x.npy"), file{name + ".npy", w}), 4, 2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.LogWeights(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		set, err = Read(stored(t, sampleFile("x.npy"), file{name + ".npy", w}, file{"log_w.npy", w}), 4, 2)
		if values, wrong := set.LogWeights(); err != nil || wrong != nil || len(values) != 3 {
			t.Errorf("%s beside log_w: %v, %v, %v", name, values, err, wrong)
		}
	}
	for _, name := range []string{"u", "log_q", "energy", "wells", "twist", "flow", "window"} {
		set, err := Read(stored(t, sampleFile("x.npy"), file{name + ".npy", w}), 4, 2)
		if values, wrong := set.LogWeights(); err != nil || wrong != nil || values != nil {
			t.Errorf("%s: %v, %v, %v", name, values, err, wrong)
		}
	}
}
