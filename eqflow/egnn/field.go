// Package egnn computes the EGNN field in C, in float32 and on all cores: the formulas of
// dynamics.EGNN with their derivatives by hand. Nothing is compiled at run time.
//
// [New] returns a [Field], and reports whether C can compute it: that takes amd64 with AVX2, and
// cgo. Elsewhere the graphs of package dynamics do. Particles may be all alike, or have roles, as
// the atoms of a molecule do. A Field has
//
//   - Rate, the velocity with products u·(∂v/∂x)u, which give the divergence, exact or estimated;
//   - Apply, the flow in fixed steps;
//   - Match, the loss of flow matching with its gradient by the parameters;
//   - Pull and Divergence, the right-hand side of the equation that the score obeys along a
//     trajectory: the product (∂v/∂x)ᵀs, and the divergence with its gradient;
//   - PullParameters, the gradient of Σ cotangents·v by the parameters.
//
// In C a few configurations at a time go all the way forward and back while their arrays stay in
// the cache, and every layer of a network is a matrix product with its activation. Results do not
// depend on the number of cores.
//
// Files: field.go has the parameters; gradient.go, rate.go and flow.go the methods above;
// network_cgo.go calls the C of network.h. The C is in *_body.h, for two widths of vectors:
// dense_body.h has the matrix products, layers_body.h the memory, forward_body.h and
// backward_body.h the value and its gradient, directions_body.h the products with directions, and
// divergence_body.h the gradient of the divergence.
package egnn

import (
	"fmt"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/spare"
)

// Field is an EGNN field of N particles in D dimensions, with numbers for parameters.
type Field struct {
	dynamics.EGNN
	N, D       int
	Parameters []float32 // one variable after another, in the order of layoutOf
	layout     []variable
	roles      roles
}

// roles numbers the roles of particles and edges. The counts are 0 where there is one role.
type roles struct {
	particles, pairs int
	of               []int32 // the particles [n], and then the edges [n, n−1]; nil where all are alike
}

// New returns a field whose parameters are zero, of particles with the given symmetry. ok reports
// whether C can compute the field on this machine.
func New(config dynamics.EGNN, n, d int, symmetry particle.Relabelling) (f Field, ok bool) {
	f = Field{EGNN: config.WithDefaults(), N: n, D: d}
	if !available || n < 2 || f.Hidden%hiddenUnit != 0 || config.Validate() != nil {
		return f, false
	}
	f.roles = rolesOf(symmetry, n)
	f.layout = layoutOf(f.EGNN, n, f.roles)
	last := f.layout[len(f.layout)-1]
	f.Parameters = make([]float32, last.at+last.size())
	return f, true
}

// rolesOf returns the roles as the C takes them.
func rolesOf(symmetry particle.Relabelling, n int) (r roles) {
	particles, pairs := symmetry.Roles(n)
	if r.particles = slices.Max(particles) + 1; r.particles == 1 {
		r.particles = 0
	}
	if r.pairs = slices.Max(pairs) + 1; r.pairs == 1 {
		r.pairs = 0
	}
	if r.particles == 0 && r.pairs == 0 {
		return r
	}
	ofPair := map[[2]int]int{}
	for p, pair := range particle.Pairs(n) {
		ofPair[pair] = pairs[p]
	}
	for _, role := range particles {
		r.of = append(r.of, int32(role))
	}
	for i := range n {
		for j := range n {
			if i != j {
				r.of = append(r.of, int32(ofPair[[2]int{min(i, j), max(i, j)}]))
			}
		}
	}
	return r
}

// hiddenUnit divides the width of a layer: two vectors of sixteen numbers.
const hiddenUnit = 32

// variable is one of the variables that dynamics.EGNN creates, and its place among the parameters.
type variable struct {
	name           string
	rows, cols, at int
	share          float32 // factor of the variable, dynamics.EGNN.Share
}

func (v variable) size() int { return v.rows * v.cols }

// layoutOf returns the variables in the order in which they lie. layers_body.h has the same order.
func layoutOf(f dynamics.EGNN, n int, r roles) []variable {
	h, at := f.Hidden, 0
	var variables []variable
	add := func(rows int, name string, share float64) {
		if rows == 0 { // of roles, where all are alike
			return
		}
		variables = append(variables, variable{name, rows, h, at, float32(share)})
		at += rows * h
	}
	add(1+f.Harmonics, "embed", 1)
	add(1, "embed_bias", 1)
	add(r.particles, "embed_roles", 1)
	for k := range f.Layers {
		layer := func(rows int, names ...string) {
			for _, name := range names {
				add(rows, fmt.Sprintf("layer_%d_%s", k, name), f.MeanFactor(name, n))
			}
		}
		layer(h, "to", "from")
		layer(1, "distance", "start", "edge_bias")
		layer(r.pairs, "edge_roles")
		layer(h, "message")
		layer(1, "message_bias")
		layer(h, "pull")
		layer(1, "pull_bias", "strength")
		if k < f.Layers-1 {
			layer(h, "own", "heard")
			layer(1, "update_bias")
			layer(h, "update")
			layer(1, "update_out_bias")
		}
	}
	return variables
}

// Set sets the variable that dynamics.EGNN creates under a name. It ignores other names.
func (f Field) Set(name string, values []float32) {
	for _, v := range f.layout {
		if v.name == name {
			for i, value := range values {
				f.Parameters[v.at+i] = value * v.share
			}
		}
	}
}

// GradientOf returns the gradient by the variable that dynamics.EGNN creates under a name, from a
// gradient by all parameters, and nil for any other name.
func (f Field) GradientOf(name string, gradient []float32) (of []float32) {
	for _, v := range f.layout {
		if v.name == name {
			for _, g := range gradient[v.at : v.at+v.size()] {
				of = append(of, g*v.share)
			}
		}
	}
	return of
}

// transposed returns the parameters with every square matrix transposed in place.
func (f Field) transposed() []float32 {
	out := spareNumbers.Get(len(f.Parameters))
	for _, v := range f.layout {
		if v.rows != v.cols {
			continue
		}
		for i := range v.rows {
			for j := range v.cols {
				out[v.at+j*v.cols+i] = f.Parameters[v.at+i*v.cols+j]
			}
		}
	}
	return out
}

// timeFeatures returns the features of flow times, t and its harmonics [B, 1 + Harmonics].
func (f Field) timeFeatures(t []float64) []float32 {
	var out []float32
	for _, t := range t {
		out = append(out, float32(t))
		for k := range f.Harmonics {
			out = append(out, float32(math.Cos(float64(k+1)*math.Pi*t)))
		}
	}
	return out
}

// inputs holds the arguments that all calls of C share: transposed parameters, configurations [B,
// n, d] and features of the flow times [B, features].
type inputs struct{ transposed, x, t []float32 }

func float32s(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

// spareNumbers holds arrays of calls that are over, for the next ones.
var spareNumbers spare.Arrays[float32]
