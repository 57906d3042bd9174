package molecule

import "math"

// vec is a vector in space. A struct of numbers stays in registers, which an array would not.
type vec struct{ x, y, z float64 }

// at returns the place of atom i in a configuration [n*3].
func at(x []float64, i int) vec {
	p := x[3*i : 3*i+3 : 3*i+3]
	return vec{p[0], p[1], p[2]}
}

func (a vec) minus(b vec) vec      { return vec{a.x - b.x, a.y - b.y, a.z - b.z} }
func (a vec) plus(b vec) vec       { return vec{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec) scaled(s float64) vec { return vec{s * a.x, s * a.y, s * a.z} }
func (a vec) dot(b vec) float64    { return a.x*b.x + a.y*b.y + a.z*b.z }
func (a vec) norm() float64        { return math.Sqrt(a.dot(a)) }
func (a vec) cross(b vec) vec {
	return vec{a.y*b.z - a.z*b.y, a.z*b.x - a.x*b.z, a.x*b.y - a.y*b.x}
}

// addTo adds the vector, times s, to the place of atom i in f [n*3].
func (a vec) addTo(f []float64, i int, s float64) {
	p := f[3*i : 3*i+3 : 3*i+3]
	p[0] += s * a.x
	p[1] += s * a.y
	p[2] += s * a.z
}
