package dynamics

import (
	"fmt"
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Perceptron is a bound fully connected network with tanh between its layers.
type Perceptron struct {
	weights []*Node // [in, out] of each layer
	biases  []*Node // [out] of each layer
}

// BindPerceptron creates or reads a network with the given widths, the input's and the output's
// included. The last layer starts at lastScale times the usual size, so that a flow can start near
// the identity.
func BindPerceptron(scope *model.Scope, g *Graph, system System, widths []int, lastScale float64) Perceptron {
	var p Perceptron
	rng := rand.New(rand.NewPCG(system.Seed, 0x6d6c70))
	for k := range len(widths) - 1 {
		scale := 1 / math.Sqrt(float64(widths[k]))
		if k == len(widths)-2 {
			scale *= lastScale
		}
		normal := func() float64 { return scale * rng.NormFloat64() }
		zero := func() float64 { return 0 }
		weights := system.Variable(scope, g, fmt.Sprintf("weights_%d", k), normal, widths[k], widths[k+1])
		bias := system.Variable(scope, g, fmt.Sprintf("bias_%d", k), zero, widths[k+1])
		p.weights, p.biases = append(p.weights, weights), append(p.biases, bias)
	}
	return p
}

// Apply maps x [batch, in] to [batch, out].
func (p Perceptron) Apply(x *Node) *Node {
	out, _ := p.propagate(x, nil)
	return out
}

// ApplyAlong maps x [batch, in] to [batch, out], and the tangents [batch, directions, in] to
// [batch, directions, out].
func (p Perceptron) ApplyAlong(x, tangents *Node) (out, outTangents *Node) {
	return p.propagate(x, tangents)
}

func (p Perceptron) propagate(x, tangents *Node) (*Node, *Node) {
	for k := range p.weights {
		x = Add(DotProduct(x, p.weights[k]), ExpandAxes(p.biases[k], 0))
		if tangents != nil {
			tangents = Einsum("bti,io->bto", tangents, p.weights[k])
		}
		if k == len(p.weights)-1 {
			break
		}
		x = Tanh(x)
		if tangents != nil {
			tangents = Mul(tangents, ExpandAxes(OneMinus(Mul(x, x)), 1))
		}
	}
	return x, tangents
}
