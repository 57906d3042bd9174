package campaign

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Table are the numbers of many samples or scores on the disk, by the names of their columns: those
// of a draw, of one file, or of several. Memory does not grow with them.
type Table struct {
	Campaign
	N int
	// read calls do with the named columns of neighbours, in order.
	read func(do func(columns [][]float64) error, names ...string) error
}

// Open returns the numbers in the file of a shard.
func Open(path string) (Table, error) {
	j, _, err := readJob(path)
	if err != nil {
		return Table{}, err
	}
	from, to := j.shard().Range(j.Total)
	return tableOf(j.Campaign, to-from, path), nil
}

// tableOf returns the numbers in files of one campaign, in order.
func tableOf(c Campaign, n int, files ...string) Table {
	return Table{c, n, func(do func(columns [][]float64) error, names ...string) error {
		for _, path := range files {
			if err := dataset.ReadColumns(path, names, do); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Weighted are the values of a column with the log-weights.
func (t Table) Weighted(column string) stats.Weighted {
	return stats.Weighted{N: t.N, Blocks: func(do func(values, logW []float64) error) error {
		return t.read(func(c [][]float64) error { return do(c[0], c[1]) }, column, "log_w")
	}}
}

// Estimates returns the ESS, log Z, and the reweighted mean energy of samples.
func (t Table) Estimates() (e stats.Estimates, err error) {
	samples, err := t.Weighted("u").Normalise()
	if err != nil {
		return e, err
	}
	return samples.Estimates(stats.Bootstrap{})
}

// Noise is the noise of log q where probes estimate the divergence.
func (t Table) Noise() (density.Noise, error) {
	if t.Probes > 1 {
		return density.NoiseOfWeighted(t.Weighted("log_q_error"))
	}
	return density.NoiseOf(nil, nil), nil
}

// Configurations calls do with neighbouring configurations of n particles in d dimensions, in
// order. do must not keep them.
func (t Table) Configurations(n, d int, do func(x particle.Batch) error) error {
	return t.read(func(c [][]float64) error {
		x := particle.Batch{X: c[0], N: n, D: d}
		if len(x.X)%(n*d) != 0 {
			return fmt.Errorf("%w: the configurations have not %d particles in %d dimensions", ErrShards, n, d)
		}
		return do(x)
	}, "x")
}
