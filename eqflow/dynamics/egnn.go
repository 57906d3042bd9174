package dynamics

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// EGNN is the graph network of Satorras, Hoogeboom and Welling (arXiv:2102.09844) as a vector field (arXiv:2105.09016),
// equivariant under rotation, reflection, translation and relabelling. From h_i = embedding of the flow time, and with d and
// d⁰ the distances in the layer's and in the field's own input, every layer takes
//
//	m_ij = φ_e(h_i, h_j, d_ij − c, d⁰_ij − c)
//	x_i ← x_i + Σ_{j≠i} (x_i − x_j)/(d_ij + 1) φ_x(m_ij)
//	h_i ← h_i + φ_h(h_i, Σ_{j≠i} m_ij)
//
// and v is what the layers have moved the particles by, less its mean. The networks have one hidden layer of SiLU units. Where
// particles are not all alike, the embedding knows each one's role, and φ_e the role of the pair.
//
// The divergence is exact: the products of the Jacobian with the (n−1)·d mean-free directions, in one forward-mode pass. It
// costs as many times the velocity alone; dynamics.OneHop is for systems where that is too much, and Along for an estimate.
type EGNN struct {
	Layers int     // default 3
	Hidden int     // width of every layer; default 64
	Middle float64 // c, the distance that edges are measured from, in the target's length unit; default 3
	// Harmonics adds cos(kπt), k = 1 … Harmonics, to the time feature t. Default 0.
	Harmonics int
	// Mean takes the mean of what comes from the other particles, of messages and of what moves a particle, in the place of the sum: among
	// many a step of training moves the sum too far.
	Mean bool
}

// WithDefaults fills the zero fields in.
func (e EGNN) WithDefaults() EGNN {
	return EGNN{Layers: orInt(e.Layers, 3), Hidden: orInt(e.Hidden, 64), Middle: orFloat(e.Middle, 3), Harmonics: e.Harmonics, Mean: e.Mean}
}

// Validate returns an error that names the first setting out of range.
func (e EGNN) Validate() error {
	e = e.WithDefaults()
	switch {
	case e.Layers < 1 || e.Hidden < 1 || e.Harmonics < 0:
		return fmt.Errorf("dynamics: EGNN field has %d layers of %d and %d harmonics of time; give at least one of one, and 0", e.Layers, e.Hidden, e.Harmonics)
	case !(e.Middle >= 0) || math.IsInf(e.Middle, 0):
		return fmt.Errorf("dynamics: EGNN field measures distances from %g; give a typical distance of the target", e.Middle)
	}
	return nil
}

// Share is what a part of a layer's parameters is multiplied by where it acts on a sum over the other particles of n that is to be a mean, 1
// elsewhere.
func (e EGNN) Share(part string, n int) float64 {
	if e.Mean && (part == "heard" || part == "strength") {
		return 1 / float64(n-1)
	}
	return 1
}

// Widest implements Wide: the edges' features, with all their derivatives.
func (e EGNN) Widest(n, d, probes int) int {
	if probes == 0 {
		probes = (n - 1) * d
	}
	return n * (n - 1) * e.WithDefaults().Hidden * (1 + probes)
}

// egnnField is a bound EGNN. Arrays of features are [..., batch, Hidden], so that layers are matrix products of long rows;
// arrays of positions have the batch innermost.
type egnnField struct {
	parameters
	config EGNN
	system System
}

// firstPull scales the first values of what moves the particles, so that training starts near the identity.
const firstPull = 0.03

// Bind implements Config.
func (e EGNN) Bind(scope *model.Scope, g *Graph, system System) Field {
	e = e.WithDefaults()
	m, h := newMaker(scope, g, system, 0x65676e6e), e.Hidden
	m.weights("embed", 1+e.Harmonics, h, 1+e.Harmonics, 1)
	m.bias("embed_bias", h)
	if _, roles := system.particleRoles(); roles > 1 {
		m.weights("embed_roles", roles, h, 1, 1)
	}
	for k := range e.Layers {
		e.bindLayer(m, k)
	}
	return &egnnField{parameters: m.made, config: e, system: system}
}

// bindLayer makes the parameters of a layer. The last has none to update the features with: nothing would read them.
func (e EGNN) bindLayer(m *maker, k int) {
	h := e.Hidden
	name := func(part string) string { return fmt.Sprintf("layer_%d_%s", k, part) }
	edgeInputs := 2*h + 2
	m.weights(name("to"), h, h, edgeInputs, 1)
	m.weights(name("from"), h, h, edgeInputs, 1)
	m.weights(name("distance"), 1, h, edgeInputs, 1)
	m.weights(name("start"), 1, h, edgeInputs, 1)
	m.bias(name("edge_bias"), h)
	if _, roles := m.system.pairRoles(); roles > 1 {
		m.weights(name("edge_roles"), roles, h, 1, 1)
	}
	m.weights(name("message"), h, h, h, 1)
	m.bias(name("message_bias"), h)
	m.weights(name("pull"), h, h, h, 1)
	m.bias(name("pull_bias"), h)
	m.weights(name("strength"), h, 1, h, firstPull)
	if k == e.Layers-1 {
		return
	}
	m.weights(name("own"), h, h, 2*h, 1)
	m.weights(name("heard"), h, h, 2*h, 1)
	m.bias(name("update_bias"), h)
	m.weights(name("update"), h, h, h, 1)
	m.bias(name("update_out_bias"), h)
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
	seeds := BroadcastToDims(Reshape(Transpose(basis, 0, 1), free, n, d, 1), free, n, d, batch)
	first := dual{TransposeAllDims(x, 1, 2, 0), seeds}
	y, h, start := f.untilLast(t, first)
	last, trace := f.last(y, h, start, seeds)
	before := y.sub(first)
	// The directions are mean-free, so the mean does not count in the trace.
	div = Add(trace, sumRows(Reshape(Mul(seeds, before.along), free*n*d, batch)))
	return f.velocity(Add(before.value, last)), div
}

// Along implements Probed. Every probe keeps its own sum, so in the last layer the networks' gradient, once for all probes, takes
// the place of the sum over directions.
func (f *egnnField) Along(t, x, probes *Node) (v, products *Node) {
	first := dual{TransposeAllDims(x, 1, 2, 0), probes}
	y, h, start := f.untilLast(t, first)
	layer := f.layer(f.config.Layers - 1)
	l := f.lastEdges(layer, y, h, start, probes)
	strength, slope := layer.strengthAndSlope(l.in.value)
	c := Div(strength, l.scale)
	grown := Squeeze(denseOn(Mul(l.in.along, repeat(0, probes.Shape().Dimensions[0])(slope, 0)), ones(slope, f.config.Hidden, 1)), -1)
	stretched := Sub(sumAxis(2)(Mul(l.at, l.offset.along), 1), Mul(l.levers, l.distance.along))
	perEdge := Add(Mul(stretched, BroadcastToShape(ExpandAxes(c, 0), stretched.Shape())), Mul(l.levers, grown))

	before := y.sub(first)
	overParticles := Add(sumAxis(0)(perEdge, 1), sumAxis(1)(Mul(probes, before.along), 1))
	return f.velocity(Add(before.value, l.pulled(c))), sumAxis(0)(overParticles, 1)
}

// lastEdges is the last layer before its networks.
type lastEdges struct {
	edges
	in     dual  // of the messages
	at     *Node // directions u_ki on every edge [directions, n−1, n, d, batch]
	scale  *Node // d_ij + 1 [n−1, n, batch]
	levers *Node // u_ki·(x_i − x_j)/(d_ij + 1) [directions, n−1, n, batch]
}

func (f *egnnField) lastEdges(layer egnnLayer, y, h, start dual, directions *Node) lastEdges {
	l := lastEdges{edges: edgesOf(y), at: repeat(0, f.system.N-1)(directions, 1)}
	now := l.distance.shift(-f.config.Middle)
	if start.value == nil {
		start = now
	}
	wide := BroadcastToShape(ExpandAxes(l.offset.value, 0), l.at.Shape())
	l.scale = Add(l.distance.value, scalar(l.distance.value, 1))
	l.levers = sumAxis(2)(Mul(l.at, wide), 1)
	l.levers = Div(l.levers, BroadcastToShape(ExpandAxes(l.scale, 0), l.levers.Shape()))
	l.in = layer.inputs(h, now, start)
	return l
}

// pulled returns Σ_j (x_i − x_j) c_ij [n, d, batch].
func (l lastEdges) pulled(c *Node) *Node {
	return sumAxis(0)(Mul(l.offset.value, repeat(2, l.offset.value.Shape().Dimensions[2])(c, 0)), 0)
}

// velocity returns what the particles are moved by [n, d, batch], less its mean, as [batch, n, d].
func (f *egnnField) velocity(moved *Node) *Node {
	sum := sumAxis(0)(moved, 0)
	v := Sub(moved, repeat(0, f.system.N)(Mul(sum, scalar(sum, 1/float64(f.system.N))), 0))
	return TransposeAllDims(v, 2, 0, 1)
}

// untilLast takes positions [n, d, batch] through all layers but the last. It returns them with the features, and the distances
// in the first layer's input, nil where there is one layer alone.
func (f *egnnField) untilLast(t *Node, first dual) (y, h, start dual) {
	y, h = first, f.embedded(t)
	for k := range f.config.Layers - 1 {
		layer, edges := f.layer(k), edgesOf(y)
		now := edges.distance.shift(-f.config.Middle)
		if k == 0 {
			start = now
		}
		own, heard, strength := f.round(k, t, h, now, start)
		y = y.add(edges.pull(strength))
		h = h.add(layer.update(own, heard))
	}
	return y, h, start
}

// round is what a layer's messages come to: what each particle's own features add to its update [n, batch, Hidden], what it
// hears [n, batch, Hidden], and the strength of each edge [n−1, n, batch].
func (f *egnnField) round(k int, t *Node, h, now, start dual) (own, heard, strength dual) {
	layer := f.layer(k)
	if k > 0 {
		message := layer.message(layer.inputs(h, now, start))
		return layer.own(h), message.linear(sumAxis(0)), layer.strength(message)
	}
	if !f.alike() {
		message, strength := layer.firstMessage(layer.inputs(h, byDistance(now), byDistance(now)), now)
		return layer.own(h), message.linear(sumAxis(0)), strength
	}
	// All particles have the same features yet, and both ends of a pair say the same.
	n, common, apart := f.system.N, f.timed(t), now.linear(pairsOf)
	message, strength := layer.firstMessage(layer.commonInputs(common, byDistance(apart)), apart)
	return layer.own(common).linear(repeat(0, n)), message.linear(overPairs(n)), strength.linear(onEdges(n))
}

// alike tells whether no particle and no pair has a role of its own.
func (f *egnnField) alike() bool {
	_, particles := f.system.particleRoles()
	_, pairs := f.system.pairRoles()
	return particles == 1 && pairs == 1
}

// last is the last layer: what it moves the particles by [n, d, batch], and the trace of that [batch] over the directions
// [directions, n, d, batch]. Nothing reads its features, so the sum over the directions is taken before the networks, whose
// derivative is linear in that of their inputs: with pull_ij = (x_i − x_j) strength_ij/(d_ij + 1),
//
//	Σ_k u_ki·∂_k pull_ij = c_ij Σ_k u_ki·∂_k x_ij + ∇strength·(Σ_k a_kij ∂_k inputs) − c_ij Σ_k a_kij ∂_k d_ij
//
// where c = strength/(d+1), a_kij = u_ki·(x_i − x_j)/(d_ij + 1). So one direction goes through the networks, not (n−1)·d.
func (f *egnnField) last(y, h, start dual, directions *Node) (moved, trace *Node) {
	layer := f.layer(f.config.Layers - 1)
	l := f.lastEdges(layer, y, h, start, directions)
	weighed := sumAxis(0)(Mul(l.in.along, BroadcastToShape(ExpandAxes(l.levers, -1), l.in.along.Shape())), 0)
	strength := layer.strength(layer.message(dual{l.in.value, ExpandAxes(weighed, 0)}))
	c := Div(strength.value, l.scale)
	stretch := Sub(sumAxis(0)(sumAxis(2)(Mul(l.at, l.offset.along), 1), 0), sumAxis(0)(Mul(l.levers, l.distance.along), 0))
	perEdge := Add(Mul(c, stretch), Squeeze(strength.along, 0))
	return l.pulled(c), sumRows(Reshape(perEdge, -1, perEdge.Shape().Dimensions[2]))
}

// timed returns the features of the time [batch, Hidden].
func (f *egnnField) timed(t *Node) dual {
	times := []*Node{t}
	for k := range f.config.Harmonics {
		times = append(times, Cos(Mul(t, scalar(t, float64(k+1)*math.Pi))))
	}
	return fixed(Stack(times, -1)).dense(f.nodes["embed"], f.nodes["embed_bias"])
}

// embedded returns the first features [n, batch, Hidden]: they know the time and the particle's role alone.
func (f *egnnField) embedded(t *Node) dual {
	h := f.timed(t).linear(repeat(0, f.system.N))
	if roles := f.nodes["embed_roles"]; roles != nil {
		h = h.add(fixed(repeat(1, t.Shape().Dimensions[0])(f.system.ofParticles(roles), 0)))
	}
	return h
}

// edges are the ordered pairs: element [s, i] is particle i's with particle i+s+1, cyclically.
type edges struct {
	offset   dual // x_i − x_j [n−1, n, d, batch]
	distance dual // √(|x_i − x_j|² + ε) [n−1, n, batch]
}

func edgesOf(y dual) edges {
	n := y.value.Shape().Dimensions[0]
	offset := y.linear(repeat(0, n-1)).sub(y.linear(others))
	return edges{offset, offset.mul(offset).linear(sumAxis(2)).shift(regulariser).sqrt()}
}

// pull returns Σ_j (x_i − x_j)/(d_ij + 1) strength_ij [n, d, batch].
func (e edges) pull(strength dual) dual {
	d := e.offset.value.Shape().Dimensions[2]
	return e.offset.mul(strength.div(e.distance.shift(1)).linear(repeat(2, d))).linear(sumAxis(0))
}

// egnnLayer is one layer's parameters by name.
type egnnLayer func(part string) *Node

func (f *egnnField) layer(k int) egnnLayer {
	return func(part string) *Node {
		node := f.nodes[fmt.Sprintf("layer_%d_%s", k, part)]
		if share := f.config.Share(part, f.system.N); share != 1 {
			node = MulScalar(node, share)
		}
		if part == "edge_roles" && node != nil { // as they lie on the edges [n−1, n, Hidden]
			n := f.system.N
			return f.system.ofEdges(node, n-1, func(s, i int) int { return (i + s + 1) % n })
		}
		return node
	}
}

// inputs returns what the messages' hidden layer is given [n−1, n, batch, Hidden], from the features [n, batch, Hidden] and
// the distances [n−1, n, batch].
func (l egnnLayer) inputs(h, now, start dual) dual {
	shifts := now.value.Shape().Dimensions[0]
	in := h.dense(l("to"), l("edge_bias")).linear(repeat(0, shifts)).add(h.dense(l("from"), nil).linear(others))
	if roles := l("edge_roles"); roles != nil {
		in = in.add(fixed(repeat(2, now.value.Shape().Dimensions[2])(roles, 0)))
	}
	return in.add(now.outer(l("distance"))).add(start.outer(l("start")))
}

// message returns m_ij [n−1, n, batch, Hidden] from its inputs.
func (l egnnLayer) message(in dual) dual {
	return in.silu().dense(l("message"), l("message_bias")).silu()
}

// commonInputs is inputs where all particles have the features h [batch, Hidden] and distances are what they are at the start, of
// pairs [pairs, batch].
func (l egnnLayer) commonInputs(h, now dual) dual {
	in := h.dense(Add(l("to"), l("from")), l("edge_bias")).linear(repeat(0, now.value.Shape().Dimensions[0]))
	return in.add(now.outer(Add(l("distance"), l("start"))))
}

// byDistance is distances with their derivative by themselves, as the one direction.
func byDistance(now dual) dual { return dual{now.value, ExpandAxes(OnesLike(now.value), 0)} }

// firstMessage returns the first layer's messages and strengths. Its features know time and roles alone, so that an edge's
// networks are differentiated once, by its distance, and not in every direction.
func (l egnnLayer) firstMessage(in, now dual) (message, strength dual) {
	message = l.message(in)
	strength = l.strength(message)
	return message.chain(now), strength.chain(now)
}

// strength returns φ_x(m_ij) [n−1, n, batch].
func (l egnnLayer) strength(message dual) dual {
	out := message.dense(l("pull"), l("pull_bias")).silu().dense(l("strength"), nil)
	return out.linear(func(x *Node, _ int) *Node { return Squeeze(x, -1) })
}

// strengthAndSlope returns φ_x(m_ij) [n−1, n, batch] and its gradient by the inputs of the messages [n−1, n, batch, Hidden].
func (l egnnLayer) strengthAndSlope(in *Node) (strength, slope *Node) {
	first := fixed(in)
	second := first.silu().dense(l("message"), l("message_bias"))
	third := second.silu().dense(l("pull"), l("pull_bias"))
	strength = Squeeze(third.silu().dense(l("strength"), nil).value, -1)
	slope = BroadcastToShape(ExpandLeftToRank(Reshape(l("strength"), -1), in.Rank()), in.Shape())
	slope = denseOn(Mul(slope, siluSlope(third.value)), Transpose(l("pull"), 0, 1))
	slope = denseOn(Mul(slope, siluSlope(second.value)), Transpose(l("message"), 0, 1))
	return strength, Mul(slope, siluSlope(in))
}

// own returns what φ_h's hidden layer has of a particle's own features.
func (l egnnLayer) own(h dual) dual { return h.dense(l("own"), l("update_bias")) }

// update returns φ_h(h_i, Σ_j m_ij) [n, batch, Hidden] from what it has of h_i, and Σ_j m_ij.
func (l egnnLayer) update(own, heard dual) dual {
	hidden := own.add(heard.dense(l("heard"), nil)).silu()
	return hidden.dense(l("update"), l("update_out_bias"))
}
