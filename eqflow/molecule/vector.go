package molecule

import "math"

// vec is a vector in space.
type vec [3]float64

// at returns the place of atom i in a configuration [n*3].
func at(x []float64, i int) vec {
	p := x[3*i : 3*i+3 : 3*i+3]
	return vec{p[0], p[1], p[2]}
}

func (a vec) minus(b vec) vec      { return vec{a[0] - b[0], a[1] - b[1], a[2] - b[2]} }
func (a vec) plus(b vec) vec       { return vec{a[0] + b[0], a[1] + b[1], a[2] + b[2]} }
func (a vec) scaled(s float64) vec { return vec{s * a[0], s * a[1], s * a[2]} }
func (a vec) dot(b vec) float64    { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }
func (a vec) norm() float64        { return math.Sqrt(a.dot(a)) }
func (a vec) cross(b vec) vec {
	return vec{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

// addTo adds the vector, times s, to the place of atom i in f [n*3].
func (a vec) addTo(f []float64, i int, s float64) {
	p := f[3*i : 3*i+3 : 3*i+3]
	p[0] += s * a[0]
	p[1] += s * a[1]
	p[2] += s * a[2]
}
