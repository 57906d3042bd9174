package engine

import (
	"fmt"
	"reflect"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// The scopes of a store: the parameters that training moves, their moving average, and the
// parameters with the best validation so far.
const (
	ScopeFlow    = "flow"
	ScopeAverage = "average"
	ScopeBest    = "best"
)

// Parameters are the variables of a flow, in one scope or several, and the variables of its
// optimiser.
type Parameters struct {
	Store *model.Store
	// Scope is the scope that Map and the methods of Field read. Training moves ScopeFlow.
	Scope string
	// version counts the changes, so that an engine knows when its copy is out of date.
	version int
}

// NewParameters returns parameters without any variable yet.
func NewParameters() *Parameters { return &Parameters{Store: model.NewStore(), Scope: ScopeFlow} }

// Count returns the number of trainable parameters.
func (p *Parameters) Count() int { return p.Store.RootScope().At(ScopeFlow).NumParameters() }

// List returns the variables of a scope and their paths below it, in the store's order.
func (p *Parameters) List(scope string) (names []string, variables []*model.Variable) {
	for v := range p.Store.RootScope().At("%s", scope).IterVariables() {
		names = append(names, strings.TrimPrefix(v.Path(), "/"+scope+"/"))
		variables = append(variables, v)
	}
	return names, variables
}

// Copy sets every variable of one scope to its namesake of another scope, and creates the missing
// ones.
func (p *Parameters) Copy(to, from string) error {
	names, variables := p.List(from)
	for k, v := range variables {
		value, err := v.Value()
		if err != nil {
			return fmt.Errorf("eqflow: cannot read parameter %s: %w", v.Path(), err)
		}
		clone, err := value.LocalClone()
		if err != nil {
			return fmt.Errorf("eqflow: cannot copy parameter %s: %w", v.Path(), err)
		}
		if err := p.set("/"+to+"/"+names[k], clone, to == ScopeFlow); err != nil {
			return err
		}
	}
	return nil
}

// set gives a variable its value, and creates the variable if it is missing.
func (p *Parameters) set(path string, value *tensors.Tensor, trainable bool) error {
	p.version++
	if v := p.Store.GetVariable(path); v != nil {
		if !v.Shape().Equal(value.Shape()) {
			return fmt.Errorf("eqflow: parameter %s is %s, not %s; the model is of another flow",
				path, v.Shape(), value.Shape())
		}
		return v.SetValue(value)
	}
	v, err := p.Store.CreateVariable(path, value)
	if err == nil {
		v.SetTrainable(trainable)
	}
	return err
}

// Export returns the parameters of ScopeFlow by their names in the flow, such as "weights" of the
// kernel field.
func (p *Parameters) Export() (dataset.Arrays, error) {
	names, variables := p.List(ScopeFlow)
	var out dataset.Arrays
	for k, v := range variables {
		value, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("eqflow: cannot read parameter %s: %w", names[k], err)
		}
		a, err := toArray(names[k], value)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// Import sets every parameter of ScopeFlow to the float32 array of its name. It ignores further
// arrays.
func (p *Parameters) Import(from dataset.Arrays) error {
	names, variables := p.List(ScopeFlow)
	for k, v := range variables {
		a, ok := from.Get(names[k])
		if !ok || a.F32 == nil {
			return dataset.Inputf("eqflow: there is no float32 array %q; the parameters are of another flow", names[k])
		}
		if err := p.set(v.Path(), fromArray(a), true); err != nil {
			return err
		}
	}
	return nil
}

// Arrays returns every variable below a scope ("" for all) for a file. The name of an array is the
// variable's path without the leading slash.
func (p *Parameters) Arrays(scope string) (dataset.Arrays, error) {
	var arrays dataset.Arrays
	for v := range p.Store.IterVariables() {
		if scope != "" && !strings.HasPrefix(v.Path(), "/"+scope+"/") {
			continue
		}
		a, err := toArray(strings.TrimPrefix(v.Path(), "/"), v.MustValue())
		if err != nil {
			return nil, err
		}
		arrays = append(arrays, a)
	}
	return arrays, nil
}

// Restore sets the variable that an array of Arrays names.
func (p *Parameters) Restore(a dataset.Array) error {
	return p.set("/"+a.Name, fromArray(a), strings.HasPrefix(a.Name, ScopeFlow+"/"))
}

func toArray(name string, t *tensors.Tensor) (dataset.Array, error) {
	shape := t.Shape().Dimensions
	a := dataset.Array{Name: name, Shape: append([]int{}, shape...)}
	var err error
	switch t.DType().GoType().Kind() {
	case reflect.Float32:
		a.F32, err = tensors.CopyFlatData[float32](t)
	case reflect.Float64:
		a.F64, err = tensors.CopyFlatData[float64](t)
	case reflect.Int64:
		a.I64, err = tensors.CopyFlatData[int64](t)
	default:
		return a, fmt.Errorf("eqflow: variable %s has type %s, which a checkpoint cannot hold", name, t.DType())
	}
	return a, err
}

func fromArray(a dataset.Array) *tensors.Tensor {
	switch {
	case a.F32 != nil:
		return tensors.FromFlatDataAndDimensions(a.F32, a.Shape...)
	case a.F64 != nil:
		return tensors.FromFlatDataAndDimensions(a.F64, a.Shape...)
	default:
		return tensors.FromFlatDataAndDimensions(a.I64, a.Shape...)
	}
}

// forEach calls do with the name and the numbers of every parameter of a scope.
func (p *Parameters) forEach(scope string, do func(name string, numbers []float32)) error {
	names, variables := p.List(scope)
	for k, v := range variables {
		value, err := v.Value()
		if err == nil {
			err = tensors.ConstFlatData(value, func(numbers []float32) { do(names[k], numbers) })
		}
		if err != nil {
			return fmt.Errorf("eqflow: cannot read parameter %s: %w", v.Path(), err)
		}
	}
	return nil
}

// withSteps returns the flow with the given number of solver steps; 0 leaves it as trained. Flows
// without a solver ignore it.
func withSteps(c flow.Config, steps int) flow.Config {
	if f, ok := c.(flow.Continuous); ok && steps > 0 {
		f.Steps = steps
		return f
	}
	return c
}

// bind binds the flow in a graph, with the given number of solver steps (0: as trained) and the
// parameters of a scope.
func (f Flow) bind(scope *model.Scope, g *Graph, steps int, parameters string) flow.Bijection {
	return withSteps(f.Config, steps).Bind(scope.At("%s", parameters), g, f.System)
}

// createParameters runs a graph that binds the flow and computes nothing.
func (f Flow) createParameters() error {
	exec, err := model.NewExec(f.Backend, f.Parameters.Store, func(scope *model.Scope, x *Node) *Node {
		f.bind(scope, x.Graph(), 0, ScopeFlow)
		return Neg(x)
	})
	if err != nil {
		return fmt.Errorf("eqflow: cannot create the parameters: %w", err)
	}
	defer exec.Finalize()
	if _, err := exec.Call1(float32(0)); err != nil {
		return fmt.Errorf("eqflow: cannot create the parameters: %w", err)
	}
	return nil
}
