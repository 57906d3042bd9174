package dataset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

func readNpyFile(path string, n, d int) (Set, error) {
	f, size, err := openFile(path)
	if err != nil {
		return Set{}, err
	}
	defer f.Close()
	x, err := readNpy(f, size, "x")
	if err != nil {
		return Set{}, inputErrorf(path, "%w", err)
	}
	batch, err := batchOf(x, n, d)
	if err != nil {
		return Set{}, inputErrorf(path, "%w", err)
	}
	return Set{Batch: batch}, nil
}

func readNpzFile(path string, n, d int) (Set, error) {
	arrays, err := ReadArrays(path)
	if err != nil {
		return Set{}, err
	}
	var set Set
	if text, ok := arrays.Get("manifest"); ok && text.U8 != nil {
		if err := json.Unmarshal(text.U8, &set.Manifest); err != nil {
			return Set{}, inputErrorf(path, "its manifest cannot be parsed as JSON (%w); "+
				"remove that array or write the file again", err)
		}
	}
	if n, d, err = set.Manifest.resolve(n, d); err != nil {
		return Set{}, inputErrorf(path, "%w", err)
	}
	x, err := coordinates(arrays)
	if err != nil {
		return Set{}, inputErrorf(path, "%w", err)
	}
	if set.Batch, err = batchOf(x, n, d); err != nil {
		return Set{}, inputErrorf(path, "%w", err)
	}
	set.Arrays = slices.DeleteFunc(arrays, func(a Array) bool { return a.Name == x.Name || a.Name == "manifest" })
	return set, nil
}

// resolve replaces zero n and d by the numbers of the manifest. Other values must agree with the
// manifest.
func (m Manifest) resolve(n, d int) (int, int, error) {
	if m.Particles < 1 || m.Dim < 1 {
		return n, d, nil
	}
	if (n != 0 && n != m.Particles) || (d != 0 && d != m.Dim) {
		return 0, 0, fmt.Errorf("has a manifest of %d particles in %d dimensions, not %s; "+
			"is it data of another system?", m.Particles, m.Dim, allowedShapes(n, d))
	}
	return m.Particles, m.Dim, nil
}

// coordinates returns the array of configurations: "x", or else the only float array of two or
// three dimensions.
func coordinates(arrays Arrays) (Array, error) {
	if x, ok := arrays.Get("x"); ok {
		return x, nil
	}
	var found Arrays
	for _, a := range arrays {
		if a.isFloat() && (len(a.Shape) == 2 || len(a.Shape) == 3) {
			found = append(found, a)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(arrays) == 0:
		return Array{}, fmt.Errorf("holds no array of numbers; save the configurations with numpy.savez(file, x=…)")
	}
	names := make([]string, len(arrays))
	for i, a := range arrays {
		names[i] = fmt.Sprintf("%s %s", a.Name, shapeText(a.Shape))
	}
	return Array{}, fmt.Errorf("holds no array \"x\", and %d other arrays could be the configurations (%s); "+
		"save the right one as x=…", len(found), strings.Join(names, ", "))
}

// batchOf converts an array [N, n, d] or [N, n·d] to configurations. A zero n or d is taken from
// the shape.
func batchOf(x Array, n, d int) (particle.Batch, error) {
	var none particle.Batch
	switch len(x.Shape) {
	case 3:
		if (n != 0 && n != x.Shape[1]) || (d != 0 && d != x.Shape[2]) {
			return none, fmt.Errorf("has the shape %s, not %s; is it data of another system?",
				shapeText(x.Shape), allowedShapes(n, d))
		}
		n, d = x.Shape[1], x.Shape[2]
	case 2:
		var err error
		if n, d, err = splitWidth(x.Shape, n, d); err != nil {
			return none, err
		}
	default:
		return none, fmt.Errorf("has the shape %s, not %s; reshape it", shapeText(x.Shape), allowedShapes(n, d))
	}
	if x.Len() == 0 {
		return none, fmt.Errorf("holds no configuration (shape %s); write it again with at least one",
			shapeText(x.Shape))
	}
	return particle.Batch{X: x.Float64s(), N: n, D: d}, nil
}

// splitWidth returns n and d for the shape [N, n·d]. At most one of them may be given as 0.
func splitWidth(shape []int, n, d int) (int, int, error) {
	width := shape[1]
	switch {
	case n == 0 && d == 0:
		return 0, 0, fmt.Errorf("has the shape %s, which leaves the numbers of particles and dimensions open; "+
			"name the system, or save it as [N, n, d]", shapeText(shape))
	case n == 0 && width%d == 0:
		n = width / d
	case d == 0 && width%n == 0:
		d = width / n
	}
	if n*d != width {
		advice := "is it data of another system?"
		if shape[0] == n && width == d {
			advice = "for a single configuration save x[None]"
		}
		return 0, 0, fmt.Errorf("has the shape %s, not %s; %s", shapeText(shape), allowedShapes(n, d), advice)
	}
	return n, d, nil
}

// allowedShapes describes the shapes that agree with n and d, for error messages.
func allowedShapes(n, d int) string {
	switch {
	case n > 0 && d > 0:
		return fmt.Sprintf("[N, %d, %d] or [N, %d]", n, d, n*d)
	case n > 0:
		return fmt.Sprintf("[N, %d, d] or [N, %d·d]", n, n)
	case d > 0:
		return fmt.Sprintf("[N, n, %d] or [N, n·%d]", d, d)
	}
	return "[N, n, d]"
}

func encodeNpz(set Set) ([]byte, error) {
	manifest, err := set.Manifest.encode()
	if err != nil {
		return nil, err
	}
	arrays := append(Arrays{set.coordinateArray()}, set.Arrays...)
	return EncodeArrays(append(arrays, Bytes("manifest", manifest)))
}

func encodeNpy(set Set) ([]byte, error) {
	if len(set.Arrays) > 0 {
		return nil, fmt.Errorf("an .npy holds one array and cannot hold %s; name the file .npz",
			strings.Join(set.Arrays.Names(), ", "))
	}
	return appendNpy(nil, set.coordinateArray()), nil
}

// coordinateArray returns x [N, n, d], as float32 if that is exact.
func (s Set) coordinateArray() Array {
	shape := []int{s.Batch.Len(), s.Batch.N, s.Batch.D}
	single := make([]float32, len(s.Batch.X))
	for i, v := range s.Batch.X {
		single[i] = float32(v)
		if float64(single[i]) != v {
			return Float64("x", s.Batch.X, shape...)
		}
	}
	return Float32("x", single, shape...)
}
