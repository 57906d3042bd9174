package molecule

import "math"

// mapTerm is a compiled Maps: each cell of a grid has the 16 coefficients of its bicubic patch.
type mapTerm struct {
	patches  [][][16]float64 // [grid][cell]
	sizes    []int
	torsions []MapTorsion
}

func (m *Maps) compile(int) term {
	t := &mapTerm{torsions: m.Torsions}
	for _, g := range m.Grids {
		t.sizes = append(t.sizes, g.Size)
		t.patches = append(t.patches, g.patches())
	}
	return t
}

// patches returns the coefficients c[4a+b] of uᵃ vᵇ for each cell [Size, Size], where u and v
// run from 0 to 1 along the first and second angle. The derivatives at the corners are those of
// periodic cubic splines along the lines of the grid.
func (g Grid) patches() [][16]float64 {
	n := g.Size
	along := func(values []float64, stride, line int) []float64 { // the derivative, per cell
		y := make([]float64, n)
		for k := range y {
			y[k] = values[stride*k+line]
		}
		return periodicSlopes(y)
	}
	d1, d2, d12 := make([]float64, n*n), make([]float64, n*n), make([]float64, n*n)
	for j := range n {
		for i, v := range along(g.Energy, 1, n*j) {
			d1[i+n*j] = v
		}
	}
	for i := range n {
		for j, v := range along(g.Energy, n, i) {
			d2[i+n*j] = v
		}
		for j, v := range along(d1, n, i) {
			d12[i+n*j] = v
		}
	}
	out := make([][16]float64, n*n)
	for j := range n {
		for i := range n {
			out[i+n*j] = patch(n, i, j, g.Energy, d1, d2, d12)
		}
	}
	return out
}

// hermite has, for the powers 0 to 3, the coefficients of the values at 0 and 1 and of the slopes
// at 0 and 1.
var hermite = [4][4]float64{{1, 0, 0, 0}, {0, 0, 1, 0}, {-3, 3, -2, -1}, {2, -2, 1, 1}}

// patch returns the coefficients of one cell.
func patch(n, i, j int, value, d1, d2, d12 []float64) (c [16]float64) {
	var corner [4][4]float64 // of the first angle's values and slopes, by the second angle's
	for p := range 2 {
		for q := range 2 {
			k := (i+p)%n + n*((j+q)%n)
			corner[p][q], corner[2+p][q] = value[k], d1[k]
			corner[p][2+q], corner[2+p][2+q] = d2[k], d12[k]
		}
	}
	for a := range 4 {
		for b := range 4 {
			for p := range 4 {
				for q := range 4 {
					c[4*a+b] += hermite[a][p] * hermite[b][q] * corner[p][q]
				}
			}
		}
	}
	return c
}

// periodicSlopes returns the derivatives, per step of the grid, of the periodic cubic spline
// through y: s[k−1] + 4 s[k] + s[k+1] = 3 (y[k+1] − y[k−1]). The matrix is diagonally
// dominant, so that sweeps converge by a factor of two or more each.
func periodicSlopes(y []float64) []float64 {
	const sweeps = 64
	n := len(y)
	s := make([]float64, n)
	for range sweeps {
		for k := range s {
			before, after := (k+n-1)%n, (k+1)%n
			s[k] = (3*(y[after]-y[before]) - s[before] - s[after]) / 4
		}
	}
	return s
}

func (t *mapTerm) add(x, f []float64, _ *workspace) float64 {
	sum := 0.0
	for k := range t.torsions {
		q := &t.torsions[k]
		n := t.sizes[q.Grid]
		a, b := newDihedral(x, &q.A), newDihedral(x, &q.B)
		i, u := cell(a, n)
		j, v := cell(b, n)
		c := &t.patches[q.Grid][i+n*j]
		value, du, dv := 0.0, 0.0, 0.0
		for p := 3; p >= 0; p-- {
			row := c[4*p : 4*p+4]
			du = du*u + value
			value = value*u + row[0] + v*(row[1]+v*(row[2]+v*row[3]))
			dv = dv*u + row[1] + v*(2*row[2]+v*3*row[3])
		}
		sum += value
		perAngle := float64(n) / (2 * math.Pi)
		a.addForces(f, &q.A, du*perAngle)
		b.addForces(f, &q.B, dv*perAngle)
	}
	return sum
}

// cell returns the number of the grid's cell in which a dihedral angle lies, and the place in it,
// from 0 to 1.
func cell(d dihedral, n int) (int, float64) {
	phi := math.Atan2(d.sin, d.cos)
	if phi < 0 {
		phi += 2 * math.Pi
	}
	place := phi / (2 * math.Pi) * float64(n)
	whole := math.Floor(place)
	if math.IsNaN(whole) {
		return 0, whole
	}
	return int(whole) % n, place - whole
}
