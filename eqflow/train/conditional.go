package train

import (
	"fmt"
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Training of a flow.Conditional by the energy. The coordinates that are not held follow path
// gradients, given those that are held (conditionalPath). The held ones learn from data, or from
// the images themselves: log q of the images is raised by their importance weights.

// conditionalPath is the reverse divergence of images in.Z whose held part is given, with the path
// gradient of the other part. The energy has no graph.
func conditionalPath(f flow.Conditional, in engine.Nodes) *Node {
	surrogate := ReduceAllMean(Mul(f.PathGiven(in.Z, in.Slopes), in.Weights))
	return Add(in.Value, Sub(surrogate, StopGradient(surrogate)))
}

// conditionalMixture is the loss of Mixture for a flow.Conditional.
type conditionalMixture struct {
	likelihood likelihoodLoss
	share      float64
}

// String implements engine.Loss.
func (conditionalMixture) String() string { return Mixture{}.String() + " with path gradients" }

// Graph implements engine.Loss.
func (l conditionalMixture) Graph(f flow.Bijection, in engine.Nodes) *Node {
	reverse := conditionalPath(f.(flow.Conditional), in)
	return Add(MulScalar(reverse, l.share), MulScalar(l.likelihood.Graph(f, in), 1-l.share))
}

// conditionalEnergy is the loss of Energy for a flow.Conditional.
type conditionalEnergy struct{}

// String implements engine.Loss.
func (conditionalEnergy) String() string { return Energy{}.String() + " with path gradients" }

// Graph implements engine.Loss.
func (conditionalEnergy) Graph(f flow.Bijection, in engine.Nodes) *Node {
	c := f.(flow.Conditional)
	held := Neg(ReduceAllMean(Mul(c.LogProbHeld(in.Z), in.Likely)))
	return Add(conditionalPath(c, in), Sub(held, StopGradient(held)))
}

// Training by the energy alone begins at a temperature that is hotter times that of the target, and
// cools in equal ratios over a share of all steps. A share of the images has held angles that are
// uniform on the circle, so that no basin stays unseen. The importance weight of an image is at
// most heaviest times that of equal weights.
const (
	hotter       = 4.0
	coolingShare = 0.2
	uniformShare = 0.1
	heaviest     = 32.0
)

// temperature is that of a step, in units of the target's.
func (f *Feed) temperature(step int) float64 {
	left := 1 - float64(step)/(coolingShare*float64(f.steps))
	return math.Pow(hotter, max(0, left))
}

// conditionalEnergy returns the inputs of conditionalEnergy.
func (f *Feed) conditionalEnergy(step int, cut float64) (in engine.Inputs, err error) {
	z, _ := f.PriorDraws(step)
	uniform := int(math.Round(uniformShare * float64(z.Len())))
	logQ, held, err := f.exploring(&in, z, uniform)
	if err != nil {
		return in, err
	}
	logOwn, logFlat := slices.Clone(logQ), slices.Clone(logQ)
	for i, above := range held { // uniform angles or q(t), the rest of log q is the same
		if i < uniform {
			logOwn[i] += above
		} else {
			logFlat[i] -= above
		}
	}
	u := f.slopesAt(&in, cut, f.temperature(step))
	in.Likely = importance(u, logOwn, logFlat, float64(uniform)/float64(z.Len()))
	for i := range u {
		u[i] += logFlat[i] // the divergence of what is not held
		if math.IsNaN(held[i]) || math.IsInf(held[i], 0) {
			u[i] = math.NaN()
		}
	}
	return in, countNear(&in, u)
}

// exploring sets in.Z to the images of z, the first of which have uniform held parts. It returns
// the log-densities of the draws, and LogProbHeld.
func (f *Feed) exploring(in *engine.Inputs, z particle.Batch, uniform int) (logQ, held []float64, err error) {
	if f.explore == nil {
		f.explore, err = f.q.Compile(func(b flow.Bijection, inputs []*Node) []*Node {
			image, held := b.(flow.Conditional).Explore(inputs[0], uniform)
			return []*Node{image.X, image.LogDet, held}
		})
		if err != nil {
			return nil, nil, err
		}
	}
	draws := make([]float32, len(z.X))
	for k, v := range z.X {
		draws[k] = float32(v)
	}
	out, err := f.explore.Call(tensors.FromFlatDataAndDimensions(draws, z.Len(), z.N, z.D))
	if err != nil {
		return nil, nil, err
	}
	var numbers [3][]float64
	for k, t := range out {
		values, err := tensors.CopyFlatData[float32](t)
		if err != nil {
			return nil, nil, err
		}
		for _, v := range values {
			numbers[k] = append(numbers[k], float64(v))
		}
	}
	in.Z, logQ = particle.Batch{X: numbers[0], N: z.N, D: z.D}, numbers[1]
	for i := range logQ {
		logQ[i] = f.Prior.LogDensity(z.At(i)) - logQ[i]
	}
	return logQ, numbers[2], nil
}

// importance returns the self-normalised weights of images with reduced energies u that were drawn
// from the mixture of two densities, the second with the given share. Their mean is 1, or less
// where weights are cut.
func importance(u, logFirst, logSecond []float64, share float64) []float64 {
	out := make([]float64, len(u))
	highest := math.Inf(-1)
	for i := range u {
		first, second := math.Log(1-share)+logFirst[i], math.Log(share)+logSecond[i]
		top := max(first, second)
		out[i] = -u[i] - top - math.Log(math.Exp(first-top)+math.Exp(second-top))
		if math.IsNaN(out[i]) {
			out[i] = math.Inf(-1)
		}
		highest = max(highest, out[i])
	}
	sum := 0.0
	for i, w := range out {
		out[i] = math.Exp(w - highest)
		sum += out[i]
	}
	for i := range out {
		out[i] = min(out[i]/sum*float64(len(u)), heaviest)
	}
	return out
}

// An image counts if its u + log q lies at most farAbove, and at most farRatio times the distance
// from the lowest fifth to the median, above the median. The others are far from the target: their
// forces say nothing about it.
const (
	farAbove = 12.0
	farRatio = 3.0
)

// conditional fills in the inputs of conditionalMixture.
func (f *Feed) conditional(in *engine.Inputs, cut float64) error {
	image, err := f.q.Forward(in.Z, 0)
	if err != nil {
		return err
	}
	in.Z = image.X
	u := f.slopesAt(in, cut, 1)
	for i := range u {
		u[i] += image.LogQ[i]
	}
	return countNear(in, u)
}

// slopesAt sets ∇u at the images in.Z at a temperature, and returns u. The cut is in units of the
// temperature: images of a hot molecule lie above a cut that suits a cold one, and without its
// forces there is nothing to hold them together.
func (f *Feed) slopesAt(in *engine.Inputs, cut, temperature float64) []float64 {
	u, slopes := target.TamedEnergiesGradients(f.Target, in.Z, cut*temperature)
	in.Slopes = scaleBatch(1/temperature, slopes)
	for i := range u {
		u[i] /= temperature
	}
	return u
}

// countNear sets the weights of the images that count, whose divergences are given, and their mean
// divergence. An image without weight is replaced by one that counts: in single precision its
// gradient may not be finite, and would remain so times 0.
func countNear(in *engine.Inputs, divergences []float64) error {
	size := len(divergences)
	unknown := func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }
	known := slices.DeleteFunc(slices.Clone(divergences), unknown)
	if len(known) == 0 {
		return fmt.Errorf("eqflow: no image of the flow has a finite energy and density; lower the learning rate")
	}
	slices.Sort(known)
	median := known[len(known)/2]
	limit := median + max(farAbove, farRatio*(median-known[len(known)/5]))
	in.Weights = make([]float64, size)
	counted, sum, good := 0, 0.0, 0
	for i, v := range divergences {
		if !unknown(v) && v <= limit {
			counted, sum, good = counted+1, sum+v, i
			in.Weights[i] = 1
		}
	}
	for i := range in.Weights {
		if in.Weights[i] *= float64(size) / float64(counted); in.Weights[i] != 0 {
			continue
		}
		copy(in.Z.At(i), in.Z.At(good))
		copy(in.Slopes.At(i), in.Slopes.At(good))
		if in.Likely != nil {
			in.Likely[i] = 0
		}
	}
	in.Value = sum / float64(counted)
	return nil
}
