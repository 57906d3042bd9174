package engine

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Inputs are the inputs of a training loss. Inputs that a loss does not use stay empty.
type Inputs struct {
	X         particle.Batch // data [B, n, d]
	Z         particle.Batch // draws from the prior, or their images [B, n, d]
	T         []float64      // flow times [B]
	Slopes    particle.Batch // ∇u at the data, or cotangents of the field [B, n, d]
	Stiffness float64        // mean of ∇u² per degree of freedom
	Probes    particle.Batch // draws from the prior, several for each configuration of X
	Spread    float64        // width of the normal distribution in place of the target
	Weights   []float64      // of the configurations in the loss [B]
	Likely    []float64      // of the configurations in a likelihood beside it [B]
	Value     float64        // the divergence whose path gradient X, T and Slopes give, nats
}

// Nodes are Inputs in a graph. The node of an empty input holds one number, which no loss uses.
type Nodes struct{ X, Z, T, Slopes, Weights, Likely, Stiffness, Probes, Spread, Value *Node }

// inputFields lists the inputs in the order of a graph's inputs. Inputs with one entry for each
// configuration come first.
var inputFields = []struct {
	perConfiguration bool
	tensor           func(in Inputs) any
	node             func(n *Nodes) **Node
}{
	{true, func(in Inputs) any { return batchTensor(in.X) }, func(n *Nodes) **Node { return &n.X }},
	{true, func(in Inputs) any { return batchTensor(in.Z) }, func(n *Nodes) **Node { return &n.Z }},
	{true, func(in Inputs) any { return timesTensor(in.T) }, func(n *Nodes) **Node { return &n.T }},
	{true, func(in Inputs) any { return batchTensor(in.Slopes) }, func(n *Nodes) **Node { return &n.Slopes }},
	{true, func(in Inputs) any { return timesTensor(in.Weights) }, func(n *Nodes) **Node { return &n.Weights }},
	{true, func(in Inputs) any { return timesTensor(in.Likely) }, func(n *Nodes) **Node { return &n.Likely }},
	{false, func(in Inputs) any { return float32(in.Stiffness) }, func(n *Nodes) **Node { return &n.Stiffness }},
	{false, func(in Inputs) any { return batchTensor(in.Probes) }, func(n *Nodes) **Node { return &n.Probes }},
	{false, func(in Inputs) any { return float32(in.Spread) }, func(n *Nodes) **Node { return &n.Spread }},
	{false, func(in Inputs) any { return float32(in.Value) }, func(n *Nodes) **Node { return &n.Value }},
}

// tensors returns the inputs of a graph.
func (in Inputs) tensors() (all []any) {
	for _, f := range inputFields {
		all = append(all, f.tensor(in))
	}
	return all
}

// nodesOf splits the inputs of a graph into Nodes and the inputs that follow them.
func nodesOf(inputs []*Node) (n Nodes, rest []*Node) {
	for k, f := range inputFields {
		*f.node(&n) = inputs[k]
	}
	return n, inputs[len(inputFields):]
}

// batchInputs returns the number of inputs with one entry for each configuration.
func batchInputs() (count int) {
	for _, f := range inputFields {
		if f.perConfiguration {
			count++
		}
	}
	return count
}

func batchTensor(b particle.Batch) any {
	if b.Len() == 0 {
		b = particle.NewBatch(1, 1, 1)
	}
	return tensors.FromFlatDataAndDimensions(float32s(b.X), b.Len(), b.N, b.D)
}

func timesTensor(t []float64) any {
	if len(t) == 0 {
		t = []float64{0}
	}
	return tensors.FromFlatDataAndDimensions(float32s(t), len(t))
}

// part returns the k-th of equal parts of the inputs that have one entry for each configuration,
// with the other inputs as they are.
func (in Inputs) part(k, parts int) Inputs {
	slice := func(b particle.Batch) particle.Batch { return b.Slice(k*b.Len()/parts, (k+1)*b.Len()/parts) }
	in.X, in.Z, in.Slopes = slice(in.X), slice(in.Z), slice(in.Slopes)
	numbers := func(v []float64) []float64 { return v[k*len(v)/parts : (k+1)*len(v)/parts] }
	in.T, in.Weights, in.Likely = numbers(in.T), numbers(in.Weights), numbers(in.Likely)
	return in
}

func float32s(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

func float64s(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}
