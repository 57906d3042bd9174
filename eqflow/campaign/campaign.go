// Package campaign cuts one large draw from a model, or the scoring of one large file, into shards that any number of
// machines work on apart from each other, and puts their files together again to what one machine would have found.
//
// A shard depends on the model, the seed, the whole's size and its own number, and on nothing that another shard does: it can
// be killed and run again, anywhere and in any order.
package campaign

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// ErrShards marks shards that do not exist, or do not belong together.
var ErrShards = errors.New("campaign: wrong shards")

// Shard is one of Of equal parts of a campaign, counted from 0 as job arrays count.
type Shard struct{ Index, Of int }

// ParseShard reads "i/n". Errors match ErrShards.
func ParseShard(text string) (Shard, error) {
	i, n, found := strings.Cut(text, "/")
	index, err := strconv.Atoi(i)
	of, wrong := strconv.Atoi(n)
	if !found || err != nil || wrong != nil || of < 1 || index < 0 || index >= of {
		return Shard{}, fmt.Errorf("%w: %q is no shard; give i/n with i from 0 to n−1, such as 0/16", ErrShards, text)
	}
	return Shard{index, of}, nil
}

func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Of) }

// Range is the shard's part of total things, from the first to before the last.
func (s Shard) Range(total int) (from, to int) {
	return total * s.Index / s.Of, total * (s.Index + 1) / s.Of
}

// The kinds of work.
const (
	Samples = "samples" // configurations with log_q, u and log_w
	Scores  = "scores"  // log_q of data, with the solver's steps and with two and four times as many
)

// Campaign is what all shards have in common.
type Campaign struct {
	Work  string `json:"work"`
	Model string `json:"model"` // a hash of system, flow and parameters
	Seed  uint64 `json:"seed"`
	Data  string `json:"data_sha256,omitempty"` // of the scored file
	Total int    `json:"total"`                 // configurations, over all shards
	Of    int    `json:"shards"`
	engine.Method
}

// Job is a campaign's work for one machine. It travels in the manifest of the file that the work makes.
type Job struct {
	Campaign
	Index int `json:"shard"`
}

func (j Job) shard() Shard { return Shard{j.Index, j.Of} }

// Sampling is the job of drawing a shard of total samples.
func Sampling(m *eqflow.Model, total int, seed uint64, s Shard) (Job, error) {
	return newJob(m, s, Campaign{Work: Samples, Seed: seed, Total: total})
}

// Scoring is the job of scoring a shard of data.
func Scoring(m *eqflow.Model, data particle.Batch, s Shard) (Job, error) {
	return newJob(m, s, Campaign{Work: Scores, Data: dataset.Hash(data), Total: data.Len()})
}

func newJob(m *eqflow.Model, s Shard, c Campaign) (j Job, err error) {
	if c.Total < s.Of {
		return j, fmt.Errorf("%w: %d configurations leave some of %d shards empty; cut them into fewer", ErrShards, c.Total, s.Of)
	}
	c.Model, err = fingerprint(m)
	c.Of, c.Method = s.Of, m.Divergence().Method()
	return Job{c, s.Index}, err
}

// fingerprint is the SHA-256 of what a model computes: system, flow and parameters.
func fingerprint(m *eqflow.Model) (string, error) {
	system, err := target.SpecOf(m.Target)
	if err != nil {
		return "", err
	}
	flow, err := flow.SpecOf(m.Flow)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal([]any{system, flow})
	if err != nil {
		return "", fmt.Errorf("campaign: the model has no description: %w", err)
	}
	parameters, err := m.Export()
	if err != nil {
		return "", err
	}
	numbers, err := dataset.EncodeArrays(parameters)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(text, numbers...))
	return hex.EncodeToString(sum[:]), nil
}

// Done tells whether a file holds this job's work already. One that holds anything else is an error that matches ErrShards.
func (j Job) Done(path string) (bool, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	there, _, err := readJob(path)
	switch {
	case err != nil:
		return false, fmt.Errorf("%w: %s exists and is no shard; give another name, or --force to replace it", ErrShards, path)
	case there != j:
		return false, fmt.Errorf("%w: %s exists and is %s; give another name, or --force to replace it", ErrShards, path, there.differs(j))
	}
	return true, nil
}

// differs says what j is that other is not.
func (j Job) differs(other Job) string {
	switch a, b := j.Campaign, other.Campaign; {
	case a.Work != b.Work:
		return fmt.Sprintf("of %s, not of %s", a.Work, b.Work)
	case a.Model != b.Model:
		return "of another model"
	case a.Data != b.Data:
		return "of other data"
	case a.Seed != b.Seed:
		return fmt.Sprintf("of seed %d, not %d", a.Seed, b.Seed)
	case a.Method != b.Method:
		return fmt.Sprintf("with log q by %s, not by %s", a.Phrase(), b.Phrase())
	case a.Total != b.Total || a.Of != b.Of:
		return fmt.Sprintf("of %d cut into %d, not of %d cut into %d", a.Total, a.Of, b.Total, b.Of)
	}
	return fmt.Sprintf("shard %s, not %s", j.shard(), other.shard())
}

// Sample draws the shard. Samples number 0 to total−1 are the same in however many shards they are drawn, but for rounding.
func (j Job) Sample(m *eqflow.Model) (dataset.Set, error) {
	from, to := j.shard().Range(j.Total)
	image, err := m.Forward(draws(m.Prior, j.Seed, from, to), 0)
	if err != nil {
		return dataset.Set{}, err
	}
	set, err := m.Set(image.Weigh(m.Target), j.Seed)
	if err != nil {
		return set, err
	}
	set.Manifest.CreatedBy = "eqflow sample"
	set.Manifest.Settings, err = json.Marshal(j)
	return set, err
}

// Draws come in blocks, each from a stream of its own, so that a shard needs no draw before its first.
const (
	block  = 1024
	stream = 0x7368617264 << 20
)

// draws returns the prior's draws number from to before to.
func draws(p prior.MeanFree, seed uint64, from, to int) particle.Batch {
	out := particle.NewBatch(to-from, p.N, p.D)
	for first := from / block * block; first < to; first += block {
		all := p.Sample(rand.New(rand.NewPCG(seed, stream+uint64(first/block))), block)
		low, high := max(first, from), min(first+block, to)
		copy(out.Slice(low-from, high-from).X, all.Slice(low-first, high-first).X)
	}
	return out
}

// columns are the arrays of each kind of work, in the order of their file.
var columns = map[string][]string{
	Samples: {"x", "log_q", "u", "log_w"},
	Scores:  {"log_q", "log_q_2n", "log_q_4n"},
}

// columns are the campaign's.
func (c Campaign) columns() []string {
	if c.Work == Samples && c.Probes > 1 {
		return append(slices.Clone(columns[Samples]), "log_q_error")
	}
	return columns[c.Work]
}

// Score scores the shard's part of data, which are all of the file's configurations, and returns log_q as trained, and with
// two and four times the solver's steps, with a manifest: what an .npz of scores holds.
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

// manifest is that of a file of scores.
func (j Job) manifest(m *eqflow.Model) ([]byte, error) {
	spec, err := target.SpecOf(m.Target)
	if err != nil {
		return nil, err
	}
	from, to := j.shard().Range(j.Total)
	doc := dataset.Manifest{System: m.Target.Name(), CreatedBy: "eqflow eval", Count: to - from, Particles: m.Prior.N, Dim: m.Prior.D}
	if doc.Spec, err = json.Marshal(spec); err != nil {
		return nil, err
	}
	if doc.Settings, err = json.Marshal(j); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// readJob reads whose work a file holds.
func readJob(path string) (j Job, m dataset.Manifest, err error) {
	text, err := dataset.ReadArray(path, "manifest")
	if err != nil {
		return j, m, err
	}
	if err := json.Unmarshal(text.U8, &m); err == nil && len(m.Settings) > 0 {
		_ = json.Unmarshal(m.Settings, &j) // of another kind of file it finds no campaign
	}
	if _, known := columns[j.Work]; !known || j.Of < 1 || j.Index < 0 || j.Index >= j.Of {
		return j, m, fmt.Errorf("%w: %s is no shard; make one with eqflow sample --shard i/n or eqflow eval --shard i/n", ErrShards, path)
	}
	if j.Divergence == "" { // in files from when there was no choice
		j.Divergence = engine.Exact
	}
	return j, m, nil
}
