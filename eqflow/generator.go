package eqflow

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Generator describes a Boltzmann generator: what it samples, and the flow from the mean-free normal prior to it.
type Generator struct {
	Target target.Target
	Flow   flow.Config // default flow.Continuous{}: the kernel field through RK4
	Seed   uint64      // of the first parameters
}

// Validate returns an error that names what is missing or out of range.
func (g Generator) Validate() error {
	if g.Target == nil {
		return fmt.Errorf("eqflow: the generator has no target; set Target, for example target.DW4()")
	}
	if g.Flow == nil {
		return nil
	}
	return g.Flow.Validate()
}

// Model is a generator on a backend: its parameters, and the compiled programs that use them. It is not safe for
// concurrent use; models on backends of their own run side by side.
type Model struct {
	Generator
	Prior    prior.MeanFree
	backend  compute.Backend
	store    *model.Store
	steps    int // training steps taken
	past     History
	start    string // SHA-256 of the file that the first parameters are from
	scope    string // of the parameters in use
	watch    func(done, total int) error
	tables   tabulated
	devices  int // that share the work
	estimate Divergence
	mesh     *distributed.DeviceMesh // of the devices; nil for one
	// inGraphs keeps the kernel field in graphs everywhere, to compare with.
	inGraphs bool
	// programs are compiled on first use, by what they do and the solver steps they take.
	programs map[program]*model.Exec
}

// program names a compiled graph: what it does, in how many solver steps, with the parameters of which scope, and with the
// divergence from how many probes.
type program struct {
	name   string
	steps  int
	scope  string
	probes int
}

// New creates the model with the parameters that the generator's seed draws.
func New(backend compute.Backend, g Generator) (*Model, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if g.Flow == nil {
		g.Flow = flow.Continuous{}
	}
	m := &Model{
		Generator: g, backend: backend, store: model.NewStore(), scope: scopeFlow, devices: 1, programs: map[program]*model.Exec{},
		Prior: prior.MeanFree{N: g.Target.Particles(), D: g.Target.Dim()},
	}
	if m.forHost() {
		return m, m.createParameters()
	}
	return m, m.tryOut()
}

// tryOut evaluates the flow once, which creates the parameters and shows what its graph would fail at. Of a continuous flow it takes
// the field alone: a whole solve of many particles takes a minute to compile.
func (m *Model) tryOut() error {
	x := m.Prior.Sample(rand.New(rand.NewPCG(1, 1)), 1)
	if _, ok := m.Flow.(flow.Continuous); ok {
		out, err := model.CallOnce(m.backend, m.store, func(scope *model.Scope, x *Node) *Node {
			t := BroadcastToDims(Scalar(x.Graph(), x.DType(), 0.5), x.Shape().Dimensions[0])
			v, _ := m.bind(scope, x.Graph(), 0, scopeFlow).(flow.Partial).At(t, x)
			return ReduceAllSum(v)
		}, m.block(x, 1))
		if err != nil {
			return fmt.Errorf("eqflow: the field failed: %w", err)
		}
		release([]*tensors.Tensor{out})
		return nil
	}
	_, err := m.LogProb(x, 0)
	return err
}

// Watch lets ctx end the model's later computations over many configurations, between blocks of them, with ctx's error;
// report, which may be nil, hears how many configurations are done.
func (m *Model) Watch(ctx context.Context, report func(done, total int)) {
	m.watch = func(done, total int) error {
		if report != nil {
			report(done, total)
		}
		return context.Cause(ctx)
	}
}

// Trained is the number of training steps that the parameters have behind them.
func (m *Model) Trained() int { return m.steps }

// Parameters is the number of trainable parameters.
func (m *Model) Parameters() int {
	return m.store.RootScope().At(scopeFlow).NumParameters()
}

// Backend is where the model computes.
func (m *Model) Backend() compute.Backend { return m.backend }

// withSteps returns the flow with its solver at the given steps; 0 leaves it as trained. Flows without a solver ignore it.
func withSteps(c flow.Config, steps int) flow.Config {
	if f, ok := c.(flow.Continuous); ok && steps > 0 {
		f.Steps = steps
		return f
	}
	return c
}

// SolverSteps is the number of solver steps of the flow as trained, 0 for flows without a solver.
func (m *Model) SolverSteps() int {
	if f, ok := m.Flow.(flow.Continuous); ok {
		return f.WithDefaults().Steps
	}
	return 0
}

// bind binds the flow in a graph.
func (m *Model) bind(scope *model.Scope, g *Graph, steps int, parameters string) flow.Bijection {
	system := flow.System{N: m.Prior.N, D: m.Prior.D, Relabelling: target.RelabellingOf(m.Target), Seed: m.Seed}
	return withSteps(m.Flow, steps).Bind(scope.At("%s", parameters), g, system)
}

// compiled returns the program that build makes, compiled on its first call. Its inputs are configurations, and probes for them
// where the divergence is estimated.
func (m *Model) compiled(key program, build func(flow.Bijection, *Node) []*Node) (*model.Exec, error) {
	if exec, ok := m.programs[key]; ok {
		return exec, nil
	}
	exec, err := model.NewExec(m.backend, m.store, func(scope *model.Scope, inputs []*Node) []*Node {
		x := inputs[0]
		return build(along(m.bind(scope, x.Graph(), key.steps, key.scope), inputs[1:]), x)
	})
	if err != nil {
		return nil, fmt.Errorf("eqflow: cannot prepare %s: %w", key.name, err)
	}
	exec.SetMaxCache(8)
	m.programs[key] = m.split(exec, 1+min(key.probes, 1), true)
	return exec, nil
}

// fits returns an error if configurations have another shape than the target's.
func (m *Model) fits(x particle.Batch) error {
	if x.N != m.Prior.N || x.D != m.Prior.D {
		return fmt.Errorf("eqflow: configurations of %d particles in %d dimensions do not fit %s, which has %d in %d",
			x.N, x.D, m.Target.Name(), m.Prior.N, m.Prior.D)
	}
	return nil
}

// apply runs a program over a batch, block by block, and hands over each block's results. A short last block is padded with copies of its
// last configuration, so that one compiled program serves all.
func (m *Model) apply(key program, x particle.Batch, build func(flow.Bijection, *Node) []*Node, take func(from, to int, results [][]float64)) error {
	if err := m.fits(x); err != nil {
		return err
	}
	key.scope, key.probes = m.scope, m.estimate.Probes
	exec, err := m.compiled(key, build)
	if err != nil {
		return err
	}
	size := m.paddedSize((x.Len() + m.devices - 1) / m.devices)
	return m.inBlocks(key.name, x.Len(), size*m.devices, func(from, to int) error {
		var inputs []any
		for k := range m.devices {
			inputs = append(inputs, m.inputs(x.Slice(min(from+k*size, to-1), min(from+(k+1)*size, to)), size)...)
		}
		results, err := exec.Call(inputs...)
		if err != nil {
			return fmt.Errorf("eqflow: %s failed: %w", key.name, err)
		}
		for k := range m.devices {
			at, each := min(from+k*size, to), len(results)/m.devices
			if part := hostBlocks(results[k*each:(k+1)*each], min(size, to-at)); at < to {
				take(at, min(at+size, to), part)
			}
		}
		return nil
	})
}

// block turns configurations, means removed, into a tensor [size, n, d].
func (m *Model) block(x particle.Batch, size int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(m.blockNumbers(x, size), size, x.N, x.D)
}

func (m *Model) blockNumbers(x particle.Batch, size int) []float32 {
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

// hostBlocks copies results [size, ...] to the host and cuts the padding off.
func hostBlocks(results []*tensors.Tensor, keep int) [][]float64 {
	out := make([][]float64, len(results))
	for k, r := range results {
		if r.DType() != dtypes.Float32 {
			panic(fmt.Sprintf("eqflow: result of type %s", r.DType()))
		}
		values := tensors.MustCopyFlatData[float32](r)
		values = values[:len(values)/r.Shape().Dimensions[0]*keep]
		out[k] = make([]float64, len(values))
		for i, v := range values {
			out[k][i] = float64(v)
		}
		r.MustFinalizeAll()
	}
	return out
}

// Samples are draws from a model with what reweighting needs.
type Samples struct {
	X         particle.Batch
	LogQ      []float64 // log-density under the model, nats
	Energy    []float64 // reduced energy u of the target
	LogWeight []float64 // −u − log q: unnormalised log importance weight
	// LogQError is the standard error of each LogQ where the divergence is estimated from several probes, nil otherwise.
	LogQError []float64
}

// Configurations are the samples without what reweighting needs.
func (s Samples) Configurations() particle.Batch { return s.X }

// Energies are the samples' reduced energies and log-weights.
func (s Samples) Energies() (u, logWeights []float64) { return s.Energy, s.LogWeight }

// Set is samples as a file keeps them: configurations with log_q, u and log_w, and log_q_error where there is one, the system,
// the seed of the draw, and how the divergence was found.
func (m *Model) Set(s Samples, seed uint64) (dataset.Set, error) {
	spec, err := target.SpecOf(m.Target)
	if err != nil {
		return dataset.Set{}, err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return dataset.Set{}, fmt.Errorf("eqflow: the system %s has no text: %w", m.Target.Name(), err)
	}
	settings, err := json.Marshal(m.estimate.Method())
	if err != nil {
		return dataset.Set{}, err
	}
	set := dataset.Set{
		Batch: s.X, Manifest: dataset.Manifest{System: m.Target.Name(), Spec: text, Seed: seed, Settings: settings, CreatedBy: "eqflow"},
		Arrays: dataset.Arrays{dataset.Float64("log_q", s.LogQ), dataset.Float64("u", s.Energy), dataset.Float64("log_w", s.LogWeight)},
	}
	if s.LogQError != nil {
		set.Arrays = append(set.Arrays, dataset.Float64("log_q_error", s.LogQError))
	}
	return set, nil
}

// Sample draws n configurations, the same for the same seed.
func (m *Model) Sample(n int, seed uint64) (Samples, error) {
	return m.SampleSteps(n, seed, 0)
}

// SampleSteps is Sample with the flow solved in the given number of steps.
func (m *Model) SampleSteps(n int, seed uint64, steps int) (Samples, error) {
	z := m.Prior.Sample(rand.New(rand.NewPCG(seed, 0x73616d706c65)), n)
	image, err := m.Forward(z, steps)
	if err != nil {
		return Samples{}, err
	}
	return image.Weigh(m.Target), nil
}

// Weigh adds a target's energies, in plain Go and float64, and log-weights to configurations with their log-density.
func Weigh(t target.Target, x particle.Batch, logQ []float64) Samples {
	s := Samples{X: x, LogQ: logQ, Energy: energies(t, x), LogWeight: make([]float64, x.Len())}
	for i, u := range s.Energy {
		s.LogWeight[i] = -u - logQ[i]
	}
	return s
}

func energies(t target.Target, x particle.Batch) []float64 {
	u := make([]float64, x.Len())
	inParallel(target.Concurrency(t), x.Len(), func(i int) { u[i] = t.EnergyForces(x.At(i), nil) })
	return u
}

func (m *Model) energies(x particle.Batch) []float64 { return energies(m.Target, x) }
