package eqflow

import (
	"fmt"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// The scopes of the store: the parameters that training moves, their moving average, and the best on validation so far.
const (
	scopeFlow    = "flow"
	scopeAverage = "average"
	scopeBest    = "best"
)

// parameters lists the variables of a scope by their path below it, in the store's order.
func (m *Model) parameters(scope string) (names []string, variables []*model.Variable) {
	for v := range m.store.RootScope().At("%s", scope).IterVariables() {
		names = append(names, strings.TrimPrefix(v.Path(), "/"+scope+"/"))
		variables = append(variables, v)
	}
	return names, variables
}

// copyParameters sets every variable of one scope to its namesake of another, creating what is missing.
func (m *Model) copyParameters(to, from string) error {
	names, variables := m.parameters(from)
	for k, v := range variables {
		value, err := v.Value()
		if err != nil {
			return fmt.Errorf("eqflow: cannot read parameter %s: %w", v.Path(), err)
		}
		clone, err := value.LocalClone()
		if err != nil {
			return fmt.Errorf("eqflow: cannot copy parameter %s: %w", v.Path(), err)
		}
		if err := m.set("/"+to+"/"+names[k], clone, to == scopeFlow); err != nil {
			return err
		}
	}
	return nil
}

// set gives a variable its value, creating it if it is missing.
func (m *Model) set(path string, value *tensors.Tensor, trainable bool) error {
	if v := m.store.GetVariable(path); v != nil {
		if !v.Shape().Equal(value.Shape()) {
			return fmt.Errorf("eqflow: parameter %s is %s, not %s; the model is of another flow", path, v.Shape(), value.Shape())
		}
		return v.SetValue(value)
	}
	v, err := m.store.CreateVariable(path, value)
	if err == nil {
		v.SetTrainable(trainable)
	}
	return err
}

// moveAverage adds the averages' update to a training graph whose parameters have been updated already.
func (m *Model) moveAverage(g *Graph, decay *Node) {
	names, variables := m.parameters(scopeFlow)
	for k, v := range variables {
		average := m.store.GetVariable("/" + scopeAverage + "/" + names[k])
		old := average.NodeValue(g)
		average.SetNodeValue(Add(old, Mul(OneMinus(decay), Sub(v.NodeValue(g), old))))
	}
}

// decay is the average's at a step: short at first, so that the start is forgotten.
func (s Settings) decay(step int) float64 {
	return min(s.Average, float64(1+step)/float64(10+step))
}

// reads is the scope that validation scores and that the trained model gets.
func (t *trainer) reads() string {
	if t.Average > 0 {
		return scopeAverage
	}
	return scopeFlow
}

// score returns the NLL of configurations under the averaged parameters.
func (t *trainer) score(x particle.Batch) (float64, error) {
	scope := t.Model.scope
	t.Model.scope = t.reads()
	defer func() { t.Model.scope = scope }()
	return t.NLL(x, 0)
}
