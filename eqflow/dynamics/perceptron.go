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
	biases  []*Node // [out]
}

// BindPerceptron creates or reads a network through the given widths, input and output included. The last layer starts at
// lastScale times the usual size, so that a flow can start near the identity.
func BindPerceptron(scope *model.Scope, g *Graph, system System, widths []int, lastScale float64) Perceptron {
	var p Perceptron
	rng := rand.New(rand.NewPCG(system.Seed, 0x6d6c70))
	for k := range len(widths) - 1 {
		scale := 1 / math.Sqrt(float64(widths[k]))
		if k == len(widths)-2 {
			scale *= lastScale
		}
		draw := func() float64 { return scale * rng.NormFloat64() }
		p.weights = append(p.weights, system.variable(scope, g, fmt.Sprintf("weights_%d", k), draw, widths[k], widths[k+1]))
		p.biases = append(p.biases, system.variable(scope, g, fmt.Sprintf("bias_%d", k), func() float64 { return 0 }, widths[k+1]))
	}
	return p
}

// Apply maps x [batch, in] to [batch, out].
func (p Perceptron) Apply(x *Node) *Node {
	out, _ := p.push(x, nil)
	return out
}

// ApplyAlong maps x [batch, in], and the tangents [batch, tangents, in] with it, to [batch, out] and [batch, tangents, out].
func (p Perceptron) ApplyAlong(x, tangents *Node) (out, along *Node) { return p.push(x, tangents) }

func (p Perceptron) push(x, along *Node) (*Node, *Node) {
	for k := range p.weights {
		x = Add(DotProduct(x, p.weights[k]), ExpandAxes(p.biases[k], 0))
		if along != nil {
			along = Einsum("bti,io->bto", along, p.weights[k])
		}
		if k == len(p.weights)-1 {
			break
		}
		x = Tanh(x)
		if along != nil {
			along = Mul(along, ExpandAxes(OneMinus(Mul(x, x)), 1))
		}
	}
	return x, along
}
