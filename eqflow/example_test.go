package eqflow_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
)

// From a system to a free energy. README shows the lines between the marks.
func Example() {
	ctx := context.Background()
	scratch, err := os.MkdirTemp("", "eqflow-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(scratch)
	folder := filepath.Join(scratch, "model")
	// README begins
	backend, err := xla.Open("auto") // CUDA, XLA on the CPU, or the Go backend
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Close()
	system := target.DW4()
	model, err := eqflow.New(backend.Backend, eqflow.Generator{Target: system, Flow: flow.Continuous{}, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	data, _, err := mcmc.Equilibrium(ctx, system, 1000, mcmc.Auto, 1, nil)
	if err != nil {
		log.Fatal(err)
	}
	settings := train.Settings{Objective: train.Likelihood{}, Steps: 100}
	if _, err = model.Train(ctx, train.Data{Train: data}, train.Run{Settings: settings, Folder: folder}); err != nil {
		log.Fatal(err)
	}
	samples, err := model.Sample(2000, 1) // configurations, log q, energies, log-weights
	if err != nil {
		log.Fatal(err)
	}
	logZ := stats.LogZ(samples.LogWeight, stats.Bootstrap{}) // ± its standard error
	report, err := model.Evaluate(data, evaluate.Options{Equilibrium: true, Samples: new(500), Compare: new(0)})
	if err != nil {
		log.Fatal(err)
	}
	// README ends
	fmt.Println("the likelihood may be trusted:", report.Trustworthy)
	fmt.Println("log Z is finite:", !math.IsInf(logZ.Value, 0))
	// Output:
	// the likelihood may be trusted: true
	// log Z is finite: true
}
