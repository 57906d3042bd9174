package bench

import (
	"bytes"
	"embed"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

//go:embed reference/*.npz
var references embed.FS

// problem has the inputs of a case's contenders: parameters, data, prior draws and flow times. It
// also has the results of every kind of work in float64 (peers/reference.py).
type problem struct {
	dataset.Arrays
	n, d int
}

// referenceName returns the file name of the reference for a flow on a system.
func referenceName(flow, system string) string {
	name := strings.ToUpper(system)
	if flow != "kernel" && flow != moleculeCase.Flow {
		name = strings.ToUpper(flow) + "-" + name
	}
	return name + ".npz"
}

func readReference(flow, system string) (problem, error) {
	file := referenceName(flow, system)
	data, err := references.ReadFile("reference/" + file)
	if err != nil {
		return problem{}, fmt.Errorf("bench: there is no reference for %s on %s", flow, system)
	}
	arrays, err := dataset.DecodeArrays(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return problem{}, fmt.Errorf("bench: reference %s: %w", file, err)
	}
	return newProblem(arrays), nil
}

func newProblem(arrays dataset.Arrays) problem {
	shape, _ := arrays.Get("shape")
	s := shape.Float64s()
	return problem{arrays, int(s[0]), int(s[1])}
}

// write writes the problem to a file for the contenders and returns its path.
func (p problem) write(folder, name string) (string, error) {
	path := filepath.Join(folder, name)
	return path, dataset.WriteArrays(path, p.Arrays, true)
}

// values returns an array by name, nil if there is none.
func (p problem) values(name string) []float64 {
	a, _ := p.Get(name)
	return a.Float64s()
}

// configurations returns the first configurations of "data" or "z".
func (p problem) configurations(name string, count int) particle.Batch {
	return particle.Batch{X: p.values(name)[:count*p.n*p.d], N: p.n, D: p.d}
}

// limit is the relative error above which a contender counts as wrong. In float32 the gradients by
// the widths are off by up to 3e-5, since they are sums of terms that nearly cancel.
const limit = 1e-4

// judge returns the largest relative error ‖a − b‖/‖b‖ among a contender's results, and the name of
// that result. The error of an array that is missing or has the wrong length is infinite.
func (p problem) judge(c Case, got map[string][]float64) (worst float64, where string) {
	wanted := p.wanted(c)
	if len(wanted) == 0 {
		return math.Inf(1), "no reference"
	}
	for name, want := range wanted {
		e := math.Inf(1)
		if have := got[name]; len(have) == len(want) {
			e = relative(have, want)
		} else if probe, ok := strings.CutPrefix(name, "grad_"); ok && len(want) == probes && p.isProbed(c, probe) {
			e = relative(project(have), want)
		}
		if math.IsNaN(e) {
			e = math.Inf(1)
		}
		if e >= worst {
			worst, where = e, name
		}
	}
	return worst, where
}

// wanted returns the results that the contenders of a case must compute.
func (p problem) wanted(c Case) map[string][]float64 {
	out := map[string][]float64{}
	add := func(name string, each int) {
		if all := p.values(name); len(all) >= c.Batch*each {
			out[name] = all[:c.Batch*each]
		}
	}
	switch c.Work {
	case Sample:
		add("x", p.n*p.d)
		add("log_q", 1)
	case Likelihood:
		add("log_p", 1)
	case Energies:
		add("energy", 1)
		add("forces", p.n*p.d)
	default:
		after := fmt.Sprintf("_%d", c.Batch)
		for _, a := range p.Arrays {
			name, ok := strings.CutSuffix(a.Name, after)
			if !ok {
				continue
			}
			if name, ok = strings.CutPrefix(name, string(c.Work)+"_"); ok {
				out[strings.Replace(name, "probe_", "grad_", 1)] = a.Float64s()
			}
		}
	}
	return out
}

// isProbed reports whether the reference has projections of a gradient instead of the gradient
// itself.
func (p problem) isProbed(c Case, name string) bool {
	_, ok := p.Get(fmt.Sprintf("%s_probe_%s_%d", c.Work, name, c.Batch))
	return ok
}

// probes is the number of projections that stand for a gradient too long to store.
const probes = 8

// project returns the products of a gradient with the directions of peers/egnn_reference.py.
func project(v []float64) []float64 {
	out := make([]float64, probes)
	for k := range out {
		for i, x := range v {
			out[k] += x * math.Cos(1.7*float64(k+1)*float64(i+1))
		}
	}
	return out
}

// relative returns ‖a − b‖/‖b‖.
func relative(a, b []float64) float64 {
	top, bottom := 0.0, 0.0
	for i := range b {
		top += (a[i] - b[i]) * (a[i] - b[i])
		bottom += b[i] * b[i]
	}
	return math.Sqrt(top / bottom)
}
