package particle

import (
	"math"
	"slices"
)

// Pairs returns the pairs i < j of n particles, ordered by i: (0,1), (0,2), …, (1,2), …
func Pairs(n int) [][2]int {
	pairs := make([][2]int, 0, n*(n-1)/2)
	for i := range n {
		for j := i + 1; j < n; j++ {
			pairs = append(pairs, [2]int{i, j})
		}
	}
	return pairs
}

// Distance returns |x_i − x_j| in one configuration x [n*d].
func Distance(x []float64, d, i, j int) float64 {
	sum := 0.0
	for k := range d {
		diff := x[i*d+k] - x[j*d+k]
		sum += diff * diff
	}
	return math.Sqrt(sum)
}

// Distances returns the distances of all pairs i < j of one configuration x [n*d], in the order of
// Pairs.
func Distances(x []float64, d int) []float64 {
	n := len(x) / d
	out := make([]float64, 0, n*(n-1)/2)
	for i := range n {
		for j := i + 1; j < n; j++ {
			out = append(out, Distance(x, d, i, j))
		}
	}
	return out
}

// SortedDistances returns the pair distances of x [n*d] in rising order. They are the same for
// every rotated, reflected, translated or relabelled copy of x.
func SortedDistances(x []float64, d int) []float64 {
	out := Distances(x, d)
	slices.Sort(out)
	return out
}

// Translate adds shift [d] to every particle of x [n*d], in place.
func Translate(x, shift []float64) {
	d := len(shift)
	for k := range x {
		x[k] += shift[k%d]
	}
}

// Relabel returns a copy of x [n*d] whose particle i is particle perm[i] of x.
func Relabel(x []float64, d int, perm []int) []float64 {
	out := make([]float64, len(x))
	for i, from := range perm {
		copy(out[i*d:(i+1)*d], x[from*d:(from+1)*d])
	}
	return out
}

// Rotated returns a copy of x that Rotate has rotated.
func Rotated(x, r []float64, d int) []float64 {
	out := slices.Clone(x)
	Rotate(out, r, d)
	return out
}

// Rotate applies the matrix r [d*d], row-major, to every particle of x [n*d], in place: x_i becomes
// r·x_i.
func Rotate(x, r []float64, d int) {
	var fixed [3]float64 // no allocation for d ≤ 3
	rotated := fixed[:]
	if d > len(fixed) {
		rotated = make([]float64, d)
	}
	for i := 0; i < len(x); i += d {
		for row := range d {
			rotated[row] = 0
			for col := range d {
				rotated[row] += r[row*d+col] * x[i+col]
			}
		}
		copy(x[i:i+d], rotated)
	}
}

// Rotation2 returns the matrix [4], row-major, of the counter-clockwise rotation of the plane by
// angle (radians).
func Rotation2(angle float64) []float64 {
	sin, cos := math.Sincos(angle)
	return []float64{cos, -sin, sin, cos}
}

// RadiusOfGyration returns the root mean square distance of the particles of x [n*d] from their
// centre of mass.
func RadiusOfGyration(x []float64, d int) float64 {
	c := centred(x, d)
	return math.Sqrt(dot(c, c) * float64(d) / float64(len(x)))
}

// Angle returns the angle at b between a and c, from 0 to π.
func Angle(a, b, c []float64) float64 {
	u, v := difference(a, b), difference(c, b)
	return math.Acos(clampCosine(dot(u, v) / math.Sqrt(dot(u, u)*dot(v, v))))
}

// Dihedral returns the angle between the planes (a, b, c) and (b, c, d). It is 0 if a and d lie on
// the same side of the bond b–c (cis) and ±π if they lie on opposite sides (trans). In three
// dimensions it is positive if d lies clockwise of a, seen along b → c (the IUPAC convention). In
// two dimensions it has no sign.
func Dihedral(a, b, c, d []float64) float64 {
	u, v, w := difference(b, a), difference(c, b), difference(d, c)
	angle := math.Acos(clampCosine(DihedralCosine(dot(u, u), dot(v, v), dot(w, w), dot(u, v), dot(v, w), dot(u, w))))
	if len(a) == 3 && u[0]*(v[1]*w[2]-v[2]*w[1])+u[1]*(v[2]*w[0]-v[0]*w[2])+u[2]*(v[0]*w[1]-v[1]*w[0]) < 0 {
		return -angle
	}
	return angle
}

// DihedralCosine returns the cosine of the dihedral angle of three consecutive bond vectors u, v, w
// from their scalar products, in any dimension.
func DihedralCosine(uu, vv, ww, uv, vw, uw float64) float64 {
	return (uv*vw - uw*vv) / math.Sqrt((uu*vv-uv*uv)*(vv*ww-vw*vw))
}

func difference(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for k := range out {
		out[k] = a[k] - b[k]
	}
	return out
}

// clampCosine removes the excess over ±1 that rounding leaves.
func clampCosine(cosine float64) float64 { return max(-1, min(1, cosine)) }

// sum adds up from the first element to the last.
func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

// dot returns the scalar product, added up from the first element to the last. gonum's Dot adds in
// another order: the last bits of random rotations, and so of augmented training data, would
// change.
func dot(a, b []float64) float64 {
	sum := 0.0
	for k := range a {
		sum += a[k] * b[k]
	}
	return sum
}
