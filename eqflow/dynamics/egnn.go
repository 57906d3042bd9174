package dynamics

import (
	"cmp"
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// EGNN is the graph network of Satorras, Hoogeboom and Welling (arXiv:2102.09844) as a vector field
// (arXiv:2105.09016). It is equivariant under rotation, reflection, translation and relabelling.
// The features h_i start as an embedding of the flow time. With d the distances in the layer's
// input and d⁰ the distances in the field's input, every layer computes
//
//	m_ij = φ_e(h_i, h_j, d_ij − c, d⁰_ij − c)
//	x_i ← x_i + Σ_{j≠i} (x_i − x_j)/(d_ij + 1) φ_x(m_ij)
//	h_i ← h_i + φ_h(h_i, Σ_{j≠i} m_ij)
//
// and v is the displacement of the particles by all layers, less its mean. Each network has one
// hidden layer of SiLU units. Where particles are not all alike, the embedding depends on the
// particle's role, and φ_e on the pair's role.
//
// The divergence is exact: one forward-mode pass multiplies the Jacobian by the (n−1)·d mean-free
// directions. It costs (n−1)·d times the velocity. For systems where that is too much, use OneHop,
// or the estimate that Along gives.
type EGNN struct {
	Layers int     // default 3
	Hidden int     // width of every layer; default 64
	Middle float64 // c, subtracted from all distances, in the target's length unit; default 3
	// Harmonics adds cos(kπt), k = 1 … Harmonics, to the time feature t. Default 0.
	Harmonics int
	// Mean replaces both sums over the other particles, of messages and of displacements, by means.
	// With many particles, one step of training would change the sums too much.
	Mean bool
}

// WithDefaults fills the zero fields in.
func (e EGNN) WithDefaults() EGNN {
	e.Layers, e.Hidden, e.Middle = cmp.Or(e.Layers, 3), cmp.Or(e.Hidden, 64), cmp.Or(e.Middle, 3)
	return e
}

// Validate returns an error that names the first setting out of range.
func (e EGNN) Validate() error {
	e = e.WithDefaults()
	switch {
	case e.Layers < 1 || e.Hidden < 1 || e.Harmonics < 0:
		return fmt.Errorf("dynamics: the EGNN field has %d layers of width %d and %d harmonics of time; "+
			"give at least one layer of width 1, and 0 harmonics", e.Layers, e.Hidden, e.Harmonics)
	case !(e.Middle >= 0) || math.IsInf(e.Middle, 0):
		return fmt.Errorf("dynamics: the EGNN field subtracts %g from distances; give a typical distance of the target",
			e.Middle)
	}
	return nil
}

// MeanFactor returns the number that multiplies one of a layer's parameters where the layer uses
// it, for n particles. It is 1/(n−1) for the parameters that act on a mean over the other
// particles, and 1 for all others.
func (e EGNN) MeanFactor(parameter string, n int) float64 {
	if e.Mean && (parameter == "heard" || parameter == "strength") {
		return 1 / float64(n-1)
	}
	return 1
}

// Widest implements Wide. The largest array has the edges' features with all their derivatives.
func (e EGNN) Widest(n, d, probes int) int {
	if probes == 0 {
		probes = (n - 1) * d
	}
	return n * (n - 1) * e.WithDefaults().Hidden * (1 + probes)
}

// egnnField is a bound EGNN. Arrays of features are [..., batch, Hidden], so that layers are matrix
// products with long rows. Arrays of positions have the batch innermost.
type egnnField struct {
	parameters
	config EGNN
	system System
}

// initialStrength scales the initial weights of the displacements, so that training starts near the
// identity.
const initialStrength = 0.03

// Bind implements Config.
func (e EGNN) Bind(scope *model.Scope, g *Graph, system System) Field {
	e = e.WithDefaults()
	b, h := newBinder(scope, g, system, 0x65676e6e), e.Hidden
	b.weights("embed", 1+e.Harmonics, h, 1+e.Harmonics, 1)
	b.bias("embed_bias", h)
	if _, roles := system.particleRoles(); roles > 1 {
		b.weights("embed_roles", roles, h, 1, 1)
	}
	for k := range e.Layers {
		e.bindLayer(b, k)
	}
	return &egnnField{parameters: b.bound, config: e, system: system}
}

// bindLayer creates the parameters of a layer. The last layer does not update the features, since
// nothing uses them.
func (e EGNN) bindLayer(b *binder, k int) {
	h := e.Hidden
	name := func(part string) string { return fmt.Sprintf("layer_%d_%s", k, part) }
	edgeInputs := 2*h + 2
	b.weights(name("to"), h, h, edgeInputs, 1)
	b.weights(name("from"), h, h, edgeInputs, 1)
	b.weights(name("distance"), 1, h, edgeInputs, 1)
	b.weights(name("start"), 1, h, edgeInputs, 1)
	b.bias(name("edge_bias"), h)
	if _, roles := b.system.pairRoles(); roles > 1 {
		b.weights(name("edge_roles"), roles, h, 1, 1)
	}
	b.weights(name("message"), h, h, h, 1)
	b.bias(name("message_bias"), h)
	b.weights(name("pull"), h, h, h, 1)
	b.bias(name("pull_bias"), h)
	b.weights(name("strength"), h, 1, h, initialStrength)
	if k == e.Layers-1 {
		return
	}
	b.weights(name("own"), h, h, 2*h, 1)
	b.weights(name("heard"), h, h, 2*h, 1) // of the incoming messages
	b.bias(name("update_bias"), h)
	b.weights(name("update"), h, h, h, 1)
	b.bias(name("update_out_bias"), h)
}

// With implements Looped.
func (f *egnnField) With(nodes []*Node) Field {
	return &egnnField{parameters: f.with(nodes), config: f.config, system: f.system}
}

// At implements Field.
func (f *egnnField) At(t, x *Node) (v, div *Node) {
	n, d, batch := f.system.N, f.system.D, x.Shape().Dimensions[0]
	free := (n - 1) * d
	basis := ConstAsDType(x.Graph(), x.DType(), particle.MeanFreeBasis(n, d)) // [n·d, directions]
	directions := BroadcastToDims(Reshape(Transpose(basis, 0, 1), free, n, d, 1), free, n, d, batch)
	input := dual{TransposeAllDims(x, 1, 2, 0), directions}
	y, h, initial := f.innerLayers(t, input)
	moved, trace := f.lastLayer(y, h, initial, directions)
	before := y.sub(input)
	// The directions are mean-free, so the subtraction of the mean does not change the trace.
	div = Add(trace, sumRows(Reshape(Mul(directions, before.tangents), free*n*d, batch)))
	return f.velocity(Add(before.value, moved)), div
}

// Along implements Probed. Every probe needs a sum of its own. So the last layer computes the
// gradient of its networks once, for all probes, where lastLayer takes the sum over directions
// before the networks.
func (f *egnnField) Along(t, x, probes *Node) (v, products *Node) {
	input := dual{TransposeAllDims(x, 1, 2, 0), probes}
	y, h, initial := f.innerLayers(t, input)
	layer := f.layer(f.config.Layers - 1)
	l := f.lastEdges(layer, y, h, initial, probes)
	strength, slope := layer.strengthAndSlope(l.in.value)
	c := Div(strength, l.scale)
	perFeature := Mul(l.in.tangents, repeat(0, probes.Shape().Dimensions[0])(slope, 0))
	strengthChange := Squeeze(denseOn(perFeature, ones(slope, f.config.Hidden, 1)), -1)
	offsetChange := sumAxis(2)(Mul(l.directions, l.offset.tangents), 1)
	lengthChange := Sub(offsetChange, Mul(l.projections, l.distance.tangents))
	perEdge := Add(
		Mul(lengthChange, BroadcastToShape(ExpandAxes(c, 0), lengthChange.Shape())), Mul(l.projections, strengthChange))

	before := y.sub(input)
	perParticle := Add(sumAxis(0)(perEdge, 1), sumAxis(1)(Mul(probes, before.tangents), 1))
	return f.velocity(Add(before.value, l.displacement(c))), sumAxis(0)(perParticle, 1)
}

// lastEdges are the edges of the last layer, and the inputs of its networks.
type lastEdges struct {
	edges
	in          dual  // inputs of the messages
	directions  *Node // u_ki on every edge [directions, n−1, n, d, batch]
	scale       *Node // d_ij + 1 [n−1, n, batch]
	projections *Node // u_ki·(x_i − x_j)/(d_ij + 1) [directions, n−1, n, batch]
}

func (f *egnnField) lastEdges(layer egnnLayer, y, h, initial dual, directions *Node) lastEdges {
	l := lastEdges{edges: edgesOf(y), directions: repeat(0, f.system.N-1)(directions, 1)}
	current := l.distance.shift(-f.config.Middle)
	if initial.value == nil {
		initial = current
	}
	offset := BroadcastToShape(ExpandAxes(l.offset.value, 0), l.directions.Shape())
	l.scale = Add(l.distance.value, scalar(l.distance.value, 1))
	l.projections = sumAxis(2)(Mul(l.directions, offset), 1)
	l.projections = Div(l.projections, BroadcastToShape(ExpandAxes(l.scale, 0), l.projections.Shape()))
	l.in = layer.inputs(h, current, initial)
	return l
}

// displacement returns Σ_j (x_i − x_j) c_ij [n, d, batch].
func (l lastEdges) displacement(c *Node) *Node {
	return sumAxis(0)(Mul(l.offset.value, repeat(2, l.offset.value.Shape().Dimensions[2])(c, 0)), 0)
}

// lastLayer returns the displacement of the particles by the last layer [n, d, batch], and its
// trace over the directions [batch]. Nothing uses the layer's features. Therefore the sum over the
// directions can be taken before the networks, whose derivative is linear in the derivative of
// their inputs. With the displacement (x_i − x_j) c_ij and c_ij = strength_ij/(d_ij + 1),
//
//	Σ_k u_ki·∂_k (x_ij c_ij) = c_ij Σ_k u_ki·∂_k x_ij
//	                           + ∇strength·(Σ_k a_kij ∂_k inputs) − c_ij Σ_k a_kij ∂_k d_ij
//
// where a_kij = u_ki·(x_i − x_j)/(d_ij + 1). So one direction goes through the networks in place of
// (n−1)·d.
func (f *egnnField) lastLayer(y, h, initial dual, directions *Node) (moved, trace *Node) {
	layer := f.layer(f.config.Layers - 1)
	l := f.lastEdges(layer, y, h, initial, directions)
	perFeature := Mul(l.in.tangents, BroadcastToShape(ExpandAxes(l.projections, -1), l.in.tangents.Shape()))
	weighted := sumAxis(0)(perFeature, 0)
	strength := layer.strength(layer.message(dual{l.in.value, ExpandAxes(weighted, 0)}))
	c := Div(strength.value, l.scale)
	offsetChange := sumAxis(0)(sumAxis(2)(Mul(l.directions, l.offset.tangents), 1), 0)
	lengthChange := Sub(offsetChange, sumAxis(0)(Mul(l.projections, l.distance.tangents), 0))
	perEdge := Add(Mul(c, lengthChange), Squeeze(strength.tangents, 0))
	return l.displacement(c), sumRows(Reshape(perEdge, -1, perEdge.Shape().Dimensions[2]))
}

// velocity subtracts the mean of the displacements [n, d, batch] and returns [batch, n, d].
func (f *egnnField) velocity(moved *Node) *Node {
	sum := sumAxis(0)(moved, 0)
	v := Sub(moved, repeat(0, f.system.N)(Mul(sum, scalar(sum, 1/float64(f.system.N))), 0))
	return TransposeAllDims(v, 2, 0, 1)
}

// innerLayers applies all layers but the last to positions [n, d, batch]. It returns the positions,
// the features, and the distances in the field's input, which are nil if there is only one layer.
func (f *egnnField) innerLayers(t *Node, input dual) (y, h, initial dual) {
	y, h = input, f.embedding(t)
	for k := range f.config.Layers - 1 {
		layer, edges := f.layer(k), edgesOf(y)
		current := edges.distance.shift(-f.config.Middle)
		if k == 0 {
			initial = current
		}
		own, incoming, strength := f.messagePass(k, t, h, current, initial)
		y = y.add(edges.displacement(strength))
		h = h.add(layer.update(own, incoming))
	}
	return y, h, initial
}

// messagePass computes the messages of a layer. own is the contribution of each particle's features
// to its update [n, batch, Hidden], incoming is Σ_j m_ij [n, batch, Hidden], and strength is
// φ_x(m_ij) on each edge [n−1, n, batch].
func (f *egnnField) messagePass(k int, t *Node, h, current, initial dual) (own, incoming, strength dual) {
	layer := f.layer(k)
	if k > 0 {
		message := layer.message(layer.inputs(h, current, initial))
		return layer.own(h), message.linear(sumAxis(0)), layer.strength(message)
	}
	if !f.identicalParticles() {
		in := layer.inputs(h, byDistance(current), byDistance(current))
		message, strength := layer.firstMessage(in, current)
		return layer.own(h), message.linear(sumAxis(0)), strength
	}
	// In the first layer all particles have the same features, so both edges of a pair have the
	// same message.
	n, common, perPair := f.system.N, f.timeEmbedding(t), current.linear(pairsOf)
	message, strength := layer.firstMessage(layer.commonInputs(common, byDistance(perPair)), perPair)
	return layer.own(common).linear(repeat(0, n)), message.linear(overPairs(n)), strength.linear(onEdges(n))
}

// identicalParticles reports whether all particles have one role, and all pairs one.
func (f *egnnField) identicalParticles() bool {
	_, particles := f.system.particleRoles()
	_, pairs := f.system.pairRoles()
	return particles == 1 && pairs == 1
}

// timeEmbedding returns the features of the time [batch, Hidden].
func (f *egnnField) timeEmbedding(t *Node) dual {
	times := []*Node{t}
	for k := range f.config.Harmonics {
		times = append(times, Cos(Mul(t, scalar(t, float64(k+1)*math.Pi))))
	}
	return constant(Stack(times, -1)).dense(f.nodes["embed"], f.nodes["embed_bias"])
}

// embedding returns the initial features [n, batch, Hidden], which depend on the time and the
// particle's role only.
func (f *egnnField) embedding(t *Node) dual {
	h := f.timeEmbedding(t).linear(repeat(0, f.system.N))
	if roles := f.nodes["embed_roles"]; roles != nil {
		h = h.add(constant(repeat(1, t.Shape().Dimensions[0])(f.system.ofParticles(roles), 0)))
	}
	return h
}
