package eqflow

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Path follows the flow from prior configurations to the target's, and returns where they are at the given number of
// frames, evenly spaced in flow time, both ends included. It takes steps of Dopri5, twice as many as the flow's own
// solver: finer than what Sample does, and equal to it where the flow's solver is accurate.
func (m *Model) Path(z particle.Batch, frames int) ([]particle.Batch, error) {
	return m.follow(z, 0, 1, frames)
}

// PathToPrior follows the flow backwards, from the target's configurations to the prior's.
func (m *Model) PathToPrior(x particle.Batch, frames int) ([]particle.Batch, error) {
	return m.follow(x, 1, 0, frames)
}

func (m *Model) follow(x particle.Batch, t0, t1 float64, frames int) ([]particle.Batch, error) {
	if _, ok := m.Flow.(flow.Continuous); !ok || frames < 2 {
		return nil, fmt.Errorf("eqflow: a path needs a continuous flow and at least 2 frames, not %T and %d", m.Flow, frames)
	}
	if err := m.fits(x); err != nil {
		return nil, err
	}
	path := make([]particle.Batch, frames)
	path[0] = x.Clone().RemoveMean()
	if ok, err := m.followOnHost(t0, t1, path); err != nil {
		return nil, err
	} else if ok {
		return path, nil
	}
	step, err := m.stepper(0)
	if err != nil {
		return nil, err
	}
	for k := range path[1:] {
		path[k+1] = particle.NewBatch(x.Len(), x.N, x.D)
	}
	size := m.paddedSize(x.Len())
	return path, m.inBlocks("following the flow", x.Len(), size, func(from, to int) error {
		return m.followBlock(step, from, to, size, t0, t1, path)
	})
}

// stepsBetween is the number of steps from one frame to the next.
func (m *Model) stepsBetween(frames int) int {
	between := frames - 1
	return max(1, (2*m.SolverSteps()+between-1)/between)
}

// followOnHost fills in all frames after the first on the host. ok is false where the graphs are to be used.
func (m *Model) followOnHost(t0, t1 float64, path []particle.Batch) (ok bool, err error) {
	at := func(k int) float64 { return t0 + (t1-t0)*float64(k)/float64(len(path)-1) }
	for k := range path[1:] {
		s := span{ode.Dopri5.Name, m.stepsBetween(len(path)), at(k), at(k + 1)}
		image, ok, err := m.applyOnHost("following the flow", s, false, path[k])
		if !ok || err != nil {
			return ok, err
		}
		path[k+1] = image.X
	}
	return true, nil
}

// followBlock fills in configurations from … to of all frames after the first.
func (m *Model) followBlock(step *model.Exec, from, to, size int, t0, t1 float64, path []particle.Batch) error {
	x := m.block(path[0].Slice(from, to), size)
	state := []*tensors.Tensor{x, tensors.FromFlatDataAndDimensions(make([]float32, size), size)}
	defer func() { release(state) }()
	between, substeps := len(path)-1, m.stepsBetween(len(path))
	h := (t1 - t0) / float64(between*substeps)
	for k := range between * substeps {
		next, err := step.Call(state[0], state[1], float32(t0+float64(k)*h), float32(h))
		if err != nil {
			return fmt.Errorf("eqflow: following the flow failed: %w", err)
		}
		release(state)
		next[2].MustFinalizeAll()
		state = next[:2]
		if (k+1)%substeps == 0 {
			frame := path[(k+1)/substeps].Slice(from, to)
			for i, v := range tensors.MustCopyFlatData[float32](state[0])[:len(frame.X)] {
				frame.X[i] = float64(v)
			}
		}
	}
	return nil
}
