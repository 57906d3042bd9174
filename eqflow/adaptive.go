package eqflow

import (
	"fmt"
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/floats"

	"github.com/eqflow/gonb-eqflow/eqflow/egnn"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// LogProbAdaptive is LogProb by an adaptive solve with Dopri5: a check on the fixed steps that shares nothing with them but
// the field. It returns the log-densities in nats and the largest number of steps that a block of configurations took.
func (m *Model) LogProbAdaptive(x particle.Batch, control ode.Adaptive) (logProb []float64, steps int, err error) {
	if _, ok := m.Flow.(flow.Continuous); !ok {
		return nil, 0, fmt.Errorf("eqflow: %T has no solver to adapt; use LogProb", m.Flow)
	}
	if err := m.fits(x); err != nil {
		return nil, 0, err
	}
	if field, ok, err := m.egnnField(m.scope); err != nil {
		return nil, 0, err
	} else if ok {
		return m.adaptiveOnHost(field, x, control)
	}
	step, err := m.stepper(m.estimate.Probes)
	if err != nil {
		return nil, 0, err
	}
	size, width := m.paddedSize(x.Len()), x.N*x.D
	err = m.inBlocks("the adaptive solve", x.Len(), size, func(from, to int) error {
		z, integral, count, err := m.driveBlock(step, m.inputs(x.Slice(from, to), size), control)
		if err != nil {
			return err
		}
		steps = max(steps, count)
		for i := range to - from {
			logProb = append(logProb, m.priorLogProb(z[i*width:(i+1)*width])+float64(integral[i]))
		}
		return nil
	})
	return logProb, steps, err
}

// adaptiveOnHost is LogProbAdaptive of a field in C.
func (m *Model) adaptiveOnHost(field egnn.Field, x particle.Batch, control ode.Adaptive) (logProb []float64, steps int, err error) {
	x = x.Clone().RemoveMean()
	for from := 0; from < x.Len(); from += egnn.BlockSize() {
		to := min(from+egnn.BlockSize(), x.Len())
		block := x.Slice(from, to)
		integral, count, err := m.driveOnHost(field, block, control)
		if err != nil {
			return nil, 0, err
		}
		steps = max(steps, count)
		for i, v := range integral {
			logProb = append(logProb, m.Prior.LogDensity(block.At(i))+v)
		}
		if err := m.passed("the adaptive solve", to, x.Len()); err != nil {
			return nil, 0, err
		}
	}
	return logProb, steps, nil
}

// driveOnHost moves a block of configurations back to the prior in place, and returns the integral of the divergence.
func (m *Model) driveOnHost(field egnn.Field, x particle.Batch, control ode.Adaptive) (integral []float64, steps int, err error) {
	method, size := ode.Dopri5, x.Len()
	vectors := m.estimate.vectorsOf(x)
	y := append(slices.Clone(x.X), make([]float64, size)...) // the integrals at its end
	var tried []float64
	sum := func(to, weights []float64, h float64, ks [][]float64) {
		for j, w := range weights {
			floats.AddScaled(to, h*w, ks[j])
		}
	}
	steps, err = control.Drive(method.Order, 1, 0, func(t, h float64) (float64, error) {
		var ks [][]float64
		for j := range method.Stages() {
			at := slices.Clone(y)
			sum(at, method.A[j], h, ks)
			v, products := field.Rate(particle.Batch{X: at[:len(x.X)], N: x.N, D: x.D}, slices.Repeat([]float64{t + h*method.C[j]}, size), vectors)
			div, _ := m.estimate.sum(products, m.Prior.DegreesOfFreedom())
			ks = append(ks, append(v.X, div...))
		}
		tried = slices.Clone(y)
		sum(tried, method.B, h, ks)
		fault := make([]float64, len(y))
		sum(fault, method.Error, h, ks)
		return floats.Norm(fault, math.Inf(1)), nil
	}, func() { y = tried })
	copy(x.X, y)
	return y[len(x.X):], steps, err
}

// driveBlock solves a block of configurations [size, n, d] back to the prior, with the integral of the divergence along, which
// the probes that follow them estimate.
func (m *Model) driveBlock(step *model.Exec, inputs []any, control ode.Adaptive) (z, integral []float32, steps int, err error) {
	x := inputs[0].(*tensors.Tensor)
	size := x.Shape().Dimensions[0]
	state := []*tensors.Tensor{x, tensors.FromFlatDataAndDimensions(make([]float32, size), size)}
	var tried []*tensors.Tensor
	steps, err = control.Drive(ode.Dopri5.Order, 1, 0, func(t, h float64) (float64, error) {
		release(tried)
		if tried, err = step.Call(append([]any{state[0], state[1], float32(t), float32(h)}, inputs[1:]...)...); err != nil {
			return 0, fmt.Errorf("eqflow: the adaptive solve failed: %w", err)
		}
		return float64(tensors.ToScalar[float32](tried[2])), nil
	}, func() {
		release(state)
		tried[2].MustFinalizeAll()
		state, tried = tried[:2], nil
	})
	defer release(state)
	defer release(tried)
	if err != nil {
		return nil, nil, steps, err
	}
	return tensors.MustCopyFlatData[float32](state[0]), tensors.MustCopyFlatData[float32](state[1]), steps, nil
}

// release frees tensors at once, rather than when the garbage collector finds them.
func release(all []*tensors.Tensor) {
	for _, t := range all {
		t.MustFinalizeAll()
	}
}

// priorLogProb is the prior's log-density of one configuration [n·d], in plain Go.
func (m *Model) priorLogProb(z []float32) float64 {
	square := 0.0
	for _, v := range z {
		square += float64(v) * float64(v)
	}
	return -square/2 - float64(m.Prior.DegreesOfFreedom())/2*math.Log(2*math.Pi)
}

// stepper is dopriStep, compiled: the time and the length of the step are its inputs, so one program serves every path.
func (m *Model) stepper(probes int) (*model.Exec, error) {
	key := program{name: "a step of the flow", scope: m.scope, probes: probes}
	if exec, ok := m.programs[key]; ok {
		return exec, nil
	}
	exec, err := model.NewExec(m.backend, m.store, m.dopriStep)
	if err != nil {
		return nil, fmt.Errorf("eqflow: cannot prepare %s: %w", key.name, err)
	}
	exec.SetMaxCache(8)
	m.programs[key] = exec
	return exec, nil
}

// dopriStep is one step of Dopri5 for states x [B, n, d] and integrals [B], with the largest estimated error of any. Where the
// divergence is estimated, the probes [B, probes, n, d] are the last input.
func (m *Model) dopriStep(scope *model.Scope, inputs []*Node) []*Node {
	x, integral, t, h := inputs[0], inputs[1], inputs[2], inputs[3]
	field := along(m.bind(scope, x.Graph(), 0, m.scope), inputs[4:]).(flow.Partial)
	method := ode.Dopri5
	ks, ls := make([]*Node, method.Stages()), make([]*Node, method.Stages())
	sum := func(weights []float64, of []*Node) *Node {
		total := ZerosLike(of[0])
		for j, w := range weights {
			total = Add(total, MulScalar(of[j], w))
		}
		return Mul(total, h)
	}
	for j := range ks {
		at := x
		if j > 0 {
			at = Add(x, sum(method.A[j], ks))
		}
		time := Add(t, MulScalar(h, method.C[j]))
		ks[j], ls[j] = field.At(BroadcastToDims(time, x.Shape().Dimensions[0]), at)
	}
	fault := Max(ReduceAllMax(Abs(sum(method.Error, ks))), ReduceAllMax(Abs(sum(method.Error, ls))))
	return []*Node{Add(x, sum(method.B, ks)), Add(integral, sum(method.B, ls)), fault}
}
