package train_test

import (
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// moments is an objective of one's own: the mean square of the images' coordinates shall be Square.
// It is this file, and the line in init.
type moments struct {
	Square float64 `json:"square"`
}

func init() { train.Objectives = append(train.Objectives, moments{}) }

func (moments) String() string                             { return "moments" }
func (moments) Validate() error                            { return nil }
func (moments) Fits(flow.Config, int) error                { return nil }
func (moments) DataFree() bool                             { return true }
func (moments) Energies(int, flow.Config) int64            { return 0 }
func (m moments) Loss(train.Ends, flow.Config) engine.Loss { return momentsLoss{m} }

func (moments) Feed(f *train.Feed, step int) (in engine.Inputs, err error) {
	in.Z, _ = f.PriorDraws(step)
	return in, nil
}

type momentsLoss struct{ moments }

func (l momentsLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	x := f.Forward(in.Z).X
	return Square(AddScalar(ReduceAllMean(Mul(x, x)), -l.Square))
}

// An objective of one's own trains, is kept in a folder, and comes back from it.
func TestObjectiveOfOnesOwn(t *testing.T) {
	m, folder := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small), t.TempDir()
	s := eqflowtest.Settings(30)
	s.Objective, s.ValidateEvery = moments{Square: 2}, 10
	h, err := m.Train(t.Context(), train.Data{}, train.Run{Settings: s, Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	if first, last := h.Records[0].Loss, h.Records[2].Loss; !(last < first/2) {
		t.Errorf("the loss goes from %g to %g", first, last)
	}
	file, err := train.ReadFolder(folder)
	if err != nil {
		t.Fatal(err)
	}
	if file.Settings.Objective != (moments{Square: 2}) {
		t.Errorf("the folder holds the objective %+v", file.Settings.Objective)
	}
}
