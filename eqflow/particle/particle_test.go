package particle

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"
)

func draw(rng *rand.Rand, size int) []float64 {
	x := make([]float64, size)
	for k := range x {
		x[k] = rng.NormFloat64()
	}
	return x
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.8g, want %.8g ± %.2g", what, got, want, tolerance)
	}
}

func TestBatch(t *testing.T) {
	b := NewBatch(3, 4, 2)
	for k := range b.X {
		b.X[k] = float64(k)
	}
	if b.Len() != 3 || b.At(1)[0] != 8 || b.Slice(1, 3).At(1)[7] != 23 || b.Select([]int{2, 0}).At(1)[1] != 1 {
		t.Errorf("views of %+v", b)
	}
	clone := b.Clone().RemoveMean()
	if b.X[0] != 0 || clone.X[0] != -3 {
		t.Errorf("clone starts with %g, original with %g", clone.X[0], b.X[0])
	}
	if err := b.Validate(); err != nil {
		t.Error(err)
	}
	b.X[9] = math.NaN()
	if b.Validate() == nil || (Batch{X: make([]float64, 7), N: 4, D: 2}).Validate() == nil {
		t.Error("a batch with NaN, or of 7 numbers, is valid")
	}
}

func TestMovesPreserveDistances(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for d := 2; d <= 4; d++ {
		x := draw(rng, 5*d)
		want := SortedDistances(x, d)
		moved := Relabel(x, d, rng.Perm(5))
		Rotate(moved, RandomRotation(rng, d, true), d)
		Translate(moved, draw(rng, d))
		for k, got := range SortedDistances(moved, d) {
			near(t, "sorted distance", got, want[k], 1e-12)
		}
	}
	quarter := []float64{1, 0}
	Rotate(quarter, Rotation2(math.Pi/2), 2)
	near(t, "x rotated by 90 degrees", quarter[1], 1, 1e-15)
	half := Rotated(quarter, Rotation2(math.Pi/2), 2)
	near(t, "a copy rotated by 180 degrees", half[0], -1, 1e-15)
	near(t, "the original", quarter[1], 1, 1e-15)
}

func determinant(r []float64, d int) float64 { return mat.Det(mat.NewDense(d, d, r)) }

func TestRandomRotation(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for d := 2; d <= 4; d++ {
		mirrored, mean := 0, 0.0
		const draws = 2000
		for range draws {
			if det := determinant(RandomRotation(rng, d, false), d); math.Abs(det-1) > 1e-12 {
				t.Fatalf("a rotation of determinant %g", det)
			}
			r := RandomRotation(rng, d, true)
			if determinant(r, d) < 0 {
				mirrored++
			}
			mean += r[0] / draws
		}
		// Binomial: √(2000/4) = 22; the first entry has variance 1/d.
		near(t, "mirrored", float64(mirrored), draws/2, 100)
		near(t, "mean of an entry", mean, 0, 4/math.Sqrt(draws*float64(d)))
	}
}

func TestAlignFindsTheCopy(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for _, size := range [][2]int{{4, 2}, {5, 3}, {9, 3}} {
		n, d := size[0], size[1]
		x := draw(rng, n*d)
		y := Relabel(x, d, rng.Perm(n))
		Rotate(y, RandomRotation(rng, d, true), d)
		Translate(y, draw(rng, d))
		found := AlignRelabelled(x, y, d, Relabelling{}, true)
		near(t, "distance of a copy", found.SquaredDistance, 0, 1e-9)
		back := Relabel(y, d, found.Perm)
		RemoveMean(back, d)
		Rotate(back, found.Rotation, d)
		for k, want := range centred(x, d) {
			near(t, "aligned coordinate", back[k], want, 1e-6)
		}
	}
}

// The points are chiral: their mirror image is a copy only if reflections are allowed.
func TestAlignWithoutReflections(t *testing.T) {
	x := []float64{0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}
	y := slices.Clone(x)
	for k := 2; k < len(y); k += 3 {
		y[k] = -y[k]
	}
	near(t, "with reflections", Align(x, y, 3, true).SquaredDistance, 0, 1e-9)
	proper := Align(x, y, 3, false)
	near(t, "determinant", determinant(proper.Rotation, 3), 1, 1e-9)
	if proper.SquaredDistance < 0.1 {
		t.Errorf("the mirror image is at the distance %g without reflections", proper.SquaredDistance)
	}
}

// assignments returns cost matrices: random ones with negative entries, with ties, with forbidden
// entries, and constant.
func assignments(rng *rand.Rand, n int) map[string][]float64 {
	out := map[string][]float64{
		"random": draw(rng, n*n), "ties": draw(rng, n*n), "forbidden": draw(rng, n*n), "constant": make([]float64, n*n),
	}
	for k, c := range out["ties"] {
		out["ties"][k] = math.Round(c)
		if k%n/2 != k/n/2 { // all but blocks of two
			out["forbidden"][k] = math.Inf(1)
		}
	}
	return out
}

func TestAssignIsTheBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	for range 40 {
		for what, cost := range assignments(rng, 6) {
			total := func(perm []int) (sum float64) {
				for i, j := range perm {
					sum += cost[i*6+j]
				}
				return sum
			}
			best := math.Inf(1)
			permutations(6, func(perm []int) { best = min(best, total(perm)) })
			near(t, "least cost, "+what, total(Assign(cost, 6)), best, 1e-12)
		}
	}
}

// Prices prove that an assignment of any size is optimal: at these prices no row has a better
// column than its own.
func TestPricesProveTheAssignment(t *testing.T) {
	for what, cost := range assignments(rand.New(rand.NewPCG(5, 1)), 400) {
		a := newAssigner(400)
		columns := slices.Clone(a.assign(cost))
		for i, own := range columns {
			for j := range 400 {
				if better := cost[i*400+own] - a.price[own] - (cost[i*400+j] - a.price[j]); better > 1e-9 {
					t.Fatalf("%s: row %d would gain %g from column %d", what, i, better, j)
				}
			}
		}
		slices.Sort(columns)
		for j, column := range columns {
			if j != column {
				t.Fatalf("%s: column %d is missing", what, j)
			}
		}
	}
}

func TestGraphGeometry(t *testing.T) {
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Finalize()
	const batch, n, d = 2, 4, 3
	x := draw(rand.New(rand.NewPCG(5, 1)), batch*n*d)
	out, err := graph.CallOnceN(backend, func(x *graph.Node) []*graph.Node {
		return []*graph.Node{PairDifferences(x), PairDistances(x, 0), Displacements(x), MeanFree(x)}
	}, tensors.FromFlatDataAndDimensions(x, batch, n, d))
	if err != nil {
		t.Fatal(err)
	}
	flat := make([][]float64, len(out))
	for i := range out {
		flat[i] = tensors.MustCopyFlatData[float64](out[i])
	}
	for b := range batch {
		one := x[b*n*d : (b+1)*n*d]
		for p, pair := range Pairs(n) {
			i, j := pair[0], pair[1]
			near(t, "distance", flat[1][b*6+p], Distance(one, d, i, j), 1e-12)
			for k := range d {
				want := one[i*d+k] - one[j*d+k]
				near(t, "pair difference", flat[0][(b*6+p)*d+k], want, 1e-12)
				near(t, "displacement", flat[2][((b*n+i)*n+j)*d+k], want, 1e-12)
			}
		}
		close := func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }
		if !slices.EqualFunc(flat[3][b*n*d:(b+1)*n*d], centred(one, d), close) {
			t.Error("MeanFree disagrees with RemoveMean")
		}
	}
}

// The dihedral angle of a butane-like chain is the angle of rotation about its middle bond, in any
// orientation.
func TestDihedral(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	for _, angle := range []float64{-3, -1.2, 0.3, 2} {
		sin, cos := math.Sincos(angle)
		// Seen along the z-axis from below, b → c points away from the eye. Then d lies clockwise
		// of a for positive angles.
		x := []float64{1, 0, -0.3, 0, 0, 0, 0, 0, 1, cos, sin, 1.4}
		Rotate(x, RandomRotation(rng, 3, false), 3)
		near(t, "dihedral", Dihedral(x[:3], x[3:6], x[6:9], x[9:]), angle, 1e-9)
		mirrored := slices.Clone(x)
		for k := 0; k < 12; k += 3 {
			mirrored[k] = -mirrored[k]
		}
		near(t, "mirrored", Dihedral(mirrored[:3], mirrored[3:6], mirrored[6:9], mirrored[9:]), -angle, 1e-9)
	}
	near(t, "angle", Angle([]float64{2, 0}, []float64{0, 0}, []float64{1, 1}), math.Pi/4, 1e-12)
	near(t, "radius of gyration", RadiusOfGyration([]float64{1, 1, 3, 1}, 2), 1, 1e-12)
}
