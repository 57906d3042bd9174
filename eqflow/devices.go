package eqflow

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Share spreads what the model computes from now on over the first devices of its backend: each holds all parameters and
// takes an equal part of every batch, and XLA adds what they must add: losses and gradients (GoMLX's AutoSharding, by Shardy).
// Results are those of one device but for rounding; the batches of a training must divide by the number of devices.
func (m *Model) Share(devices int) error {
	if have := m.backend.NumDevices(); devices < 1 || devices > have {
		return fmt.Errorf("eqflow: cannot share the work among %d devices of a backend that has %d; open it with xla.OpenDevices", devices, have)
	}
	mesh, err := distributed.NewDeviceMesh([]int{devices}, []string{batchAxis})
	if err != nil {
		return fmt.Errorf("eqflow: cannot share the work among %d devices: %w", devices, err)
	}
	for key, exec := range m.programs {
		exec.Finalize()
		delete(m.programs, key)
	}
	m.devices, m.mesh = devices, mesh
	return nil
}

// Devices is the number of devices that the model computes on.
func (m *Model) Devices() int { return m.devices }

// batchAxis names the axis of the devices' mesh along which batches are split.
const batchAxis = "batch"

// split makes a program run on all of the model's devices. Its first inputs are batches, and each device takes its part of
// them; further inputs, and all parameters, every device holds whole. The outputs are batches too, or numbers that all know.
func (m *Model) split(exec *model.Exec, batches int, outputsAreBatches bool) *model.Exec {
	if m.devices == 1 {
		return exec
	}
	part := &distributed.ShardingSpec{Mesh: m.mesh, Axes: []distributed.AxisSpec{{batchAxis}}}
	whole := distributed.NewReplicatedShardingSpec(m.mesh)
	inputs, output := slices.Repeat([]*distributed.ShardingSpec{part}, batches), part
	if !outputsAreBatches {
		inputs, output = append(inputs, whole), whole // the last one stands for all that follow
	}
	return exec.AutoSharding(m.mesh).WithInputShardingSpecs(inputs...).WithOutputShardingSpecs(output)
}

// shares are a step's inputs, device by device: its part of the batch, and the numbers.
func (m *Model) shares(in Inputs, numbers ...any) (all []any) {
	for k := range m.devices {
		all = append(append(all, in.share(k, m.devices).tensors()...), numbers...)
	}
	return all
}

// share is the k-th of equal parts of what is as long as the batch.
func (in Inputs) share(k, of int) Inputs {
	part := func(b particle.Batch) particle.Batch { return b.Slice(k*b.Len()/of, (k+1)*b.Len()/of) }
	in.X, in.Z, in.Slopes = part(in.X), part(in.Z), part(in.Slopes)
	in.T = in.T[k*len(in.T)/of : (k+1)*len(in.T)/of]
	return in
}
