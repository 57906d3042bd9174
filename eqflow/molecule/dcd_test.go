package molecule

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// A DCD trajectory gives the configurations in nm, to float32.
func TestDCD(t *testing.T) {
	x, err := ReadDCD(filepath.Join("testdata", "tripeptide-amber19.dcd"), 32)
	if err != nil {
		t.Fatal(err)
	}
	_, set := openTest(t, "tripeptide-amber19")
	if x.Len() != set.Batch.Len() {
		t.Fatalf("%d frames, not %d", x.Len(), set.Batch.Len())
	}
	for k, v := range x.X {
		if math.Abs(v-set.Batch.X[k]) > 1e-7 {
			t.Fatalf("coordinate %d is %g, not %g", k, v, set.Batch.X[k])
		}
	}
}

// A trajectory that is cut, of another molecule or no DCD is an error; each part of a file is.
func TestDamagedDCD(t *testing.T) {
	data := text(t, "tripeptide-amber19.dcd")
	fixed := []byte(data)
	fixed[4+dcdFixed] = 1
	for want, content := range map[string]string{
		"is it one?":            "ATOM and more",
		"cut short or damaged":  data[:len(data)-5],
		"has no frame":          data[:len(data)-6*3*(4*32+8)],
		"atoms that do not mov": string(fixed),
	} {
		if _, err := parseDCD([]byte(content), 32); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	_, err := parseDCD([]byte(data), 22)
	if err == nil || !strings.Contains(err.Error(), "32 atoms and the system 22") {
		t.Errorf("%v", err)
	}
	for k := range data[:500] {
		_, _ = parseDCD([]byte(data[:k]), 32) // must not panic
	}
}
