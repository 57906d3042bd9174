package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
)

// graphs is the engine that compiles graphs, for XLA or for GoMLX's Go backend. It computes every
// flow on every device.
type graphs struct {
	Flow
	mesh *distributed.DeviceMesh // of the devices; nil for one

	mutex    sync.Mutex
	programs map[program]*model.Exec // compiled on first use
}

// program identifies a compiled graph: its purpose, the number of solver steps, the scope of the
// parameters, and the number of probes of the divergence.
type program struct {
	name   string
	steps  int
	scope  string
	probes int
}

// newGraphs prepares the engine. It compiles nothing yet.
func newGraphs(f Flow) (*graphs, error) {
	g := &graphs{Flow: f, programs: map[program]*model.Exec{}}
	if have := f.Backend.NumDevices(); f.Devices > have {
		return nil, fmt.Errorf("%w: %d devices of a backend that has %d; open it with xla.OpenDevices",
			ErrChoice, f.Devices, have)
	}
	if f.Devices > 1 {
		mesh, err := distributed.NewDeviceMesh([]int{f.Devices}, []string{batchAxis})
		if err != nil {
			return nil, fmt.Errorf("eqflow: cannot share the work among %d devices: %w", f.Devices, err)
		}
		g.mesh = mesh
	}
	return g, nil
}

// newGraphsAlone returns the graphs as the engine of all operations.
func newGraphsAlone(_ Flow, fallback Engine) (Engine, error) {
	g, ok := fallback.(*graphs)
	if !ok {
		return nil, errors.New("eqflow: there are no graphs to fall back on")
	}
	return g, g.tryOut()
}

// Compile compiles a function of the bound flow, with the parameters of ScopeFlow, and of further
// inputs.
func (f Flow) Compile(function func(b flow.Bijection, inputs []*Node) []*Node) (*model.Exec, error) {
	return model.NewExec(f.Backend, f.Parameters.Store, func(scope *model.Scope, inputs []*Node) []*Node {
		return function(f.bind(scope, inputs[0].Graph(), 0, ScopeFlow), inputs)
	})
}

// tryOut evaluates the flow at one configuration, so that a graph that cannot be built fails early.
// Of a continuous flow it evaluates the field alone: a whole solve of many particles takes a minute
// to compile. The internal flow takes half a minute, and its description is complete.
func (g *graphs) tryOut() error {
	if _, ok := g.Config.(flow.Internal); ok {
		return nil
	}
	x := prior.MeanFree{N: g.System.N, D: g.System.D}.Sample(rand.New(rand.NewPCG(1, 1)), 1)
	if _, ok := g.Config.(flow.Continuous); !ok {
		_, err := g.Map(x, ToPrior(0, Divergence{}), nil)
		return err
	}
	out, err := model.CallOnce(g.Backend, g.Parameters.Store, func(scope *model.Scope, x *Node) *Node {
		t := BroadcastToDims(Scalar(x.Graph(), x.DType(), 0.5), x.Shape().Dimensions[0])
		v, _ := g.bind(scope, x.Graph(), 0, ScopeFlow).(flow.Partial).At(t, x)
		return ReduceAllSum(v)
	}, block(x, 1))
	if err != nil {
		return fmt.Errorf("eqflow: the field failed: %w", err)
	}
	release([]*tensors.Tensor{out})
	return nil
}

// String implements Engine.
func (g *graphs) String() string {
	text := "graphs, backend " + g.Backend.Name()
	if g.Devices > 1 {
		text += fmt.Sprintf(", %d devices", g.Devices)
	}
	return text
}

// Block implements Mapper.
func (g *graphs) Block(length, probes int) int { return g.paddedSize(length, probes) }

// Map implements Mapper. One compiled program computes the whole flow. A part of the flow is solved
// on the host, with only the field compiled, because each part would need a program of its own.
func (g *graphs) Map(x particle.Batch, s Solve, progress Progress) (Image, error) {
	if s.isWhole() {
		return g.mapWhole(x, s, progress)
	}
	c, ok := g.Config.(flow.Continuous)
	if !ok {
		return Image{}, fmt.Errorf("eqflow: %T has no flow time; map it as a whole", g.Config)
	}
	s = s.withDefaults(c.WithDefaults())
	x = x.Clone().RemoveMean()
	out := Image{X: particle.NewBatch(x.Len(), x.N, x.D)}
	return out, forBlocks(x.Len(), g.paddedSize(x.Len(), s.Divergence.Probes), progress, func(from, to int) error {
		part, err := integrate(g, x.Slice(from, to), s)
		copy(out.X.Slice(from, to).X, part.X.X)
		out.LogDet = append(out.LogDet, part.LogDet...)
		return err
	})
}

// mapWhole maps configurations from one end of the flow to the other, on all devices.
func (g *graphs) mapWhole(x particle.Batch, s Solve, progress Progress) (Image, error) {
	exec, err := g.wholeProgram(s)
	if err != nil {
		return Image{}, err
	}
	out := Image{X: particle.NewBatch(x.Len(), x.N, x.D), LogDet: make([]float64, x.Len())}
	size := g.paddedSize((x.Len()+g.Devices-1)/g.Devices, s.Divergence.Probes)
	return out, forBlocks(x.Len(), size*g.Devices, progress, func(from, to int) error {
		var inputs []any
		for k := range g.Devices {
			part := x.Slice(min(from+k*size, to-1), min(from+(k+1)*size, to))
			inputs = append(inputs, mapInputs(part, size, s.Divergence)...)
		}
		results, err := exec.Call(inputs...)
		if err != nil {
			return fmt.Errorf("eqflow: mapping configurations failed: %w", err)
		}
		each := len(results) / g.Devices
		for k := range g.Devices {
			first := min(from+k*size, to)
			part := onHost(results[k*each:(k+1)*each], min(size, to-first))
			if first == to {
				continue
			}
			copy(out.X.Slice(first, min(first+size, to)).X, part[0])
			copy(out.LogDet[first:min(first+size, to)], part[1])
			if len(part) > 2 {
				out.LogDetError = append(out.LogDetError, part[2]...)
			}
		}
		return nil
	})
}

// wholeProgram returns the program of the flow from one end to the other.
func (g *graphs) wholeProgram(s Solve) (*model.Exec, error) {
	name := "the flow"
	if s.T0 == 1 {
		name = "the inverse flow"
	}
	key := program{name, s.Steps, g.Parameters.Scope, s.Divergence.Probes}
	return g.compiled(key, 1+min(key.probes, 1), func(scope *model.Scope, inputs []*Node) []*Node {
		x := inputs[0]
		bound := withProbes(g.bind(scope, x.Graph(), s.Steps, key.scope), inputs[1:])
		direction := bound.Forward
		if s.T0 == 1 {
			direction = bound.Inverse
		}
		image := direction(x)
		if image.Error == nil {
			return []*Node{image.X, image.LogDet}
		}
		return []*Node{image.X, image.LogDet, image.Error}
	})
}

// withProbes returns the flow with its divergence estimated from the probes, if there are any.
func withProbes(f flow.Bijection, probes []*Node) flow.Bijection {
	if len(probes) == 0 {
		return f
	}
	return f.(flow.Probed).Along(probes[0])
}

// compiled returns a program, which is prepared on its first use. The first inputs of the program,
// as many as batches says, are batches that all devices share. With 0 the program runs on one
// device.
func (g *graphs) compiled(key program, batches int, build func(*model.Scope, []*Node) []*Node) (*model.Exec, error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if exec, ok := g.programs[key]; ok {
		return exec, nil
	}
	exec, err := model.NewExec(g.Backend, g.Parameters.Store, build)
	if err != nil {
		return nil, fmt.Errorf("eqflow: cannot prepare %s: %w", key.name, err)
	}
	exec.SetMaxCache(8)
	g.programs[key] = g.split(exec, batches, true)
	return exec, nil
}

// mapInputs returns the inputs of a map for a block: the configurations, means removed, [size, n,
// d], and their probes [size, probes, n, d] if the divergence is estimated.
func mapInputs(x particle.Batch, size int, d Divergence) []any {
	flat := blockNumbers(x, size)
	in := []any{tensors.FromFlatDataAndDimensions(flat, size, x.N, x.D)}
	if d.Probes == 0 {
		return in
	}
	width := x.N * x.D
	var probes []float32
	for i := range size {
		probes = append(probes, d.vectors(flat[i*width:(i+1)*width], x.N, x.D)...)
	}
	return append(in, tensors.FromFlatDataAndDimensions(probes, size, d.Probes, x.N, x.D))
}

// block returns configurations, means removed, as a tensor [size, n, d]. Copies of the last
// configuration pad it.
func block(x particle.Batch, size int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(blockNumbers(x, size), size, x.N, x.D)
}

// blockNumbers returns the numbers of block.
func blockNumbers(x particle.Batch, size int) []float32 {
	width := x.N * x.D
	flat := make([]float32, size*width)
	one := make([]float64, width)
	for i := range size {
		copy(one, x.At(min(i, x.Len()-1)))
		particle.RemoveMean(one, x.D)
		for k, v := range one {
			flat[i*width+k] = float32(v)
		}
	}
	return flat
}

// onHost copies results [size, ...] to the host, removes the padding, and releases the results.
func onHost(results []*tensors.Tensor, keep int) [][]float64 {
	out := make([][]float64, len(results))
	for k, r := range results {
		if r.DType() != dtypes.Float32 {
			panic(fmt.Sprintf("eqflow: result of type %s", r.DType()))
		}
		values := tensors.MustCopyFlatData[float32](r)
		out[k] = float64s(values[:len(values)/r.Shape().Dimensions[0]*keep])
		r.MustFinalizeAll()
	}
	return out
}

func release(all []*tensors.Tensor) {
	for _, t := range all {
		t.MustFinalizeAll()
	}
}

// batchAxis is the name of the axis of the device mesh along which batches are split.
const batchAxis = "batch"

// split makes a program run on all devices. Each device holds all parameters and takes an equal
// part of every batch, and XLA sums losses and gradients (GoMLX's AutoSharding, by Shardy). The
// first inputs of the program are batches. Its outputs are also batches, or numbers that are equal
// on all devices.
func (g *graphs) split(exec *model.Exec, batches int, outputsAreBatches bool) *model.Exec {
	if g.Devices == 1 || batches == 0 {
		return exec
	}
	part := &distributed.ShardingSpec{Mesh: g.mesh, Axes: []distributed.AxisSpec{{batchAxis}}}
	whole := distributed.NewReplicatedShardingSpec(g.mesh)
	inputs, output := slices.Repeat([]*distributed.ShardingSpec{part}, batches), part
	if !outputsAreBatches {
		inputs, output = append(inputs, whole), whole // the last one applies to all further inputs
	}
	return exec.AutoSharding(g.mesh).WithInputShardingSpecs(inputs...).WithOutputShardingSpecs(output)
}
