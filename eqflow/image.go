package eqflow

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Image is where the flow takes configurations, with their log-densities under the model.
type Image struct {
	X    particle.Batch
	LogQ []float64 // at the target's end of the flow, nats
	// LogQError is the standard error of each LogQ where the divergence is estimated from several probes, nil otherwise.
	LogQError []float64
}

// Weigh makes samples of configurations at the target's end.
func (i Image) Weigh(t target.Target) Samples {
	s := Weigh(t, i.X, i.LogQ)
	s.LogQError = i.LogQError
	return s
}

// Forward maps prior configurations to the target's, with the flow solved in the given number of steps (0: as trained).
func (m *Model) Forward(z particle.Batch, steps int) (Image, error) {
	out, ok, err := m.applyOnHost("the flow", span{steps: steps, t1: 1}, true, z)
	if !ok && err == nil {
		return m.image(program{name: "the flow", steps: steps}, z, func(f flow.Bijection, z *Node) (flow.Image, *Node) {
			image := f.Forward(z)
			return image, Sub(m.Prior.LogProb(z), image.LogDet)
		})
	}
	z = z.Clone().RemoveMean()
	for i, logDet := range out.LogQ {
		out.LogQ[i] = m.Prior.LogDensity(z.At(i)) - logDet
	}
	return out, err
}

// Inverse maps configurations, whose centres of mass are removed first, back to the prior.
func (m *Model) Inverse(x particle.Batch, steps int) (Image, error) {
	out, ok, err := m.applyOnHost("the inverse flow", span{steps: steps, t0: 1}, true, x)
	if !ok && err == nil {
		return m.image(program{name: "the inverse flow", steps: steps}, x, func(f flow.Bijection, x *Node) (flow.Image, *Node) {
			image := f.Inverse(x)
			return image, Add(m.Prior.LogProb(image.X), image.LogDet)
		})
	}
	for i := range out.LogQ {
		out.LogQ[i] += m.Prior.LogDensity(out.X.At(i))
	}
	return out, err
}

// image maps configurations in a graph, which gives the image and its log-density.
func (m *Model) image(key program, x particle.Batch, build func(flow.Bijection, *Node) (flow.Image, *Node)) (Image, error) {
	out := Image{X: particle.NewBatch(x.Len(), x.N, x.D), LogQ: make([]float64, x.Len())}
	err := m.apply(key, x, func(f flow.Bijection, x *Node) []*Node {
		image, logQ := build(f, x)
		if image.Error == nil {
			return []*Node{image.X, logQ}
		}
		return []*Node{image.X, logQ, image.Error}
	}, func(from, to int, r [][]float64) {
		copy(out.X.Slice(from, to).X, r[0])
		copy(out.LogQ[from:to], r[1])
		if len(r) > 2 {
			out.LogQError = append(out.LogQError, r[2]...)
		}
	})
	return out, err
}

// FromPrior is Forward without what is known of errors.
func (m *Model) FromPrior(z particle.Batch, steps int) (x particle.Batch, logProb []float64, err error) {
	image, err := m.Forward(z, steps)
	return image.X, image.LogQ, err
}

// ToPrior is Inverse without what is known of errors.
func (m *Model) ToPrior(x particle.Batch, steps int) (z particle.Batch, logProb []float64, err error) {
	image, err := m.Inverse(x, steps)
	return image.X, image.LogQ, err
}

// LogProb returns the log-density of each configuration under the model, in nats, with the flow solved in the given
// number of steps (0: as trained). Centres of mass are removed first.
func (m *Model) LogProb(x particle.Batch, steps int) ([]float64, error) {
	_, logProb, err := m.ToPrior(x, steps)
	return logProb, err
}

// NLL returns the mean negative log-likelihood of configurations, in nats, solved as LogProb does.
func (m *Model) NLL(x particle.Batch, steps int) (float64, error) {
	logProb, err := m.LogProb(x, steps)
	total := 0.0
	for _, v := range logProb {
		total -= v
	}
	return total / float64(len(logProb)), err
}
