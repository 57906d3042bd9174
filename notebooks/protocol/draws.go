package protocol

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
)

// sampleSize returns the number of samples in figures and tables. Clusters, whose samples cost
// more, have fewer.
func (l *Lab) sampleSize(t target.Target) int {
	switch n := t.Particles(); {
	case n > 13:
		return l.size(500, 32)
	case n > 4:
		return l.size(2000, 300)
	}
	return 10_000
}

// Draws returns the generator's samples, kept for later cells. They are drawn again after another
// training, or for another number of solver steps.
func (l *Lab) Draws(t Trained) density.Samples {
	defer session.Hold(l.path("draws"), t.Key())()
	path := l.path("draws", t.Key()+".npz")
	origin := must(json.Marshal([]any{t.History.Records, t.SolverSteps()}))
	set, err := dataset.Read(path, t.Prior.N, t.Prior.D)
	if err == nil && compact(set.Manifest.Settings) == string(origin) {
		q, _ := set.Arrays.Get("log_q")
		u, _ := set.Arrays.Get("u")
		w, _ := set.Arrays.Get("log_w")
		return density.Samples{X: set.Batch, LogQ: q.F64, Energy: u.F64, LogWeight: w.F64}
	}
	s := must(t.Sample(l.sampleSize(t.Target), t.Seed+100))
	set = dataset.Set{
		Batch: s.X,
		Manifest: dataset.Manifest{
			System: t.Target.Name(), Seed: t.Seed, Settings: origin, CreatedBy: "eqflow notebooks/protocol",
		},
		Arrays: dataset.Arrays{
			dataset.Float64("log_q", s.LogQ), dataset.Float64("u", s.Energy), dataset.Float64("log_w", s.LogWeight),
		},
	}
	if err := dataset.Write(path, set, true); err != nil {
		panic(err)
	}
	return s
}

// compact returns JSON without white space, "" for invalid JSON.
func compact(text json.RawMessage) string {
	var out bytes.Buffer
	if json.Compact(&out, text) != nil {
		return ""
	}
	return out.String()
}

// effectiveShare returns the effective sample size as a fraction of the samples.
func effectiveShare(s density.Samples) float64 {
	return stats.KishESS(s.LogWeight) / float64(len(s.LogWeight))
}

// usefulWeights reports whether the effective sample size is at least ten. With fewer, a reweighted
// figure shows a handful of samples.
func usefulWeights(s density.Samples) bool { return stats.KishESS(s.LogWeight) >= 10 }

// distances compares the given number of samples with as many reference configurations.
func (l *Lab) distances(t target.Target, s density.Samples, reference particle.Batch, size int) measure.Distances {
	c := measure.Comparison{Size: size, Relabelling: target.RelabellingOf(t)}
	samples := measure.Sample{X: s.X, Energy: s.Energy, LogWeight: s.LogWeight}
	known := measure.Sample{X: reference, Energy: energies(t, reference)}
	return must(c.Compare(context.Background(), samples, known))
}

// plusMinus formats an estimate with its standard error.
func plusMinus(e stats.Estimate) string { return fmt.Sprintf("%.2f ± %.2f", e.Value, e.Error) }
