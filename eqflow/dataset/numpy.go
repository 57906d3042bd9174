package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

func decodeNpy(r readerAt, size int64, n, d int) (Set, error) {
	x, err := readNpy(r, size, "x", newHash())
	var unsupported unsupportedType
	if errors.As(err, &unsupported) {
		err = fmt.Errorf("its array x %w", err)
	}
	if err != nil {
		return Set{}, err
	}
	batch, err := batchOf(x, n, d)
	return Set{Batch: batch, Source: "its array " + shapeText(x.Shape)}, err
}

func decodeNpz(r readerAt, size int64, n, d int) (Set, error) {
	a, err := newArchive(r, size)
	if err != nil {
		return Set{}, err
	}
	return setOf(a.members, n, d)
}

// setOf reads manifest, configurations and the arrays about them. It does not read the other
// arrays, so that they need no memory.
func setOf(members []member, n, d int) (Set, error) {
	var set Set
	manifest := slices.IndexFunc(members, func(m member) bool { return m.name == "manifest" && m.typeName() == "u1" })
	if manifest >= 0 {
		text, err := members[manifest].read()
		if err != nil {
			return set, err
		}
		if err := json.Unmarshal(text.U8, &set.Manifest); err != nil {
			return set, fmt.Errorf("its manifest cannot be parsed as JSON (%w); "+
				"remove that array or write the file again", err)
		}
	}
	n, d, err := set.Manifest.resolve(n, d)
	if err != nil {
		return set, err
	}
	source, err := coordinates(members)
	if err != nil {
		return set, err
	}
	x, err := source.read()
	if err != nil {
		return set, err
	}
	if set.Batch, err = batchOf(x, n, d); err != nil {
		return set, err
	}
	set.Source = fmt.Sprintf("array %q %s", source.name, source.describe())
	for _, m := range members {
		if m.name == source.name || m.name == "manifest" {
			continue
		}
		if err := set.add(m); err != nil {
			return set, err
		}
	}
	return set, nil
}

// add reads an array with one number per configuration, and passes over any other.
func (s *Set) add(m member) error {
	size := s.Batch.Len()
	switch {
	case m.unread != nil:
		s.Skipped = append(s.Skipped, Skipped{m.name, m.unread.Error()})
		return nil
	case m.kind == 'b' || !onePerConfiguration(m.shape, size):
		reason := fmt.Sprintf("is %s, not one number for each of the %d configurations", m.describe(), size)
		s.Skipped = append(s.Skipped, Skipped{m.name, reason})
		return nil
	}
	a, err := m.read()
	a.Shape = []int{size}
	s.Arrays = append(s.Arrays, a)
	return err
}

// onePerConfiguration reports whether a shape is [size], [size, 1] or the like.
func onePerConfiguration(shape []int, size int) bool {
	count := 1
	for _, n := range shape {
		if n != 1 && n != size {
			return false
		}
		count *= n
	}
	return len(shape) > 0 && count == size
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

// otherQuantity matches the names of arrays that are never configurations, and otherFolder the
// folders of such arrays.
var (
	otherQuantity = regexp.MustCompile(`(?i)force|veloc|moment|grad|score|weight|energ|charge|mass|dipole|noise|cell|` +
		`box|lattice|hess|latent|prior|torque|accel|stress|virial|^vels?$|^d[uev]_?d[xrq]|^log|^[fvupwz]$`)
	otherFolder = regexp.MustCompile(`(?i)forces?/|veloc|gradient|momenta`)
)

// isOther reports whether the name of an array is that of another quantity than configurations.
func isOther(name string) bool {
	folder, base := filepath.Split(name)
	return otherQuantity.MatchString(base) || otherFolder.MatchString(folder)
}

// mayBePositions reports whether an array may hold the configurations: floats of two or three
// dimensions, and other elements if the name is that of positions.
func (m member) mayBePositions() bool {
	shaped := (len(m.shape) == 2 || len(m.shape) == 3) && m.shape[1] > 1
	return shaped && (m.kind == 'f' || positionField.MatchString(filepath.Base(m.name)))
}

// coordinates returns the array of configurations: "x", or else the only array that may hold them
// and whose name is not that of another quantity. If an array that cannot be read
// could hold the configurations too, no other is taken in its place.
func coordinates(members []member) (member, error) {
	var found []member
	for _, m := range members {
		switch {
		case m.name == "x":
			return m, nil
		case isOther(m.name):
		case m.unread == nil && m.mayBePositions():
			found = append(found, m)
		}
	}
	for _, m := range members {
		var unsupported unsupportedType
		isType := errors.As(m.unread, &unsupported)
		if m.unread == nil || errors.Is(m.unread, errNoArray) || isOther(m.name) ||
			isType && (unsupported.isText() || len(m.shape) == 0) {
			continue
		}
		return member{}, fmt.Errorf("holds no array \"x\", and array %q, which could be the configurations, %w",
			m.name, m.unread)
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(members) == 0 {
		return member{}, errors.New("holds no array of numbers; save the configurations with numpy.savez(file, x=…)")
	}
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.name + " " + shapeText(m.shape)
	}
	which := "no other array that is certain to be"
	if len(found) > 1 {
		which = fmt.Sprintf("%d other arrays that could be", len(found))
	}
	return member{}, fmt.Errorf("holds no array \"x\", and %s the configurations (%s); save the right one as x=…",
		which, strings.Join(names, ", "))
}

// batchOf converts an array [N, n, d] or [N, n·d] to configurations. A zero n or d is taken from
// the shape.
func batchOf(x Array, n, d int) (particle.Batch, error) {
	var none particle.Batch
	if x.isBool {
		return none, fmt.Errorf("its array %s %s holds true and false (type bool), not coordinates; "+
			"save the positions themselves, not a mask of them", x.Name, shapeText(x.Shape))
	}
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

func encodeNpz(set Set) (encoding, error) {
	manifest, err := set.Manifest.encode()
	if err != nil {
		return nil, err
	}
	arrays := append(Arrays{set.coordinateArray()}, set.Arrays...)
	arrays = append(arrays, Bytes("manifest", manifest))
	return func(w io.Writer) error { return writeNpz(w, arrays) }, nil
}

func encodeNpy(set Set) (encoding, error) {
	if len(set.Arrays) > 0 {
		return nil, fmt.Errorf("an .npy holds one array and cannot hold %s; name the file .npz",
			strings.Join(set.Arrays.Names(), ", "))
	}
	return func(w io.Writer) error { return writeNpy(w, set.coordinateArray()) }, nil
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
