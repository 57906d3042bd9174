package dynamics_test

import (
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/flow/flowtest"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// A field of one's own makes a continuous flow that passes the tests of every bijection, with
// nothing but its own file.
func TestFieldOfOnesOwnMakesAFlow(t *testing.T) {
	flowtest.Run(t, xlatest.OpenGo(t), flow.Continuous{Field: softPull{}, Steps: 8}, 1e-5)
}
