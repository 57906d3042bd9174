package xla

import (
	"bytes"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/klog/v2"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// standIn opens the CPU's plugin under the name of CUDA's. go-xla and this package go by the name,
// so the programs and the transfers of buffers are those of a device.
func standIn(t *testing.T) *Opened {
	t.Helper()
	cpu, err := Open(CPU)
	if err != nil {
		t.Skipf("needs XLA CPU: %v", err)
	}
	defer cpu.Close()
	path := filepath.Join(t.TempDir(), "pjrt_c_api_cuda_plugin.so")
	if err := os.Symlink(cpu.Plugin, path); err != nil {
		t.Fatal(err)
	}
	o, err := openPlugin(path, CUDA, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

// programs returns the StableHLO text of all programs that are compiled while f runs, from go-xla's
// log.
func programs(t *testing.T, f func()) string {
	t.Helper()
	var text bytes.Buffer
	set := func(verbosity, stderr string) {
		flags := flag.NewFlagSet("klog", flag.PanicOnError)
		klog.InitFlags(flags)
		for name, value := range map[string]string{"v": verbosity, "logtostderr": stderr, "stderrthreshold": "FATAL"} {
			if err := flags.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	klog.SetOutput(&text)
	set("2", "false")
	defer set("0", "true")
	f()
	klog.Flush()
	return text.String()
}

// No likelihood is computed with TF32: every product in a device's programs, in loops and outside,
// asks for the highest precision. The log-densities equal the CPU's.
func TestDevicesComputeInFullPrecision(t *testing.T) {
	device := standIn(t)
	cpu, err := Open(CPU)
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	for name, config := range map[string]flow.Config{
		"kernel":  flow.Continuous{Field: dynamics.RadialBasis{Centres: 8, TimeCentres: 3}, Steps: 3},
		"realnvp": flow.Coupling{Blocks: 2, Hidden: 8},
	} {
		score := func(o *Opened) (logProb []float64) {
			m, err := eqflow.New(o.Backend, eqflow.Generator{Target: target.DW4(), Flow: config, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			x := m.Prior.Sample(rand.New(rand.NewPCG(1, 2)), 8)
			if logProb, err = m.LogProb(x, 0); err != nil {
				t.Fatal(err)
			}
			return logProb
		}
		var onDevice []float64
		text := programs(t, func() { onDevice = score(device) })
		dots := strings.Count(text, "stablehlo.dot_general")
		const highestPrecision = "#stablehlo<precision HIGHEST>"
		highest := strings.Count(text, "precision_config = ["+highestPrecision+", "+highestPrecision+"]")
		if dots == 0 || highest != dots || strings.Contains(text, "TF32") {
			t.Errorf("%s: %d of %d products ask for the highest precision", name, highest, dots)
		}
		for i, want := range score(cpu) {
			if math.Abs(onDevice[i]-want) > 1e-4 {
				t.Errorf("%s: log q %g on the device, %g on the CPU", name, onDevice[i], want)
				break
			}
		}
	}
}

// A device takes larger blocks than a CPU, since small ones would leave it idle. It needs one call
// where the CPU needs three.
func TestDevicesTakeLargeBlocks(t *testing.T) {
	generator := eqflow.Generator{Target: target.DW4(), Flow: flow.Coupling{Blocks: 1, Hidden: 2}}
	m, err := eqflow.New(standIn(t).Backend, generator)
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	m.Watch(t.Context(), func(done, total int) { blocks++ })
	if _, err := m.Sample(3000, 1); err != nil || blocks != 1 {
		t.Errorf("%d blocks, %v", blocks, err)
	}
}
