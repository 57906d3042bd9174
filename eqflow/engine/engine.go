package engine

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Engine computes one flow with its current parameters. An Engine is not safe for concurrent use,
// except for the methods of Field.
type Engine interface {
	fmt.Stringer // names the engine, as results do: "C, AVX-512"
	Mapper
	Field
	Learner
}

// Mapper maps configurations along the flow.
type Mapper interface {
	// Map maps configurations [B, n, d], whose means it removes first. After every block it calls
	// progress with the number of configurations that are done, and ends with progress's error.
	// progress may be nil.
	Map(x particle.Batch, s Solve, progress Progress) (Image, error)
	// Block is the number of configurations that the engine computes at a time, for a batch of the
	// given length and a divergence that the given number of probes estimates (0: exact).
	Block(length, probes int) int
}

// Progress receives the number of configurations that are done. Its error ends the computation.
type Progress func(done int) error

// Field is the vector field of a continuous flow at configurations x [B, n, d] and flow times t
// [B]. Its methods may be called by several goroutines.
type Field interface {
	// Velocity returns v [B, n, d].
	Velocity(x particle.Batch, t []float64) (v particle.Batch, err error)
	// Divergence returns v and div v [B]: exact where probes is nil, otherwise the mean of
	// p·(∂v/∂x)p over the probes p.
	Divergence(x particle.Batch, t []float64, probes Probes) (v particle.Batch, div []float64, err error)
	// DivergenceGradient returns div v [B] and ∇div v [B, n, d].
	DivergenceGradient(x particle.Batch, t []float64) (div []float64, gradient particle.Batch, err error)
	// Pull returns (∂v/∂x)ᵀs [B, n, d] for cotangents s.
	Pull(x particle.Batch, t []float64, cotangents particle.Batch) (particle.Batch, error)
}

// Learner differentiates training losses by the parameters in ScopeFlow.
type Learner interface {
	// Gradient returns a loss, in nats, and its gradient by every parameter, under the parameters'
	// names. It may compile a program on every call: it is for checks.
	Gradient(l Loss, in Inputs) (loss float64, gradient dataset.Arrays, err error)
	// NewStep prepares training steps. The update says how a step moves the parameters along the
	// gradient of the loss.
	NewStep(l Loss, u Update) (Step, error)
}

// Image holds the images of configurations under the flow.
type Image struct {
	X      particle.Batch // [B, n, d]
	LogDet []float64      // log|det ∂X/∂input| on the mean-free subspace [B], nats
	// LogDetError is the standard error of each LogDet where several probes estimate the
	// divergence, nil otherwise.
	LogDetError []float64
	// Penalty is the disagreement of the solver's twin stages [B]. Only training losses use it.
	Penalty []float64
}

// Flow describes the flow that an engine computes, with the system whose configurations it maps,
// and its parameters on a backend.
type Flow struct {
	Config     flow.Config
	System     flow.System
	Backend    compute.Backend
	Parameters *Parameters
	Devices    int // the number of the backend's devices that share every batch; 0 means 1
}

// Kind is a user's choice among the engines.
type Kind string

// The kinds.
const (
	// Auto chooses the fastest engine: C or tables on the host where one of them computes the flow,
	// and graphs otherwise.
	Auto Kind = "auto"
	// Graphs chooses the graphs, which also run on a GPU.
	Graphs Kind = "graph"
	// Host chooses C or tables. It gives an error for a flow, or an operation, that neither
	// computes.
	Host Kind = "host"
)

// Kinds lists the kinds.
var Kinds = []Kind{Auto, Graphs, Host}

// EnvEngine is the environment variable that chooses the kind if a program does not.
const EnvEngine = "EQFLOW_ENGINE"

// Default returns the kind that EnvEngine names, or Auto if the variable is empty.
func Default() Kind { return cmp.Or(Kind(os.Getenv(EnvEngine)), Auto) }

// engines lists the engines, the fastest first. A constructor returns an error that says why its
// engine does not compute the flow. The new engine passes to fallback what it does not compute.
var engines = []struct {
	name string
	kind Kind
	new  func(f Flow, fallback Engine) (Engine, error)
}{
	{"tables", Host, newTables},
	{"C", Host, newNetwork},
	{"graphs", Graphs, newGraphsAlone},
}

// ErrChoice marks a choice of engine that does not compute the flow or the operation.
var ErrChoice = errors.New("eqflow: this engine does not compute this flow")

// New chooses the engine of a flow; an empty kind means Default. It creates the flow's parameters
// if they do not exist.
func New(kind Kind, f Flow) (Engine, error) {
	if kind == "" {
		kind = Default()
	}
	if !slices.Contains(Kinds, kind) {
		return nil, fmt.Errorf("%w: there is no engine %q; use one of %v", ErrChoice, kind, Kinds)
	}
	f.Devices = max(1, f.Devices)
	if err := f.createParameters(); err != nil {
		return nil, err
	}
	var fallback Engine = refusal{}
	if kind != Host {
		g, err := newGraphs(f)
		if err != nil {
			return nil, err
		}
		fallback = g
	}
	var reasons []string
	for _, e := range engines {
		if kind != Auto && e.kind != kind {
			continue
		}
		chosen, err := e.new(f, fallback)
		if err == nil {
			return chosen, nil
		}
		if e.kind == Graphs {
			return nil, err
		}
		reasons = append(reasons, e.name+": "+err.Error())
	}
	return nil, fmt.Errorf("%w on the host (%s); choose the engine %q or %q",
		ErrChoice, strings.Join(reasons, "; "), Auto, Graphs)
}

// Compiles reports whether an engine compiles a program for each number of solver steps.
func Compiles(e Engine) bool {
	_, ok := e.(*graphs)
	return ok
}

// hostObstacle returns the reason why no engine on the host computes a flow, whatever its field. It
// is "" if there is none.
func hostObstacle(f Flow) string {
	c, continuous := f.Config.(flow.Continuous)
	switch {
	case !continuous:
		return fmt.Sprintf("%T is not continuous", f.Config)
	case c.Unrolled:
		return "the flow is unrolled"
	case f.Devices > 1:
		return fmt.Sprintf("%d devices share the work", f.Devices)
	case !f.Backend.HasSharedBuffers():
		return "the backend's device has a memory of its own"
	}
	return ""
}

// refusal is the fallback of Host. It computes nothing.
type refusal struct{}

// refuse returns the error of an operation that no engine on the host computes.
func refuse(operation string) error {
	return fmt.Errorf("%w: the host has no code for %s; choose the engine %q or %q", ErrChoice, operation, Auto, Graphs)
}

func (refusal) String() string     { return "none" }
func (refusal) Block(_, _ int) int { return 1 }
func (refusal) NewStep(l Loss, _ Update) (Step, error) {
	return nil, refuse("training by " + l.String())
}

func (refusal) Map(particle.Batch, Solve, Progress) (Image, error) {
	return Image{}, refuse("this solve of the flow")
}

func (refusal) Velocity(particle.Batch, []float64) (particle.Batch, error) {
	return particle.Batch{}, refuse("the field's velocity")
}

func (refusal) Divergence(particle.Batch, []float64, Probes) (particle.Batch, []float64, error) {
	return particle.Batch{}, nil, refuse("the field's divergence")
}

func (refusal) DivergenceGradient(particle.Batch, []float64) ([]float64, particle.Batch, error) {
	return nil, particle.Batch{}, refuse("the gradient of the field's divergence")
}

func (refusal) Pull(particle.Batch, []float64, particle.Batch) (particle.Batch, error) {
	return particle.Batch{}, refuse("the transport of scores")
}

func (refusal) Gradient(l Loss, _ Inputs) (float64, dataset.Arrays, error) {
	return 0, nil, refuse("training by " + l.String())
}
