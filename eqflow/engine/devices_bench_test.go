//go:build unix

package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// BenchmarkDevices shares training steps (DW4, batch 256, by likelihood) and draws of 8192 samples
// among several devices of the CPU. Besides the time of an operation it reports the time of all
// cores, cpu-ms/op. The increase of cpu-ms/op with the number of devices is the cost of sharing,
// independent of the load of the machine.
func BenchmarkDevices(b *testing.B) {
	for _, devices := range []int{1, 2, 4} {
		o, err := xla.OpenDevices(xlatest.Open(b).Plugin, devices)
		if err != nil {
			b.Fatal(err)
		}
		model := func() *eqflow.Model {
			m, err := eqflow.New(o.Backend, eqflow.Generator{Target: target.DW4(), Flow: flow.Continuous{}, Seed: 1})
			if err != nil {
				b.Fatal(err)
			}
			if err := eqflowtest.InGraphs(b, m).Share(devices); err != nil {
				b.Fatal(err)
			}
			return m
		}
		b.Run(fmt.Sprintf("train/%d", devices), func(b *testing.B) { benchmarkTraining(b, model()) })
		b.Run(fmt.Sprintf("sample/%d", devices), func(b *testing.B) { benchmarkSampling(b, model()) })
		o.Close()
	}
}

// cpuTime returns the processor time of this process so far, on all cores.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func benchmarkTraining(b *testing.B, m *eqflow.Model) {
	const warm = 2
	x := m.Prior.Sample(rand.New(rand.NewPCG(1, 1)), 2000)
	for i := range x.X {
		x.X[i] *= 3
	}
	var start time.Duration
	run := train.Run{Settings: train.Settings{Steps: b.N + warm}, Report: func(p train.Progress) {
		if p.Step == warm {
			b.ResetTimer()
			start = cpuTime()
		}
	}}
	if _, err := m.Train(context.Background(), train.Data{Train: x}, run); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((cpuTime()-start).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
}

func benchmarkSampling(b *testing.B, m *eqflow.Model) {
	draw := func() {
		if _, err := m.Sample(8192, 1); err != nil {
			b.Fatal(err)
		}
	}
	draw()
	start := cpuTime()
	for b.Loop() {
		draw()
	}
	b.ReportMetric(float64((cpuTime()-start).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
}
