package zmatrix_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
)

const dipeptide = "../molecule/testdata/ff99sbildn-obc"

// open returns alanine dipeptide and configurations of it.
func open(t *testing.T) (zmatrix.Shape, zmatrix.ZMatrix, particle.Batch) {
	t.Helper()
	system, err := molecule.ReadSystem(dipeptide + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := dataset.Read(dipeptide+".npz", system.Atoms(), 3)
	if err != nil {
		t.Fatal(err)
	}
	shape := ensemble.ShapeOf(system)
	z, err := zmatrix.FromShape(shape)
	if err != nil {
		t.Fatal(err)
	}
	return shape, z, set.Batch
}

// mirrored returns the mirror images.
func mirrored(x particle.Batch) particle.Batch {
	out := x.Clone()
	for k := 2; k < len(out.X); k += 3 {
		out.X[k] = -out.X[k]
	}
	return out
}

// The rule finds the z-matrix that a chemist writes down for alanine dipeptide: φ and ψ turn
// about the α-carbon in the middle, and the amides are stiff.
func TestRuleOnAlanineDipeptide(t *testing.T) {
	shape, z, _ := open(t)
	const want = `6
8 6
10 8 6
12 8 6 10
9 8 6 10
4 6 8 10 soft
7 6 8 4
16 10 8 6 soft
11 10 8 16
13 12 8 6 soft
14 12 8 13
15 12 8 13
0 4 6 8
5 4 6 0
18 16 10 8
17 16 10 18
1 0 4 6 soft
2 0 4 1
3 0 4 1
19 18 16 10 soft
20 18 16 19
21 18 16 19
`
	if got := z.String(); got != want {
		t.Errorf("the z-matrix is\n%s", got)
	}
	var folds []int
	for _, c := range z.Circles(shape) {
		folds = append(folds, c.Fold())
	}
	if !slices.Equal(folds, []int{1, 1, 3, 3, 3}) {
		t.Errorf("the soft coordinates have the folds %v", folds)
	}
	again, err := zmatrix.Parse("# by hand\n"+want, shape.Atoms)
	if err != nil || !slices.Equal(again, z) {
		t.Errorf("the file gives %v, %v", again, err)
	}
}

// Decode undoes Encode up to the place of the molecule, and both know the signs of dihedral angles:
// a mirror image differs in them alone.
func TestRoundTripKeepsHands(t *testing.T) {
	_, z, x := open(t)
	in, err := z.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	back, logDet, err := z.Decode(in.Q)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range x.Clone().RemoveMean().X {
		if math.Abs(back.X[k]-v) > 1e-12 {
			t.Fatalf("coordinate %d is %g, not %g", k, back.X[k], v)
		}
	}
	for i, v := range in.LogDet {
		if math.Abs(v-logDet[i]) > 1e-12 {
			t.Errorf("the log-determinants are %g and %g", v, logDet[i])
		}
	}
	mirror, err := z.Encode(mirrored(x))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range in.Q {
		m := k % z.Coordinates()
		if m >= z.Shapes() {
			continue // the orientation
		}
		want := v
		if m >= 2*z.Atoms()-3 {
			want = -v
		}
		if math.Abs(mirror.Q[k]-want) > 1e-12 {
			t.Errorf("coordinate %d of the mirror image is %g, not %g", m, mirror.Q[k], want)
		}
	}
}

// A right-handed turn is positive, and cis is 0.
func TestSignOfDihedralAngles(t *testing.T) {
	z := zmatrix.ZMatrix{{0, -1, -1, -1, false}, {1, 0, -1, -1, false}, {2, 1, 0, -1, false}, {3, 2, 1, 0, false}}
	// Seen along the axis from atom 1 to atom 2, z upwards, atom 3 is turned from x to y.
	x := particle.Batch{X: []float64{1, 0, 0, 0, 0, 0, 0, 0, -1, 0, 1, -1}, N: 4, D: 3}
	in, err := z.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	if got := in.Q[z.DihedralOf(3)]; math.Abs(got+math.Pi/2) > 1e-12 {
		t.Errorf("the dihedral angle is %g, not -π/2", got)
	}
}

// jacobian returns log|det| of a map of q, whose images lie on the mean-free subspace, by central
// differences.
func jacobian(n int, q []float64, apply func(q []float64) []float64) float64 {
	const step = 1e-6
	basis := particle.MeanFreeBasis(n, 3)
	size := 3*n - 3
	j := mat.NewDense(size, size, nil)
	for k := range size {
		plus, minus := slices.Clone(q), slices.Clone(q)
		plus[k] += step
		minus[k] -= step
		up, down := apply(plus), apply(minus)
		for row := range size {
			sum := 0.0
			for i := range up {
				sum += basis[i][row] * (up[i] - down[i]) / (2 * step)
			}
			j.Set(row, k, sum)
		}
	}
	out, _ := mat.LogDet(j)
	return out
}

// The log-determinant is that of the Jacobian on the mean-free subspace with its orthonormal
// measure, the orientation included.
func TestLogDeterminant(t *testing.T) {
	_, z, x := open(t)
	in, err := z.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, x.Len() - 1} {
		q := in.Q[i*z.Coordinates() : (i+1)*z.Coordinates()]
		want := jacobian(x.N, q, func(q []float64) []float64 {
			x, _, err := z.Decode(q)
			if err != nil {
				t.Fatal(err)
			}
			return x.X
		})
		if math.Abs(in.LogDet[i]-want) > 1e-6 {
			t.Errorf("log|det| is %.9f, differences give %.9f", in.LogDet[i], want)
		}
	}
}

// Three particles of the mean-free normal distribution have Z = (2π)³. The integral over bonds
// and angle, times the volume of the rotations, gives it.
func TestPartitionFunction(t *testing.T) {
	z := zmatrix.ZMatrix{{0, -1, -1, -1, false}, {1, 0, -1, -1, false}, {2, 1, 0, -1, false}}
	const bins, longest = 60, 9.0
	var q []float64
	middle := func(k int) float64 { return (float64(k) + 0.5) / bins }
	for a := range bins {
		for b := range bins {
			for c := range bins {
				q = append(q, longest*middle(a), longest*middle(b), math.Pi*middle(c), 0.3, -0.2, 1)
			}
		}
	}
	x, logDet, err := z.Decode(q)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, l := range logDet {
		square := 0.0
		for _, v := range x.At(i) {
			square += v * v
		}
		sum += math.Exp(l - square/2)
	}
	cell := longest / bins * longest / bins * math.Pi / bins
	got, want := math.Log(8*math.Pi*math.Pi*sum*cell), 3*math.Log(2*math.Pi)
	if math.Abs(got-want) > 1e-3 {
		t.Errorf("log Z is %g, want %g", got, want)
	}
}

// Pull is the transposed derivative of Decode, and PullLogDet the gradient of its log-determinant.
func TestPull(t *testing.T) {
	_, z, x := open(t)
	in, err := z.Encode(x.Slice(3, 4))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	s := particle.NewBatch(1, x.N, 3)
	for k := range s.X {
		s.X[k] = rng.NormFloat64()
	}
	product := func(q []float64) (dot, logDet float64) {
		y, l, err := z.Decode(q)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range y.X {
			dot += s.X[k] * v
		}
		return dot, l[0]
	}
	pulled, ofLogDet := z.Pull(in.Q, s), z.PullLogDet(in.Q)
	for k := range pulled {
		const step = 1e-6
		q := slices.Clone(in.Q)
		q[k] += step
		up, upper := product(q)
		q[k] -= 2 * step
		down, lower := product(q)
		if want := (up - down) / (2 * step); math.Abs(pulled[k]-want) > 1e-7 {
			t.Errorf("the gradient by coordinate %d is %g, differences give %g", k, pulled[k], want)
		}
		if want := (upper - lower) / (2 * step); math.Abs(ofLogDet[k]-want) > 1e-6 {
			t.Errorf("the log-determinant's gradient by coordinate %d is %g, not %g", k, ofLogDet[k], want)
		}
	}
}

// A ring of five with an ethyl group has every atom once, its own bonds but the one that closes the
// ring, and two soft angles: those of the bond to the ring and of the methyl.
func TestRuleOnARing(t *testing.T) {
	bonds := [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 0}, {0, 5}, {5, 6}, {6, 7}, {6, 8}, {6, 9}}
	s := zmatrix.Shape{
		Atoms: 10, Bonds: bonds, Turning: [][2]int{{0, 5}, {5, 6}}, Alike: [][]int{{7, 8, 9}},
		Heavy: []bool{true, true, true, true, true, true, true, false, false, false},
	}
	z, err := zmatrix.FromShape(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range z[1:] {
		if !slices.Contains(bonds, [2]int{r.Atom, r.Bond}) && !slices.Contains(bonds, [2]int{r.Bond, r.Atom}) {
			t.Errorf("atom %d is placed by its distance from %d, to which it is not bonded", r.Atom, r.Bond)
		}
	}
	circles := z.Circles(s)
	if len(circles) != 2 || circles[0].Fold() != 1 || circles[1].Fold() != 3 {
		t.Errorf("the soft coordinates are %v of\n%s", circles, z)
	}
}

// What has no internal coordinates is refused in one line.
func TestRefusals(t *testing.T) {
	_, z, x := open(t)
	flat := x.Slice(0, 1).Clone()
	clear(flat.X)
	_, coincident := z.Encode(flat)
	_, other := z.Encode(particle.NewBatch(1, 3, 3))
	_, two := zmatrix.FromShape(zmatrix.Shape{Atoms: 2, Bonds: [][2]int{{0, 1}}})
	_, parts := zmatrix.FromShape(zmatrix.Shape{Atoms: 4, Bonds: [][2]int{{0, 1}, {0, 2}}, Heavy: make([]bool, 4)})
	_, short := zmatrix.Parse("0\n1 0\n2 1\n", 3)
	_, word := zmatrix.Parse("0\n1 0\n2 1 zero\n", 3)
	_, few := zmatrix.Parse("0\n1 0\n2 1 0\n", 4)
	_, twice := zmatrix.Parse("0\n1 0\n1 0 1\n", 3)
	_, loose := zmatrix.Parse("0\n1 0\n2 0 1\n", 3)
	_, _, negative := z.Decode(slices.Repeat([]float64{-1}, z.Coordinates()))
	for want, err := range map[string]error{
		"three lie on a line": coincident, "not of 22 atoms": other, "2 atoms have no": two, "several parts": parts,
		"line 3 names 2 atoms; give 3": short, `"zero" is no number`: word, "3 rows for 4 atoms": few,
		"each of the atoms 0 to 2": twice, "bonded to the second": loose, "outside its range": negative,
	} {
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, zmatrix.ErrInput) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
