// Package egnn computes the EGNN field in C on all cores: the formulas of dynamics.EGNN and their derivatives by hand, in float32. They are its
// regression (flow matching) with the gradient by the parameters, its flow with products of its Jacobian and vectors, all of which make
// the exact divergence, and what scores obey along a trajectory: the pull (∂v/∂x)ᵀs and the divergence's own gradient.
//
// A few configurations at a time go all the way through and back while what they need stays in the cache, and every layer of a network is a
// matrix product with its activation on it. Nothing is compiled when it runs.
//
// It is there on amd64 with AVX2, where cgo is at hand and particles are all alike; elsewhere the graphs are used. The results
// do not depend on the number of cores.
package egnn

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
	"github.com/eqflow/gonb-eqflow/internal/spare"
)

// Field is an EGNN field of N particles, all alike, in D dimensions with numbers for parameters.
type Field struct {
	dynamics.EGNN
	N, D       int
	Parameters []float32 // one after another, as Part finds them
	layout     []part
}

// New returns a field whose parameters are zeros. ok is false where this machine or this field is not for C.
func New(config dynamics.EGNN, n, d int) (f Field, ok bool) {
	f = Field{EGNN: config.WithDefaults(), N: n, D: d}
	if !atHand || n < 2 || f.Hidden%widest != 0 || config.Validate() != nil {
		return f, false
	}
	f.layout = layoutOf(f.EGNN, n)
	last := f.layout[len(f.layout)-1]
	f.Parameters = make([]float32, last.at+last.size())
	return f, true
}

// widest divides the width of a layer: two vectors of sixteen numbers.
const widest = 32

// part is one of the variables that dynamics.EGNN creates, and where it lies.
type part struct {
	name           string
	rows, cols, at int
	share          float32 // of the parameter that counts
}

func (p part) size() int { return p.rows * p.cols }

// layoutOf is the order in which parameters lie, which network_body.h has too.
func layoutOf(f dynamics.EGNN, n int) []part {
	h, at := f.Hidden, 0
	var parts []part
	add := func(rows int, name string) {
		parts = append(parts, part{name, rows, h, at, 1})
		at += rows * h
	}
	add(1+f.Harmonics, "embed")
	add(1, "embed_bias")
	for k := range f.Layers {
		of := func(rows int, names ...string) {
			for _, name := range names {
				add(rows, fmt.Sprintf("layer_%d_%s", k, name))
				parts[len(parts)-1].share = float32(f.Share(name, n))
			}
		}
		of(h, "to", "from")
		of(1, "distance", "start", "edge_bias")
		of(h, "message")
		of(1, "message_bias")
		of(h, "pull")
		of(1, "pull_bias", "strength")
		if k < f.Layers-1 {
			of(h, "own", "heard")
			of(1, "update_bias")
			of(h, "update")
			of(1, "update_out_bias")
		}
	}
	return parts
}

// Set gives the variable that dynamics.EGNN creates under a name its values; one that it does not create is left alone.
func (f Field) Set(name string, values []float32) {
	for _, p := range f.layout {
		if p.name == name {
			for i, v := range values {
				f.Parameters[p.at+i] = v * p.share
			}
		}
	}
}

// Of returns, of a gradient by all parameters, that by the variable that dynamics.EGNN creates under a name, nil for another.
func (f Field) Of(gradient []float32, name string) (of []float32) {
	for _, p := range f.layout {
		if p.name == name {
			for _, v := range gradient[p.at : p.at+p.size()] {
				of = append(of, v*p.share)
			}
		}
	}
	return of
}

// turned returns the parameters with every square matrix transposed where it lies.
func (f Field) turned() []float32 {
	out := spareNumbers.Get(len(f.Parameters))
	for _, p := range f.layout {
		if p.rows != p.cols {
			continue
		}
		for i := range p.rows {
			for j := range p.cols {
				out[p.at+j*p.cols+i] = f.Parameters[p.at+i*p.cols+j]
			}
		}
	}
	return out
}

// mostParts is into how many parts a batch is divided at most, each with a gradient of its own, whatever the number of cores.
const mostParts = 8

// lanes is how many configurations are computed side by side. A part that holds fewer takes as long.
const lanes = 8

// Match returns ⟨|v(x, t) − want|²⟩ over a batch, in the squared unit of velocities, and its gradient by the parameters.
func (f Field) Match(x, want particle.Batch, t []float64) (loss float64, gradient []float32) {
	size, wanted, losses := float64(x.Len()), float32s(want.X), [mostParts]float64{}
	gradient = f.summed(x, t, func(part int, turned, x, t []float32, from, to int, g []float32) {
		losses[part] = f.match(turned, x, t, wanted[from:to], 1/float32(size), g) / size
	})
	for _, l := range losses {
		loss += l
	}
	return loss, gradient
}

// Push returns Σ cotangents·v(x, t) over a batch's gradient by the parameters.
func (f Field) Push(x, cotangents particle.Batch, t []float64) []float32 {
	given := float32s(cotangents.X)
	return f.summed(x, t, func(_ int, turned, x, t []float32, from, to int, g []float32) {
		f.push(turned, x, t, given[from:to], g)
	})
}

// summed is the sum of what add adds to the gradient of each part of a batch, numbers from … to of its arrays.
func (f Field) summed(x particle.Batch, t []float64, add func(part int, turned, x, t []float32, from, to int, g []float32)) []float32 {
	size, width, features := x.Len(), f.N*f.D, 1+f.Harmonics
	places, times, turned := float32s(x.X), f.times(t), f.turned()
	blocks := (size + lanes - 1) / lanes
	gradients := make([][]float32, min(blocks, mostParts))
	parallel.Each(len(gradients), func(k int) {
		from, to := k*blocks/len(gradients)*lanes, min((k+1)*blocks/len(gradients)*lanes, size)
		gradients[k] = spareNumbers.Get(len(f.Parameters))
		clear(gradients[k])
		add(k, turned, places[from*width:to*width], times[from*features:to*features], from*width, to*width, gradients[k])
	})
	sum := make([]float32, len(f.Parameters))
	for _, g := range gradients {
		for i, v := range g {
			sum[i] += v
		}
		spareNumbers.Put(g)
	}
	spareNumbers.Put(turned)
	return sum
}

// times are the features of flow times, t and its harmonics.
func (f Field) times(t []float64) []float32 {
	var out []float32
	for _, t := range t {
		out = append(out, float32(t))
		for k := range f.Harmonics {
			out = append(out, float32(math.Cos(float64(k+1)*math.Pi*t)))
		}
	}
	return out
}

func float32s(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

// spareNumbers are those of steps and solves.
var spareNumbers spare.Arrays[float32]
