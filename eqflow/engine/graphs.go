package engine

import (
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

// graphs is the engine that compiles graphs, for XLA or for GoMLX's backend in Go. It computes every flow on every device.
type graphs struct {
	Flow
	mesh *distributed.DeviceMesh // of the devices; nil for one

	mutex    sync.Mutex
	programs map[program]*model.Exec // compiled on first use
}

// program names a compiled graph: what it does, with the solver at how many steps, with the parameters of which scope, and
// with the divergence from how many probes.
type program struct {
	name   string
	steps  int
	scope  string
	probes int
}

// newGraphs prepares the engine; nothing is compiled yet.
func newGraphs(f Flow) (*graphs, error) {
	g := &graphs{Flow: f, programs: map[program]*model.Exec{}}
	if have := f.Backend.NumDevices(); f.Devices > have {
		return nil, fmt.Errorf("%w: %d devices of a backend that has %d; open it with xla.OpenDevices", ErrChoice, f.Devices, have)
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

// newGraphsAlone is the engine of flows that go to the graphs in all they do.
func newGraphsAlone(_ Flow, otherwise Engine) (Engine, error) {
	g, ok := otherwise.(*graphs)
	if !ok {
		return nil, fmt.Errorf("eqflow: there are no graphs to take")
	}
	return g, g.tryOut()
}

// tryOut evaluates the flow at one configuration, which shows what its graph would fail at. Of a continuous flow it evaluates
// the field alone: a whole solve of many particles takes a minute to compile.
func (g *graphs) tryOut() error {
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

// Map implements Mapper. The whole flow runs in one compiled program. A part of the flow is solved on the host, with the
// field alone compiled, because a program would have to be compiled for every part.
func (g *graphs) Map(x particle.Batch, s Solve, progress Progress) (Image, error) {
	if s.whole() {
		return g.mapWhole(x, s, progress)
	}
	c, ok := g.Config.(flow.Continuous)
	if !ok {
		return Image{}, fmt.Errorf("eqflow: %T has no flow time to follow; map the whole way", g.Config)
	}
	s = s.of(c.WithDefaults())
	x = x.Clone().RemoveMean()
	out := Image{X: particle.NewBatch(x.Len(), x.N, x.D)}
	return out, inBlocks(x.Len(), g.paddedSize(x.Len(), s.Divergence.Probes), progress, func(from, to int) error {
		part, err := integrate(g, x.Slice(from, to), s)
		copy(out.X.Slice(from, to).X, part.X.X)
		out.LogDet = append(out.LogDet, part.LogDet...)
		return err
	})
}

func (g *graphs) mapWhole(x particle.Batch, s Solve, progress Progress) (Image, error) {
	exec, err := g.wholeProgram(s)
	if err != nil {
		return Image{}, err
	}
	out := Image{X: particle.NewBatch(x.Len(), x.N, x.D), LogDet: make([]float64, x.Len())}
	size := g.paddedSize((x.Len()+g.Devices-1)/g.Devices, s.Divergence.Probes)
	return out, inBlocks(x.Len(), size*g.Devices, progress, func(from, to int) error {
		var inputs []any
		for k := range g.Devices {
			part := x.Slice(min(from+k*size, to-1), min(from+(k+1)*size, to))
			inputs = append(inputs, mapInputs(part, size, s.Divergence)...)
		}
		results, err := exec.Call(inputs...)
		if err != nil {
			return fmt.Errorf("eqflow: mapping configurations failed: %w", err)
		}
		for k := range g.Devices {
			at, each := min(from+k*size, to), len(results)/g.Devices
			part := onHost(results[k*each:(k+1)*each], min(size, to-at))
			if at == to {
				continue
			}
			copy(out.X.Slice(at, min(at+size, to)).X, part[0])
			copy(out.LogDet[at:min(at+size, to)], part[1])
			if len(part) > 2 {
				out.LogDetError = append(out.LogDetError, part[2]...)
			}
		}
		return nil
	})
}

// wholeProgram is the program of the flow from one end to the other.
func (g *graphs) wholeProgram(s Solve) (*model.Exec, error) {
	name := "the flow"
	if s.T0 == 1 {
		name = "the inverse flow"
	}
	key := program{name, s.Steps, g.Parameters.Scope, s.Divergence.Probes}
	return g.compiled(key, 1+min(key.probes, 1), func(scope *model.Scope, inputs []*Node) []*Node {
		x := inputs[0]
		bound := withProbes(g.bind(scope, x.Graph(), s.Steps, key.scope), inputs[1:])
		image := bound.Forward
		if s.T0 == 1 {
			image = bound.Inverse
		}
		at := image(x)
		if at.Error == nil {
			return []*Node{at.X, at.LogDet}
		}
		return []*Node{at.X, at.LogDet, at.Error}
	})
}

// withProbes makes the flow estimate its divergence from the probes, if there are any.
func withProbes(f flow.Bijection, probes []*Node) flow.Bijection {
	if len(probes) == 0 {
		return f
	}
	return f.(flow.Probed).Along(probes[0])
}

// compiled returns a program, which is prepared on its first use. Its first inputs, so many, are batches that all devices
// share; with 0 the program runs on one device.
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

// mapInputs are the inputs of a map for configurations of a block: the configurations, means removed, [size, n, d], and their
// probes [size, probes, n, d] where the divergence is estimated.
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

// block turns configurations, means removed, into a tensor [size, n, d]. Copies of the last one pad it.
func block(x particle.Batch, size int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(blockNumbers(x, size), size, x.N, x.D)
}

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

// onHost copies results [size, ...] to the host, cuts the padding off, and releases them.
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

// batchAxis names the axis of the devices' mesh along which batches are split.
const batchAxis = "batch"

// split makes a program run on all devices: each holds all parameters and takes an equal part of every batch, and XLA adds
// losses and gradients (GoMLX's AutoSharding, by Shardy). The program's first inputs are batches. The outputs are batches
// too, or numbers that all devices know.
func (g *graphs) split(exec *model.Exec, batches int, outputsAreBatches bool) *model.Exec {
	if g.Devices == 1 || batches == 0 {
		return exec
	}
	part := &distributed.ShardingSpec{Mesh: g.mesh, Axes: []distributed.AxisSpec{{batchAxis}}}
	whole := distributed.NewReplicatedShardingSpec(g.mesh)
	inputs, output := slices.Repeat([]*distributed.ShardingSpec{part}, batches), part
	if !outputsAreBatches {
		inputs, output = append(inputs, whole), whole // the last one stands for all that follow
	}
	return exec.AutoSharding(g.mesh).WithInputShardingSpecs(inputs...).WithOutputShardingSpecs(output)
}
