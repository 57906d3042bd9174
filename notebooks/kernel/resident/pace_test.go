package resident

import (
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// A sampling of a minute or more is expected to be long, a short one is not.
func TestExpectedTime(t *testing.T) {
	m := save(t, t.TempDir(), 1)
	if short, err := expected(m, 100); err != nil || short >= long {
		t.Errorf("100 samples: %s, %v", short, err)
	}
	// a sample takes over 10 ns on any machine
	if endless, err := expected(m, 1<<40); err != nil || endless < time.Hour {
		t.Errorf("2^40 samples: %s, %v", endless, err)
	}
}

// Samples that take long are announced after a small part of one sample's time, however few they
// are.
func TestExpectingCostsLittle(t *testing.T) {
	const steps = 20_000
	system := target.Harmonic{N: 3, D: 2}
	field := dynamics.RadialBasis{Centres: 4, TimeCentres: 2}
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{
		Target: system, Flow: flow.Continuous{Field: field, Steps: steps},
	})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	estimate, err := expected(m, 3)
	tried := time.Since(start)
	start = time.Now()
	if _, err := m.Draw(1, 0, 0); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	if err != nil || tried > took/2 || estimate < took/4 {
		t.Errorf("a sample takes %s; three are expected to take %s after a trial of %s, %v", took, estimate, tried, err)
	}
}

// The announcement comes before the work, with its time. Progress is told now and then.
func TestAnnouncement(t *testing.T) {
	var said strings.Builder
	m := &Model{Folder: "eqBG"}
	loud := m.loud(&said, 20_000, 90*time.Second)
	if want := "20000 samples of eqBG will take about 1m30s"; !strings.Contains(said.String(), want) {
		t.Errorf("said %q, want %q", said.String(), want)
	}
	loud.report(1, 20_000)
	if m.report != nil || strings.Count(said.String(), "\n") != 1 {
		t.Errorf("the first progress is told at once: %q", said.String())
	}
}

// What the helper draws of a system that only the cells know can be shown, and a sampling leaves
// its ESS on the model's card.
func TestConfigurationsAndCard(t *testing.T) {
	startHost(t)
	save(t, "springs", 1)
	m := Open("springs")
	if m.Card().Sampling != nil {
		t.Error("a new model has been sampled")
	}
	few, s := m.Sample(20, 1), m.Sample(200, 1)
	kept := m.Card().Sampling
	if kept == nil || kept.Samples != 200 || few.X.Len() != 20 || !(kept.ESS.Value > 0 && kept.ESS.Value <= 1) {
		t.Errorf("the card has %+v after %d samples", kept, s.X.Len())
	}
	own := target.MustFromGraph("own-trap", 3, 2, func(x *graph.Node) *graph.Node {
		return graph.ReduceSum(particle.SquaredPairDistances(x), -1)
	})
	saveOf(t, "own", own, 1)
	if x := Open("own").Configurations(5, 1); x.Len() != 5 || x.N != 3 {
		t.Errorf("%d configurations of %d particles", x.Len(), x.N)
	}
}
