// Package campaign divides one large draw from a model, or the scoring of one large file, into
// shards. Any number of machines compute the shards independently. Merge puts the files together to
// the result that one machine would have.
//
// A shard depends on the model, the seed, the size of the whole and the shard's number. It does not
// depend on other shards. A shard can therefore be killed and run again, anywhere and in any order.
//
//   - campaign.go: what campaigns, shards and jobs are, and whether a file holds the work of a job
//   - work.go: the work on one shard, by sampling or scoring
//   - partial.go: a draw, whose samples lie on the disk until they are written as a whole
//   - rows.go: the file of these samples
//   - table.go: estimates from samples and scores on the disk
//   - merge.go: the whole campaign from the files of its shards
package campaign

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// ErrShards marks shards that do not exist or that do not belong to one campaign.
var ErrShards = errors.New("campaign: wrong shards")

// Shard is one of Of equal parts of a campaign. Index counts from 0, as job arrays do.
type Shard struct{ Index, Of int }

// ParseShard parses a shard of the form "i/n". Errors match ErrShards.
func ParseShard(text string) (Shard, error) {
	i, n, found := strings.Cut(text, "/")
	index, err := strconv.Atoi(i)
	of, wrong := strconv.Atoi(n)
	if !found || err != nil || wrong != nil || of < 1 || index < 0 || index >= of {
		return Shard{}, fmt.Errorf("%w: %q is no shard; give i/n with i from 0 to n−1, such as 0/16", ErrShards, text)
	}
	return Shard{index, of}, nil
}

// String returns the form that ParseShard parses.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Of) }

// Range is the shard's part of total things: those with the numbers from, …, to−1.
func (s Shard) Range(total int) (from, to int) {
	start := func(index int) int { // total·index/Of without overflow
		high, low := bits.Mul64(uint64(total), uint64(index))
		quotient, _ := bits.Div64(high, low, uint64(s.Of))
		return int(quotient)
	}
	return start(s.Index), start(s.Index + 1)
}

// The kinds of work.
const (
	Samples = "samples" // configurations with log_q, u and log_w
	Scores  = "scores"  // log_q of data, with one, two and four times the solver's steps
)

// Campaign is what all shards of one campaign have in common.
type Campaign struct {
	Work  string `json:"work"`
	Model string `json:"model"` // the hash of system, flow and parameters
	Seed  uint64 `json:"seed"`
	Data  string `json:"data_sha256,omitempty"` // of the scored configurations
	Total int    `json:"total"`                 // number of configurations in all shards
	Of    int    `json:"shards"`                // number of shards
	engine.Method
}

// Job is a campaign's work for one machine. The manifest of the resulting file contains the job.
type Job struct {
	Campaign
	Index int `json:"shard"`
	// Single means the draws of Model.Sample, which have one random stream.
	Single bool `json:"single,omitempty"`
}

func (j Job) shard() Shard { return Shard{j.Index, j.Of} }

// Sampling is the job of drawing a shard of total samples.
func Sampling(m *eqflow.Model, total int, seed uint64, s Shard) (Job, error) {
	return newJob(m, s, Campaign{Work: Samples, Seed: seed, Total: total})
}

// Single is the job of drawing the samples of Model.Sample, in one piece.
func Single(m *eqflow.Model, total int, seed uint64) (Job, error) {
	j, err := newJob(m, Shard{Of: 1}, Campaign{Work: Samples, Seed: seed, Total: total})
	j.Single = true
	return j, err
}

// Scoring is the job of scoring a shard of the data.
func Scoring(m *eqflow.Model, data particle.Batch, s Shard) (Job, error) {
	return newJob(m, s, Campaign{Work: Scores, Data: dataset.Hash(data), Total: data.Len()})
}

// newJob completes a campaign of the model, and returns its job for a shard.
func newJob(m *eqflow.Model, s Shard, c Campaign) (j Job, err error) {
	if c.Total < s.Of {
		return j, fmt.Errorf("%w: %d configurations leave some of %d shards empty; use fewer shards",
			ErrShards, c.Total, s.Of)
	}
	c.Model, err = fingerprint(m)
	c.Of, c.Method = s.Of, m.Divergence().Method()
	return Job{Campaign: c, Index: s.Index}, err
}

// fingerprint is the SHA-256 of system, flow and parameters, which determine what a model computes.
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

// Done reports whether a file holds the work of this job already. A file with other contents is an
// error that matches ErrShards.
func (j Job) Done(path string) (bool, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	existing, _, err := readJob(path)
	switch {
	case errors.Is(err, dataset.ErrInput):
		return false, fmt.Errorf("%w: %s exists and cannot be read (%w); --force replaces it", ErrShards, path, err)
	case err != nil:
		return false, fmt.Errorf("%w: %s exists and is no shard; give another name, or --force to replace it",
			ErrShards, path)
	case existing != j:
		return false, fmt.Errorf("%w: %s exists and is %s; give another name, or --force to replace it",
			ErrShards, path, existing.difference(j))
	}
	if err := dataset.Verify(path); err != nil {
		return false, fmt.Errorf("%w: %s exists and is damaged (%w); --force replaces it", ErrShards, path, err)
	}
	return true, nil
}

// difference describes how j differs from other: "of seed 4, not 5".
func (j Job) difference(other Job) string {
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
	case j.Single != other.Single:
		return "of a shard, not of a whole draw, or the reverse"
	case a.Total != b.Total || a.Of != b.Of:
		return fmt.Sprintf("of %d cut into %d, not of %d cut into %d", a.Total, a.Of, b.Total, b.Of)
	}
	return fmt.Sprintf("shard %s, not %s", j.shard(), other.shard())
}

// readJob reads the job and the manifest of a shard's file.
func readJob(path string) (j Job, m dataset.Manifest, err error) {
	text, err := dataset.ReadArray(path, "manifest")
	if err != nil {
		return j, m, err
	}
	if err := json.Unmarshal(text.U8, &m); err == nil && len(m.Settings) > 0 {
		_ = json.Unmarshal(m.Settings, &j) // a file of another kind leaves j without work
	}
	if _, known := columns[j.Work]; !known || j.Of < 1 || j.Index < 0 || j.Index >= j.Of {
		return j, m, fmt.Errorf("%w: %s is no shard; make shards with --shard i/n of eqflow sample or eqflow eval",
			ErrShards, path)
	}
	j.Divergence = cmp.Or(j.Divergence, engine.Exact) // older files name none
	return j, m, nil
}
