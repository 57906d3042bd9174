package dynamics

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// OneHop is a field of one round of messages, whose exact divergence costs a few times its value, whatever the number of
// particles. It keeps every symmetry: rotation, reflection, translation, relabelling.
//
// With r_ij = x_i − x_j, d_ij its length, û_ij = r_ij/d_ij and R(d) Gaussian radial basis functions,
//
//	s_i = Σ_k m(d_ik, t)         h_i = SiLU(s_i + …t)           messages, summed
//	V_i^c = Σ_k û_ik w_c(d_ik, t)                               vector channels: they bring angles in
//	φ_ij = φ(d_ij, h_i, h_j, û_ij·V_i, û_ij·V_j, t)
//	v_i = Σ_{j≠i} r_ij φ_ij, less its mean
//
// m and w share a network of one hidden layer, φ has two; all see the time as 2t−1, cos²πt and t⁴.
//
// # The trace
//
// The mean's divergence vanishes, since nothing depends on where the whole system is. For the rest, in D dimensions,
//
//	div v = Σ_{i≠j} ∂/∂x_i · (r_ij φ_ij) = Σ_{i≠j} [ D φ_ij + r_ij·∂φ_ij/∂x_i ]
//
// so all that is needed of φ_ij is its derivative as x_i moves along r_ij. Call that δ. One hop of messages makes it a sum
// over the neighbours of i, which factors through small matrices of i, plus one edge's term for j:
//
//	δd_ij = r_ij·û_ij
//	δs_i = [Σ_k m'(d_ik) û_ikᵀ] r_ij                                         one [Hidden, D] matrix a particle
//	δs_j = m'(d_ij) δd_ij                                                    j sees x_i through one edge alone
//	δV_i^c = [Σ_k (w_c' − w_c/d_ik) û_ik û_ikᵀ + (Σ_k w_c/d_ik) 1] r_ij      one [D, D] matrix a particle and channel
//	δV_j^c = −[w_c'(d_ij) δd_ij û_ij + w_c(d_ij) δû_ij]
//
// and one forward-mode pass through φ, with one direction an edge, gives δφ_ij. With d = √(r² + ε), as it is here, δû_ij is
// û_ij ε/d² rather than zero; the formulas keep it. Hollow and non-backtracking networks are relatives (arXiv:2510.21542).
type OneHop struct {
	Centres     int     // radial basis functions, evenly from 0 to MaxDistance, as wide as they lie apart; default 16
	MaxDistance float64 // length unit of the target; default 8
	Hidden      int     // width of the messages and of every layer; default 64
	Channels    int     // vector channels; default 16, negative for none
}

// WithDefaults fills the zero fields in.
func (o OneHop) WithDefaults() OneHop {
	return OneHop{
		Centres: orInt(o.Centres, 16), MaxDistance: orFloat(o.MaxDistance, 8), Hidden: orInt(o.Hidden, 64),
		Channels: max(-1, orInt(o.Channels, 16)),
	}
}

// Validate returns an error that names the first setting out of range.
func (o OneHop) Validate() error {
	o = o.WithDefaults()
	switch {
	case o.Centres < 2 || o.Hidden < 1:
		return fmt.Errorf("dynamics: one-hop field has %d centres and layers of %d; give at least 2 and 1", o.Centres, o.Hidden)
	case !(o.MaxDistance > 0) || math.IsInf(o.MaxDistance, 0):
		return fmt.Errorf("dynamics: one-hop field's centres reach to %g; give the largest distance that matters", o.MaxDistance)
	}
	return nil
}

// Widest implements Wide: the edges' features, with their one derivative.
func (o OneHop) Widest(n, _ int) int { return 2 * n * (n - 1) * o.WithDefaults().Hidden }

// channels is the number of vector channels.
func (o OneHop) channels() int { return max(0, o.Channels) }

// oneHopField is a bound OneHop. As in the EGNN, features have the batch last but one, positions have it innermost, and
// edges are [n−1, n]: particle i with those that follow it.
type oneHopField struct {
	parameters
	config OneHop
	system System
}

// timeFeatures is the number of what the networks see of the time.
const timeFeatures = 3

// Bind implements Config.
func (o OneHop) Bind(scope *model.Scope, g *Graph, system System) Field {
	o = o.WithDefaults()
	m, h, c := newMaker(scope, g, system, 0x6f6e65686f70), o.Hidden, o.channels()
	edge := o.Centres + timeFeatures
	m.weights("message_distance", o.Centres, h, edge, 2)
	m.weights("message_time", timeFeatures, h, edge, 1)
	m.bias("message_bias", h)
	m.weights("message", h, h, h*(system.N-1), 1)
	m.weights("heard_time", timeFeatures, h, timeFeatures, 1)
	m.bias("heard_bias", h)
	pair := 2*h + edge
	m.weights("distance", o.Centres, h, edge, 2)
	m.weights("to", h, h, pair, 1)
	m.weights("from", h, h, pair, 1)
	m.weights("time", timeFeatures, h, pair, 1)
	m.bias("edge_bias", h)
	m.weights("hidden", h, h, h, 1)
	m.bias("hidden_bias", h)
	m.weights("strength", h, 1, h, firstPull)
	m.bias("strength_bias", 1)
	if c > 0 {
		m.weights("channels", h, c, h, 1)
		m.weights("angles_to", c, h, pair, 1)
		m.weights("angles_from", c, h, pair, 1)
	}
	return &oneHopField{parameters: m.made, config: o, system: system}
}

// With implements Looped.
func (f *oneHopField) With(nodes []*Node) Field {
	return &oneHopField{parameters: f.with(nodes), config: f.config, system: f.system}
}

// At implements Field.
func (f *oneHopField) At(t, x *Node) (v, div *Node) {
	n, batch := f.system.N, x.Shape().Dimensions[0]
	e := f.edgesAt(TransposeAllDims(x, 1, 2, 0), f.times(t))
	phi := f.strength(e)
	pulled := sumAxis(0)(Mul(e.offset, repeat(2, f.system.D)(phi.value, 0)), 0)
	sum := sumAxis(0)(pulled, 0)
	v = Sub(pulled, repeat(0, n)(Mul(sum, scalar(sum, 1/float64(n))), 0))
	perEdge := Add(Mul(phi.value, scalar(phi.value, float64(f.system.D))), Squeeze(phi.along, 0))
	return TransposeAllDims(v, 2, 0, 1), sumRows(Reshape(perEdge, (n-1)*n, batch))
}

// times returns the features of the times t [batch]: [batch, timeFeatures].
func (f *oneHopField) times(t *Node) *Node {
	c, t2 := Cos(Mul(t, scalar(t, math.Pi))), Mul(t, t)
	return Stack([]*Node{Sub(Add(t, t), scalar(t, 1)), Mul(c, c), Mul(t2, t2)}, -1)
}
