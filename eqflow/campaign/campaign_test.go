package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

func newModel(t *testing.T, seed uint64) *eqflow.Model {
	t.Helper()
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{
		Target: target.DW4(),
		Flow:   flow.Continuous{Field: dynamics.RadialBasis{Centres: 8, TimeCentres: 3}, Steps: 3},
		Seed:   seed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sample writes the shards of a campaign and returns their files.
func sample(t *testing.T, m *eqflow.Model, total, of int, seed uint64) (files []string) {
	t.Helper()
	folder := t.TempDir()
	for i := range of {
		job, err := Sampling(m, total, seed, Shard{i, of})
		if err != nil {
			t.Fatal(err)
		}
		set, err := job.Sample(m)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(folder, fmt.Sprint(i, ".npz")))
		if err := dataset.Write(files[i], set, false); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func merged(t *testing.T, files ...string) *Whole {
	t.Helper()
	w, err := Merge(files...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestShardsPartition(t *testing.T) {
	for _, total := range []int{1, 7, 1000, 1 << 40} {
		for _, of := range []int{1, 2, 7, 64} {
			end := 0
			for i := range of {
				from, to := Shard{i, of}.Range(total)
				if from != end || to < from || to-from > total/of+1 {
					t.Fatalf("shard %d/%d of %d is %d to %d, after %d", i, of, total, from, to, end)
				}
				end = to
			}
			if end != total {
				t.Fatalf("%d shards of %d end at %d", of, total, end)
			}
		}
	}
}

func TestParseShard(t *testing.T) {
	if s, err := ParseShard("3/16"); err != nil || s != (Shard{3, 16}) || s.String() != "3/16" {
		t.Errorf("%v, %v", s, err)
	}
	for _, text := range []string{"", "3", "3/", "/3", "3/3", "-1/3", "0/0", "a/b", "1/2/3", "0.5/2"} {
		if _, err := ParseShard(text); !errors.Is(err, ErrShards) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The whole of a draw does not depend on the number of shards, bit for bit if the backend rounds
// every configuration alike. The summary agrees with the estimators for one file.
func TestWholeIsTheSameInAnyCut(t *testing.T) {
	const total = 2500 // ends within the third block
	m, folder := newModel(t, 1), t.TempDir()
	var files []dataset.Set
	for k, of := range []int{1, 4} {
		shards := sample(t, m, total, of, 9)
		slices.Reverse(shards)
		w, path := merged(t, shards...), filepath.Join(folder, fmt.Sprint(k, ".npz"))
		if err := w.Write(path, false); err != nil {
			t.Fatal(err)
		}
		set, err := dataset.Read(path, 4, 2) // which holds the hash of its manifest against x
		if err != nil {
			t.Fatal(err)
		}
		if set.Manifest.Count != total || set.Manifest.System != "dw4" {
			t.Errorf("manifest %+v", set.Manifest)
		}
		set.Manifest = dataset.Manifest{}
		files = append(files, set)
		u, _ := set.Arrays.Get("u")
		logW, _ := set.Arrays.Get("log_w")
		summary, err := w.Summary()
		if err != nil {
			t.Fatal(err)
		}
		checkSummary(t, summary, u.F64, logW.F64)
	}
	if !reflect.DeepEqual(files[0], files[1]) {
		t.Error("four shards and one differ")
	}
}

// checkSummary compares the summary of samples with energies u and log-weights logW with the
// estimators.
func checkSummary(t *testing.T, s Summary, u, logW []float64) {
	t.Helper()
	z, e := stats.LogZ(logW, stats.Bootstrap{}), stats.Mean(u, logW, stats.Bootstrap{})
	if s.LogZ != z.Value || s.LogZError != z.Error || s.Energy != e.Value || s.EnergyError != e.Error {
		t.Errorf("in %d shards: %+v, want %v and %v", s.Shards, s, z, e)
	}
	if ess := stats.KishESS(logW) / float64(len(logW)); s.ESS != ess {
		t.Errorf("in %d shards: an ESS of %g, want %g", s.Shards, s.ESS, ess)
	}
	density := stats.Histogram(u, logW, s.Energies.Edges, stats.Bootstrap{})
	if !reflect.DeepEqual(density, s.Energies.Density) || len(density) != bins {
		t.Errorf("in %d shards the histogram is %v, want %v", s.Shards, s.Energies.Density, density)
	}
}

// No two samples are alike, because blocks and seeds have random streams of their own.
func TestStreamsAreIndependent(t *testing.T) {
	m, seen := newModel(t, 1), map[float64]string{}
	for _, seed := range []uint64{0, 1, 1 << 63} {
		z := priorDraws(m.Prior, seed, 0, 3*blockSize)
		for i := range z.Len() {
			if other, there := seen[z.At(i)[0]]; there {
				t.Fatalf("draw %d of seed %d is that of %s", i, seed, other)
			}
			seen[z.At(i)[0]] = fmt.Sprintf("seed %d, draw %d", seed, i)
		}
	}
	mean := 0.0
	for v := range seen {
		mean += v / float64(len(seen))
	}
	if mean*mean > 16*0.75/float64(len(seen)) { // the variance of a coordinate is 1 − 1/4
		t.Errorf("the mean of %d coordinates is %g", len(seen), mean)
	}
}

// A shard that is killed leaves no file, and is the same when it is run again.
func TestKilledShardComesOutTheSame(t *testing.T) {
	m := newModel(t, 1)
	want, err := os.ReadFile(sample(t, m, 3000, 2, 5)[1])
	if err != nil {
		t.Fatal(err)
	}
	job, err := Sampling(m, 3000, 5, Shard{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(t.Context())
	m.Watch(ctx, func(int, int) { kill() })
	path := filepath.Join(t.TempDir(), "1.npz")
	if _, err := job.Sample(m); !errors.Is(err, context.Canceled) {
		t.Fatalf("killed: %v", err)
	}
	if done, err := job.Done(path); done || err != nil {
		t.Errorf("before it ran: %t, %v", done, err)
	}
	m.Watch(t.Context(), nil)
	set, err := job.Sample(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := dataset.Write(path, set, false); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("run again it differs, %v", err)
	}
	if done, err := job.Done(path); !done || err != nil {
		t.Errorf("after it ran: %t, %v", done, err)
	}
	exact, probes := engine.Method{Divergence: engine.Exact}, engine.Divergence{Probes: 4}.Method()
	for what, other := range map[string]Job{
		"shard":     {Campaign: job.Campaign},
		"draw":      {Campaign: job.Campaign, Index: 1, Single: true},
		"seed":      {Campaign: Campaign{Samples, job.Model, 6, "", 3000, 2, exact}, Index: 1},
		"cut into":  {Campaign: Campaign{Samples, job.Model, 5, "", 3000, 3, exact}, Index: 1},
		"model":     {Campaign: Campaign{Samples, "x", 5, "", 3000, 2, exact}, Index: 1},
		"of scores": {Campaign: Campaign{Scores, job.Model, 5, "", 3000, 2, exact}, Index: 1},
		"4 probes":  {Campaign: Campaign{Samples, job.Model, 5, "", 3000, 2, probes}, Index: 1},
	} {
		if done, err := other.Done(path); done || !errors.Is(err, ErrShards) || !strings.Contains(err.Error(), what) {
			t.Errorf("another %s: %t, %v", what, done, err)
		}
	}
}

func TestMergeRefuses(t *testing.T) {
	m := newModel(t, 1)
	shards, plain := sample(t, m, 60, 3, 1), filepath.Join(t.TempDir(), "plain.npz")
	samples, err := m.Sample(20, 1)
	if err != nil {
		t.Fatal(err)
	}
	set, err := m.Set(samples, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := dataset.Write(plain, set, false); err != nil {
		t.Fatal(err)
	}
	for want, files := range map[string][]string{
		"none are given":           {},
		"2 of 3 are missing: 0, 2": {shards[1]},
		"shard 1/3 is given twice": {shards[0], shards[1], shards[1], shards[2]},
		"of another model":         {shards[0], sample(t, newModel(t, 2), 60, 3, 1)[1], shards[2]},
		"of seed 2, not 1":         {shards[0], sample(t, m, 60, 3, 2)[1], shards[2]},
		"of 60 cut into 2":         {shards[0], sample(t, m, 60, 2, 1)[1], shards[2]},
		"of 61 cut into 3":         {shards[0], sample(t, m, 61, 3, 1)[1], shards[2]},
		plain + " is no shard":     {shards[0], plain},
	} {
		if _, err := Merge(files...); !errors.Is(err, ErrShards) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	if _, err := Merge("nowhere.npz"); !errors.Is(err, dataset.ErrInput) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Sampling(m, 2, 1, Shard{0, 3}); !errors.Is(err, ErrShards) {
		t.Errorf("empty shards: %v", err)
	}
}

// Scores in shards give the verdict of the whole file.
func TestScoresMerge(t *testing.T) {
	m, folder := newModel(t, 1), t.TempDir()
	data := m.Prior.Sample(rand.New(rand.NewPCG(3, 3)), 90)
	var files []string
	for i := range 4 {
		job, err := Scoring(m, data, Shard{i, 4})
		if err != nil {
			t.Fatal(err)
		}
		scores, err := job.Score(m, data)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(folder, fmt.Sprint(i, ".npz")))
		if err := dataset.WriteArrays(files[i], scores, false); err != nil {
			t.Fatal(err)
		}
	}
	want, err := m.CheckNLL(data, true)
	if err != nil {
		t.Fatal(err)
	}
	w := merged(t, files...)
	if got, err := w.Check(true); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	path := filepath.Join(folder, "all.npz")
	if err := w.Write(path, false); err != nil {
		t.Fatal(err)
	}
	arrays, err := dataset.ReadArrays(path)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"log_q", "log_q_2n", "log_q_4n", "manifest"}
	if !slices.Equal(arrays.Names(), names) || arrays[0].Len() != 90 {
		t.Errorf("arrays %v, the first of %d", arrays.Names(), arrays[0].Len())
	}
}
