package campaign

import (
	"encoding/json"
	"math/rand/v2"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// columns are the arrays of each kind of work, in the order of the file.
var columns = map[string][]string{
	Samples: {"x", "log_q", "u", "log_w"},
	Scores:  {"log_q", "log_q_2n", "log_q_4n"},
}

// columns are the arrays of the campaign's files, in order.
func (c Campaign) columns() []string {
	if c.Work == Samples && c.Probes > 1 {
		return append(slices.Clone(columns[Samples]), "log_q_error")
	}
	return columns[c.Work]
}

// Sample draws the shard. Samples 0 to total−1 do not depend on the number of shards, except for
// rounding.
func (j Job) Sample(m *eqflow.Model) (dataset.Set, error) {
	s, err := j.collect(m)
	if err != nil {
		return dataset.Set{}, err
	}
	return j.set(m, s)
}

// set is the content of the job's file.
func (j Job) set(m *eqflow.Model, s density.Samples) (dataset.Set, error) {
	set, err := m.Set(s, j.Seed)
	if err != nil {
		return set, err
	}
	set.Manifest.CreatedBy = "eqflow sample"
	if !j.Single {
		set.Manifest.Settings, err = json.Marshal(j)
	}
	return set, err
}

// draws returns a function that gives the next n draws of the prior whose images are the samples of
// the job. The first done draws are left out.
func (j Job) draws(m *eqflow.Model, done int) func(n int) particle.Batch {
	if j.Single {
		next := m.PriorStream(j.Seed)
		for done > 0 {
			done -= next(min(done, blockSize)).Len()
		}
		return next
	}
	at, _ := j.shard().Range(j.Total)
	at += done
	return func(n int) particle.Batch {
		at += n
		return priorDraws(m.Prior, j.Seed, at-n, at)
	}
}

// Draws come in blocks. Each block has a random stream of its own, so that a shard can start at its
// first draw without making the draws before it.
const (
	blockSize   = 1024
	firstStream = 0x7368617264 << 20 // of block 0: "shard" in ASCII
)

// priorDraws returns the prior's draws with the numbers from, …, to−1.
func priorDraws(p prior.MeanFree, seed uint64, from, to int) particle.Batch {
	out := particle.NewBatch(to-from, p.N, p.D)
	for first := from / blockSize * blockSize; first < to; first += blockSize {
		rng := rand.New(rand.NewPCG(seed, firstStream+uint64(first/blockSize)))
		block := p.Sample(rng, blockSize)
		low, high := max(first, from), min(first+blockSize, to)
		copy(out.Slice(low-from, high-from).X, block.Slice(low-first, high-first).X)
	}
	return out
}

// Score scores the shard's part of data, where data are all configurations of the campaign. It
// returns the arrays of an .npz of scores: log_q as trained, log_q with two and four times the
// solver's steps, and a manifest.
func (j Job) Score(m *eqflow.Model, data particle.Batch) (dataset.Arrays, error) {
	from, to := j.shard().Range(j.Total)
	var out dataset.Arrays
	for k, name := range columns[Scores] {
		logQ, err := m.LogProb(data.Slice(from, to), m.SolverSteps()<<k)
		if err != nil {
			return nil, err
		}
		out = append(out, dataset.Float64(name, logQ))
	}
	manifest, err := j.manifest(m)
	return append(out, dataset.Bytes("manifest", manifest)), err
}

// manifest is the manifest of a file of scores.
func (j Job) manifest(m *eqflow.Model) ([]byte, error) {
	spec, err := target.SpecOf(m.Target)
	if err != nil {
		return nil, err
	}
	from, to := j.shard().Range(j.Total)
	doc := dataset.Manifest{
		System: m.Target.Name(), CreatedBy: "eqflow eval",
		Count: to - from, Particles: m.Prior.N, Dim: m.Prior.D,
	}
	if doc.Spec, err = json.Marshal(spec); err != nil {
		return nil, err
	}
	if doc.Settings, err = json.Marshal(j); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}
